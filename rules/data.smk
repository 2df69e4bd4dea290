rule dataset:
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
        code=code("dataset.py"),
    message:
        "data · {wildcards.dataset}: read, clean and split"
    script:
        "../workflow/scripts/dataset.py"
