"""The page of everything that the tables say."""

# As they stand on the page: what was judged, then what it rests on.
REPORTED = [
    name
    for name in (
        *("table3", "table4", "table6", "table7", "classes", "claims", "probes"),
        *("table1", "table2", "table5", "audit_published"),
    )
    if name in tables_of(experiment, SHIPPED)
]


rule report:
    input:
        verdict=rules.verdict.output,
        files=[getattr(rules, name).output for name in REPORTED],
        effects=expand(rules.effects.output, effect=experiment.tables.effects),
        over_datasets=OVER_DATASETS,
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
