"""The one step that meets the test split."""


rule evaluate:
    input:
        dataset=f"{DATA}/{DATASET}",
        test=ancient(f"{DATA}/test.parquet"),
        checkpoint=f"{CHECKPOINT}/{COMPLETE}",
    output:
        f"{EVALUATION}/{COMPLETE}",
    log:
        RUN_LOG.format(step="evaluations"),
    priority: FIRST
    group:
        grouped("short")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.evaluation, "dataset"),
        repaired=repairs_of(EVALUATION),
    message:
        "test · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/evaluate.py"
