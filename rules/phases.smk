"""The phases, each from (data, parent checkpoint, settings, seed) to a checkpoint."""


rule dae:
    input:
        unpack(leaked_test),
        unpack(asked(ASKED.tuned_input, "dataset", "model", "recipe")),
        data=training_data("train", "unlabelled", "validation"),
        parent=asked(ASKED.parent, "dataset", "model", "seed", "recipe"),
    output:
        f"{CHECKPOINT}/{COMPLETE}",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=Recipe.pattern("dae"),
    priority: urgency
    conda:
        "../environment.yml"
    resources:
        save_every=experiment.save_every,
        processes=1,
    params:
        asked=asked(ASKED.phase, "dataset", "model", "recipe"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "{rule} · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/phase.py"


use rule dae as joint with:
    wildcard_constraints:
        recipe=Recipe.pattern("joint"),


use rule dae as cl with:
    input:
        unpack(leaked_test),
        unpack(asked(ASKED.tuned_input, "dataset", "model", "recipe")),
        data=training_data("train", "validation"),
        parent=asked(ASKED.parent, "dataset", "model", "seed", "recipe"),
    wildcard_constraints:
        recipe=Recipe.pattern("cl"),


use rule cl as ft with:
    wildcard_constraints:
        recipe=Recipe.pattern("ft"),
