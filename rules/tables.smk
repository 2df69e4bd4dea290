rule results:
    input:
        evaluations=run_files(f"{EVALUATION}/complete.json"),
        checkpoints=run_files(f"{CHECKPOINT}/complete.json"),
    output:
        "results/tables/results.csv",
    log:
        "results/logs/tables/results.log",
    conda:
        "../environment.yml"
    params:
        runs=[tuple(run) for run in RUNS],
        code=code("results.py"),
    message:
        "results · one row for each run"
    script:
        "../workflow/scripts/results.py"


rule tables:
    input:
        rules.results.output,
    output:
        expand(
            "results/tables/{table}.{ending}",
            table=["table3_accuracy", "table4_ablation"],
            ending=["csv", "md", "tex"],
        ),
    log:
        "results/logs/tables/tables.log",
    conda:
        "../environment.yml"
    params:
        variants=list(settings.variants),
        main=settings.tables.main,
        reference=settings.tables.reference,
        titles=settings.titles(),
        code=code("tables.py"),
    message:
        "tables · 3 and 4"
    script:
        "../workflow/scripts/tables.py"
