rule download_model:
    output:
        f"{DOWNLOADED_MODEL}/origin.json",
    log:
        "results/logs/downloads/models/{model}.log",
    conda:
        "../environment.yml"
    params:
        settings=model_settings,
        code=code("download_model.py"),
        repaired=repairs_of(DOWNLOADED_MODEL),
    message:
        "download · {wildcards.model}"
    script:
        "../workflow/scripts/download_model.py"


rule base_model:
    input:
        unpack(raw_model),
    output:
        f"{BASE_MODEL}/complete.json",
    log:
        "results/logs/models/{model}.log",
    conda:
        "../environment.yml"
    params:
        settings=model_settings,
        raw=lambda wildcards: raw_model_hash(wildcards.model),
        code=code("base_model.py"),
        repaired=repairs_of(BASE_MODEL),
    message:
        "base model · {wildcards.model}: make it an encoder"
    script:
        "../workflow/scripts/base_model.py"
