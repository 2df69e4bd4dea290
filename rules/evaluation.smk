EVALUATION = "results/evaluations/{dataset}/{model}/seed{seed}/{recipe}"


rule evaluate:
    input:
        dataset="results/data/{dataset}/dataset.json",
        test=ancient("results/data/{dataset}/test.parquet"),
        checkpoint=f"{CHECKPOINT}/complete.json",
    output:
        f"{EVALUATION}/complete.json",
    log:
        "results/logs/evaluations/{dataset}/{model}/seed{seed}/{recipe}.log",
    conda:
        "../environment.yml"
    params:
        code=code("evaluate.py"),
    message:
        "test · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/evaluate.py"
