"""The page of everything that came out, and the pictures on it."""

import yaml

# As they stand on the page: what was judged, then what it rests on.
REPORTED = [
    name
    for name in (
        *("table3", "table4", "table6", "table7", "classes", "claims", "probes"),
        *("table1", "table2", "table5", "audit_published"),
    )
    if name in tables_of(experiment, SHIPPED)
]

# What of the config the page shows: what was asked for, and not how it was carried out.
CONFIGURED = ("datasets", "limits", "models", "variants", "grid", "hyperparameters")


rule pictures:
    input:
        asked(ASKED.picture_input, "dataset", "model"),
    output:
        f"{PICTURES}/{COMPLETE}",
    log:
        f"{LOGS}/pictures/{{dataset}}/{{model}}.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.pictures, "dataset", "model"),
        code=asked(partial(code, "pictures")),
        repaired=repairs_of(PICTURES),
    message:
        "pictures · {wildcards.dataset} · {wildcards.model}"
    script:
        "../workflow/scripts/pictures.py"


rule report:
    input:
        verdict=rules.verdict.output,
        files=[getattr(rules, name).output for name in REPORTED],
        effects=EFFECTS,
        over_datasets=OVER_DATASETS,
        studies=STUDIES,
        pictures=ASKED.all_pictures(),
    output:
        report(
            f"{layout.table('report', experiment.name)}.html",
            caption="../workflow/report/page.rst",
            category="The page",
            labels={"page": experiment.name or "What came out"},
        ),
    log:
        f"{LOGS}/tables/report.log",
    group:
        grouped("tables")
    conda:
        "../environment.yml"
    params:
        title=experiment.name or "What came out",
        # A function, for braces in it are none of Snakemake's.
        config=lambda wildcards: yaml.safe_dump(
            {key: config[key] for key in CONFIGURED if key in config}, sort_keys=False
        ),
        code=asked(partial(code, "report")),
    message:
        "report · one page of everything"
    script:
        "../workflow/scripts/report.py"
