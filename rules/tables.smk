"""One rule for each table of the paper, from what it shows; and every run as a row."""


rule results:
    input:
        evaluations(runs_of(settings.variants)),
    output:
        "results/tables/results.csv",
    log:
        "results/logs/tables/results.log",
    conda:
        "../environment.yml"
    params:
        **table_params(settings.variants),
        code=code("results.py"),
    message:
        "results · one row for each run"
    script:
        "../workflow/scripts/results.py"


rule table1:
    input:
        data_table_input(),
        published=PUBLISHED / "datasets.csv",
    output:
        table_files("table1_splits"),
    log:
        "results/logs/tables/table1.log",
    conda:
        "../environment.yml"
    params:
        **data_table_params(),
        code=code("table1.py"),
    message:
        "table 1 · the datasets and their splits"
    script:
        "../workflow/scripts/table1.py"


rule table2:
    input:
        data_table_input(),
        published=PUBLISHED / "datasets.csv",
    output:
        table_files("table2_lengths"),
    log:
        "results/logs/tables/table2.log",
    conda:
        "../environment.yml"
    params:
        **data_table_params(),
        code=code("table2.py"),
    message:
        "table 2 · lengths of texts"
    script:
        "../workflow/scripts/table2.py"


rule table3:
    input:
        evaluations(runs_of(settings.tables.main)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table3_accuracy"),
    log:
        "results/logs/tables/table3.log",
    conda:
        "../environment.yml"
    params:
        **table_params(settings.tables.main),
        code=code("table3.py"),
    message:
        "table 3 · accuracy"
    script:
        "../workflow/scripts/table3.py"


rule table4:
    input:
        evaluations(runs_of(settings.variants)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table4_ablation"),
    log:
        "results/logs/tables/table4.log",
    conda:
        "../environment.yml"
    params:
        **table_params(settings.variants),
        code=code("table4.py"),
    message:
        "table 4 · ablations"
    script:
        "../workflow/scripts/table4.py"


rule table5:
    input:
        tuned=tuned_of_columns(),
    output:
        table_files("table5_hyperparameters"),
    log:
        "results/logs/tables/table5.log",
    conda:
        "../environment.yml"
    params:
        columns=hyperparameter_columns(),
        titles=settings.titles(),
        reference=settings.tables.reference,
        code=code("table5.py"),
    message:
        "table 5 · hyper-parameters"
    script:
        "../workflow/scripts/table5.py"


rule table6:
    input:
        evaluations(runs_of(settings.tables.main)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table6_precision_recall"),
    log:
        "results/logs/tables/table6.log",
    conda:
        "../environment.yml"
    params:
        **table_params(settings.tables.main),
        code=code("table6.py"),
    message:
        "table 6 · precision and recall"
    script:
        "../workflow/scripts/table6.py"


rule table7:
    input:
        evaluations(runs_of(settings.tables.main)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table7_f1"),
    log:
        "results/logs/tables/table7.log",
    conda:
        "../environment.yml"
    params:
        **table_params(settings.tables.main),
        code=code("table7.py"),
    message:
        "table 7 · F1"
    script:
        "../workflow/scripts/table7.py"


rule audit_published:
    input:
        results=PUBLISHED / "results.csv",
        datasets=PUBLISHED / "datasets.csv",
    output:
        table_files("audit_published"),
    log:
        "results/logs/tables/audit_published.log",
    conda:
        "../environment.yml"
    params:
        titles=settings.titles(),
        code=code("audit_published.py"),
    message:
        "audit · the published figures"
    script:
        "../workflow/scripts/audit_published.py"


rule effects:
    input:
        effect_input,
    output:
        table_files("effects_{effect}"),
        "results/tables/effects_{effect}.svg",
        "results/tables/effects_{effect}.png",
    log:
        "results/logs/tables/effects_{effect}.log",
    conda:
        "../environment.yml"
    params:
        runs=lambda wildcards: effect_params(wildcards.effect)["runs"],
        asked=lambda wildcards: effect_params(wildcards.effect)["asked"],
        missing=lambda wildcards: effect_params(wildcards.effect)["missing"],
        against=lambda wildcards: settings.tables.effects[wildcards.effect].against,
        title=lambda wildcards: settings.tables.effects[wildcards.effect].title,
        titles=settings.titles(),
        code=code("effects.py"),
    message:
        "effects · {wildcards.effect}"
    script:
        "../workflow/scripts/effects.py"
