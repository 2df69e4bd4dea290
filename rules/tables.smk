"""One rule for each table of the paper, from what it shows; and every run as a row."""


rule results:
    input:
        asked(lambda: ASKED.evaluations(ASKED.runs_of(experiment.variants))),
    output:
        f"{layout.table('results', experiment.name)}.csv",
    log:
        f"{LOGS}/tables/results.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.results),
        code=asked(partial(code, "results")),
    message:
        "results · one row for each run"
    script:
        "../workflow/scripts/results.py"


rule table1:
    input:
        asked(ASKED.audits),
        published=PUBLISHED / "datasets.csv",
    output:
        table_files("table1"),
    log:
        f"{LOGS}/tables/table1.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.data_table),
        code=asked(partial(code, "data_table")),
    message:
        "table 1 · the datasets and their splits"
    script:
        "../workflow/scripts/data_table.py"


use rule table1 as table2 with:
    output:
        table_files("table2"),
    log:
        f"{LOGS}/tables/table2.log",
    message:
        "table 2 · lengths of texts"


rule table3:
    input:
        asked(partial(ASKED.table_input, experiment.main_variants)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table3"),
    log:
        f"{LOGS}/tables/table3.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(partial(ASKED.table, experiment.main_variants)),
        code=asked(partial(code, "score_table")),
    message:
        "table 3 · accuracy"
    script:
        "../workflow/scripts/score_table.py"


rule table4:
    input:
        asked(partial(ASKED.table_input, experiment.ablation_variants)),
        published=PUBLISHED / "results.csv",
    output:
        table_files("table4", "svg", "png"),
    log:
        f"{LOGS}/tables/table4.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(partial(ASKED.table, experiment.ablation_variants)),
        code=asked(partial(code, "table4")),
    message:
        "table 4 · ablations"
    script:
        "../workflow/scripts/table4.py"


use rule table3 as table6 with:
    output:
        table_files("table6"),
    log:
        f"{LOGS}/tables/table6.log",
    message:
        "table 6 · precision and recall"


use rule table3 as table7 with:
    output:
        table_files("table7"),
    log:
        f"{LOGS}/tables/table7.log",
    message:
        "table 7 · F1"


rule table5:
    input:
        tuned=ASKED.tuned_of_reference(),
    output:
        table_files("table5"),
    log:
        f"{LOGS}/tables/table5.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(partial(ASKED.hyperparameter_table, published_settings(SHIPPED))),
        code=asked(partial(code, "table5")),
    message:
        "table 5 · hyper-parameters"
    script:
        "../workflow/scripts/table5.py"


rule studies:
    input:
        ASKED.studies(),
    output:
        table_files("studies"),
    log:
        f"{LOGS}/tables/studies.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.study_table),
        code=asked(partial(code, "studies")),
    message:
        "studies · with equal trials and in equal time"
    script:
        "../workflow/scripts/studies.py"


# Made where something is tuned.
STUDIES = rules.studies.output if ASKED.studies() else []


rule audit_published:
    input:
        results=PUBLISHED / "results.csv",
        datasets=PUBLISHED / "datasets.csv",
    output:
        table_files("audit_published"),
    log:
        f"{LOGS}/tables/audit_published.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        titles=experiment.titles(),
        code=asked(partial(code, "audit_published")),
    message:
        "audit · the published figures"
    script:
        "../workflow/scripts/audit_published.py"


rule effects:
    input:
        asked(ASKED.effect_input, "effect"),
    output:
        table_files("effects_{effect}", "svg", "png"),
    log:
        f"{LOGS}/tables/effects_{{effect}}.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.effect, "effect"),
        code=asked(partial(code, "effects")),
    message:
        "effects · {wildcards.effect}"
    script:
        "../workflow/scripts/effects.py"


EFFECTS = expand(rules.effects.output, effect=ASKED.effects())


rule probes:
    input:
        asked(partial(ASKED.probes, ASKED.runs)),
    output:
        table_files("probes"),
    log:
        f"{LOGS}/tables/probes.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.probe_table),
        code=asked(partial(code, "probes")),
    message:
        "probes · what each phase did to its encoder"
    script:
        "../workflow/scripts/probes.py"


rule claims:
    input:
        asked(lambda: ASKED.table_input(ASKED.of_phases())),
        published=PUBLISHED / "results.csv",
    output:
        table_files("claims"),
    log:
        f"{LOGS}/tables/claims.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.claims),
        code=asked(partial(code, "claims")),
    message:
        "claims · what this grid says of the paper's"
    script:
        "../workflow/scripts/claims.py"


rule over_datasets:
    input:
        asked(lambda: ASKED.evaluations(ASKED.runs_of(experiment.main_variants))),
    output:
        table_files("over_datasets", "svg", "png"),
    log:
        f"{LOGS}/tables/over_datasets.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.over_datasets),
        code=asked(partial(code, "over_datasets")),
    message:
        "over datasets · ranks and chances"
    script:
        "../workflow/scripts/over_datasets.py"


# Made where enough datasets share a base model.
OVER_DATASETS = (
    rules.over_datasets.output if ASKED.shared_datasets() >= LEAST_DATASETS else []
)


rule classes:
    input:
        asked(lambda: ASKED.evaluations(ASKED.runs_of(experiment.main_variants))),
    output:
        table_files("classes"),
    log:
        f"{LOGS}/tables/classes.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.class_table),
        code=asked(partial(code, "classes")),
    message:
        "classes · those that are found least"
    script:
        "../workflow/scripts/classes.py"


rule verdict:
    input:
        asked(partial(ASKED.table_input, experiment.variants)),
    output:
        f"{layout.table('verdict', experiment.name)}.md",
    log:
        f"{LOGS}/tables/verdict.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.verdict),
        code=asked(partial(code, "verdict")),
    message:
        "verdict · what came out, in plain sentences"
    script:
        "../workflow/scripts/verdict.py"


VERDICT = Path(rules.verdict.output[0])
VERDICT_BEFORE = VERDICT.stat().st_mtime_ns if VERDICT.exists() else None


onsuccess:
    # A run that is told to be quiet is one that `threephase summary` follows.
    new = VERDICT.exists() and VERDICT.stat().st_mtime_ns != VERDICT_BEFORE
    if new and not workflow.output_settings.quiet:
        print(printable(VERDICT.read_text(encoding="utf-8")), file=sys.stderr)
