"""Datasets: fetched where they are not here, split, audited."""


rule download_dataset:
    output:
        f"{DOWNLOADED_DATA}/{ORIGIN}",
    log:
        f"{LOGS}/downloads/data/{{dataset}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.download_of_dataset, "dataset"),
        repaired=repairs_of(DOWNLOADED_DATA),
    message:
        "download · {wildcards.dataset}"
    script:
        "../workflow/scripts/download_dataset.py"


rule dataset:
    input:
        unpack(asked(ASKED.downloaded_data, "dataset")),
    output:
        expand(
            f"{DATA}/{{split}}.parquet",
            split=["train", "validation", "test", "unlabelled"],
            allow_missing=True,
        ),
        dataset=f"{DATA}/{DATASET}",
    log:
        f"{LOGS}/data/{{dataset}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.dataset, "dataset"),
        repaired=repairs_of(DATA),
    message:
        "data · {wildcards.dataset}: read, clean and split"
    script:
        "../workflow/scripts/dataset.py"


rule audit:
    input:
        unpack(asked(ASKED.downloaded_data, "dataset")),
        dataset=asked(ASKED.audited_data, "dataset"),
        models=asked(ASKED.models_read_by, "dataset"),
    output:
        AUDIT,
        Path(AUDIT).with_suffix(".md"),
    log:
        f"{LOGS}/audits/{{dataset}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.audit, "dataset"),
    message:
        "audit · {wildcards.dataset}"
    script:
        "../workflow/scripts/audit.py"
