"""The phases, each from (data, parent checkpoint, settings, seed) to a checkpoint."""


rule dae:
    input:
        unpack(leaked_test),
        unpack(tuned_input),
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
    resources:
        save_every=settings.save_every,
        processes=1,
    params:
        settings=phase_settings,
        fixed=fixed_settings,
        code=code("dae.py"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "dae · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/dae.py"


rule cl:
    input:
        unpack(leaked_test),
        unpack(tuned_input),
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
    resources:
        save_every=settings.save_every,
        processes=1,
    params:
        settings=phase_settings,
        fixed=fixed_settings,
        code=code("cl.py"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "cl · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/cl.py"


rule joint:
    input:
        unpack(leaked_test),
        unpack(tuned_input),
        data=training_data("train", "unlabelled", "validation"),
        parent=parent_checkpoint,
    output:
        f"{CHECKPOINT}/complete.json",
    log:
        RUN_LOG.format(step="checkpoints"),
    wildcard_constraints:
        recipe=recipe_pattern("joint"),
    conda:
        "../environment.yml"
    resources:
        save_every=settings.save_every,
        processes=1,
    params:
        settings=phase_settings,
        fixed=fixed_settings,
        code=code("joint.py"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "joint · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/joint.py"


rule ft:
    input:
        unpack(leaked_test),
        unpack(tuned_input),
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
    resources:
        save_every=settings.save_every,
        processes=1,
    params:
        settings=phase_settings,
        fixed=fixed_settings,
        code=code("ft.py"),
        repaired=repairs_of(CHECKPOINT),
    message:
        "ft · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/ft.py"
