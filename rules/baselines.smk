"""Baselines: classifiers that are none of the paper's, each from (data, base model, settings, seed)."""


rule baseline:
    input:
        unpack(asked(ASKED.base_read, "model", "recipe")),
        data=training_data("train", "validation"),
    output:
        f"{CHECKPOINT}/{COMPLETE}",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=Recipe.pattern("baseline"),
    priority: FIRST
    group:
        grouped("short")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.phase, "dataset", "model", "recipe"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "{rule} · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/baseline.py"
