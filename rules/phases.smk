"""The three phases, each from (data, parent checkpoint, settings, seed) to a checkpoint."""


rule dae:
    input:
        data=training_data("train", "unlabelled", "validation"),
        parent=parent_checkpoint,
    output:
        f"{CHECKPOINT}/complete.json",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=recipe_pattern("dae"),
    conda:
        "../environment.yml"
    params:
        settings=phase_settings,
        code=code("dae.py"),
    message:
        "dae · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/dae.py"


rule contrastive:
    input:
        data=training_data("train", "validation"),
        parent=parent_checkpoint,
    output:
        f"{CHECKPOINT}/complete.json",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=recipe_pattern("cl"),
    conda:
        "../environment.yml"
    params:
        settings=phase_settings,
        code=code("contrastive.py"),
    message:
        "cl · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/contrastive.py"


rule finetune:
    input:
        data=training_data("train", "validation"),
        parent=parent_checkpoint,
    output:
        f"{CHECKPOINT}/complete.json",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=recipe_pattern("ft"),
    conda:
        "../environment.yml"
    params:
        settings=phase_settings,
        code=code("finetune.py"),
    message:
        "ft · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/finetune.py"
