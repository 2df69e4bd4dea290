rule base_model:
    output:
        f"{BASE_MODEL}/complete.json",
    log:
        "results/logs/models/{model}.log",
    conda:
        "../environment.yml"
    params:
        settings=model_settings,
        code=code("base_model.py"),
    message:
        "base model · {wildcards.model}: make it an encoder"
    script:
        "../workflow/scripts/base_model.py"
