"""The page of everything that the tables say."""


rule report:
    input:
        verdict=rules.verdict.output,
        files=[
            getattr(rules, name).output
            for name in tables_of(experiment, SHIPPED)
            if name not in ("report", "verdict")
        ],
        effects=expand(rules.effects.output, effect=experiment.tables.effects),
    output:
        f"{layout.table('report', experiment.name)}.html",
    log:
        f"{LOGS}/tables/report.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        title=experiment.name or "What came out",
        code=code("report"),
    message:
        "report · one page of everything"
    script:
        "../workflow/scripts/report.py"
