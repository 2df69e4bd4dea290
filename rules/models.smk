"""Base models: fetched where they are not here, made encoders."""


rule download_model:
    output:
        f"{DOWNLOADED_MODEL}/{ORIGIN}",
    log:
        f"{LOGS}/downloads/models/{{model}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.download_of_model, "model"),
        repaired=repairs_of(DOWNLOADED_MODEL),
    message:
        "download · {wildcards.model}"
    script:
        "../workflow/scripts/download_model.py"


rule base_model:
    input:
        unpack(asked(ASKED.downloaded_model, "model")),
    output:
        f"{BASE_MODEL}/{COMPLETE}",
    log:
        f"{LOGS}/models/{{model}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.base_model, "model"),
        repaired=repairs_of(BASE_MODEL),
    message:
        "base model · {wildcards.model}: make it an encoder"
    script:
        "../workflow/scripts/base_model.py"
