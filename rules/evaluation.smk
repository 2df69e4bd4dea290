"""The one step that meets the test split."""


rule evaluate:
    input:
        dataset=f"{DATA}/dataset.json",
        test=ancient(f"{DATA}/test.parquet"),
        checkpoint=f"{CHECKPOINT}/complete.json",
    output:
        f"{EVALUATION}/complete.json",
    log:
        RUN_LOG.format(step="evaluations"),
    conda:
        "../environment.yml"
    params:
        settings=scoring_settings,
        code=code("evaluate.py"),
        repaired=repairs_of(EVALUATION),
    message:
        "test · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/evaluate.py"
