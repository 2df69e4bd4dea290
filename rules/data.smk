rule download_dataset:
    output:
        f"{DOWNLOADED_DATA}/origin.json",
    log:
        "results/logs/downloads/data/{dataset}.log",
    conda:
        "../environment.yml"
    params:
        settings=download_settings,
        code=code("download_dataset.py"),
        repaired=repairs_of(DOWNLOADED_DATA),
    message:
        "download · {wildcards.dataset}"
    script:
        "../workflow/scripts/download_dataset.py"


rule dataset:
    input:
        unpack(raw_data),
    output:
        expand(
            "results/data/{{dataset}}/{split}.parquet",
            split=["train", "validation", "test", "unlabelled"],
        ),
        dataset=f"{DATA}/dataset.json",
    log:
        "results/logs/data/{dataset}.log",
    conda:
        "../environment.yml"
    params:
        settings=dataset_settings,
        raw=lambda wildcards: raw_data_hash(wildcards.dataset),
        code=code("dataset.py"),
        repaired=repairs_of(DATA),
    message:
        "data · {wildcards.dataset}: read, clean and split"
    script:
        "../workflow/scripts/dataset.py"


rule audit:
    input:
        unpack(raw_data),
        dataset=f"{DATA}/dataset.json",
        models=models_of_dataset,
    output:
        AUDIT,
        f"{AUDIT_STEM}.md",
    log:
        "results/logs/audits/{dataset}.log",
    conda:
        "../environment.yml"
    params:
        settings=dataset_settings,
        max_lengths=max_lengths,
        ratios=imbalance_ratios,
        code=code("audit.py"),
    message:
        "audit · {wildcards.dataset}"
    script:
        "../workflow/scripts/audit.py"
