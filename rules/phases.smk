"""The three phases. A checkpoint's path is its recipe, so variants that begin alike share checkpoints."""

CHECKPOINT = "results/checkpoints/{dataset}/{model}/seed{seed}/{recipe}"
CHECKPOINT_LOG = "results/logs/checkpoints/{dataset}/{model}/seed{seed}/{recipe}.log"


def training_data(*splits):
    """The files of the dataset that a phase reads. Large ones are `ancient`: their hashes stand in dataset.json."""
    folder = "results/data/{dataset}"
    return [
        f"{folder}/dataset.json",
        *(ancient(f"{folder}/{split}.parquet") for split in splits),
    ]


rule dae:
    input:
        data=training_data("train", "unlabelled", "validation"),
        parent=parent_checkpoint,
    output:
        f"{CHECKPOINT}/complete.json",
    log:
        CHECKPOINT_LOG,
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
        CHECKPOINT_LOG,
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
        CHECKPOINT_LOG,
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
