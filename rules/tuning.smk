"""Studies that search for hyper-parameters: their workers train, and what they found goes to the phases."""

STUDY_FIGURES = ["history", "importances", "parallel", "slices"]


rule study_worker:
    input:
        data=training_data("train", "unlabelled", "validation"),
        parent=f"{BASE_MODEL}/{COMPLETE}",
    output:
        f"{TUNING}/workers/{{worker}}.json",
    log:
        f"{LOGS}/tuning/{{dataset}}/{{model}}/{{group}}.{{worker}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    resources:
        save_every=experiment.save_every,
    params:
        asked=asked(ASKED.study, "dataset", "model", "group"),
        code=asked(partial(code, "study_worker")),
    message:
        "study · {wildcards.dataset} · {wildcards.model} · {wildcards.group} · worker {wildcards.worker}"
    script:
        "../workflow/scripts/study_worker.py"


rule study:
    input:
        data=f"{DATA}/{DATASET}",
        parent=f"{BASE_MODEL}/{COMPLETE}",
        workers=expand(
            f"{TUNING}/workers/{{worker}}.json",
            worker=range(1, experiment.tuning.workers + 1),
            allow_missing=True,
        ),
    output:
        best=f"{TUNING}/best.yaml",
        trials=f"{TUNING}/trials.csv",
        values=expand(f"{TUNING}/{{phase}}.json", phase=PHASES, allow_missing=True),
        figures=expand(
            f"{TUNING}/{{figure}}.{{ending}}",
            figure=STUDY_FIGURES,
            ending=["svg", "png"],
            allow_missing=True,
        ),
    log:
        f"{LOGS}/tuning/{{dataset}}/{{model}}/{{group}}.log",
    priority: FIRST
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.study, "dataset", "model", "group"),
        code=asked(partial(code, "study")),
    message:
        "study · {wildcards.dataset} · {wildcards.model} · {wildcards.group}: what it found"
    script:
        "../workflow/scripts/study.py"
