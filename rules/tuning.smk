"""Studies that search for hyper-parameters: their workers train, and what they found goes to the phases."""

STUDY_FIGURES = ["history", "importances", "parallel", "slices"]


rule study_worker:
    input:
        data=training_data("train", "unlabelled", "validation"),
        parent=f"{BASE_MODEL}/complete.json",
    output:
        f"{STUDY}/workers/{{worker}}.json",
    log:
        "results/logs/tuning/{dataset}/{model}/{group}.{worker}.log",
    conda:
        "../environment.yml"
    resources:
        save_every=settings.save_every,
    params:
        steps=tuned_steps,
        settings=settings.tuning.model_dump(mode="json"),
        phases=PHASES_CODE,
        code=code("study_worker.py"),
    message:
        "study · {wildcards.dataset} · {wildcards.model} · {wildcards.group} · worker {wildcards.worker}"
    script:
        "../workflow/scripts/study_worker.py"


rule study:
    input:
        data=f"{DATA}/dataset.json",
        parent=f"{BASE_MODEL}/complete.json",
        workers=expand(
            f"{STUDY}/workers/{{worker}}.json",
            worker=range(1, settings.tuning.workers + 1),
            allow_missing=True,
        ),
    output:
        best=f"{STUDY}/best.yaml",
        trials=f"{STUDY}/trials.csv",
        values=expand(f"{STUDY}/{{phase}}.json", phase=PHASES, allow_missing=True),
        figures=expand(
            f"{STUDY}/{{figure}}.{{ending}}",
            figure=STUDY_FIGURES,
            ending=["svg", "png"],
            allow_missing=True,
        ),
    log:
        "results/logs/tuning/{dataset}/{model}/{group}.log",
    conda:
        "../environment.yml"
    params:
        steps=tuned_steps,
        settings=settings.tuning.model_dump(mode="json"),
        phases=PHASES_CODE,
        code=code("study.py"),
    message:
        "study · {wildcards.dataset} · {wildcards.model} · {wildcards.group}: what it found"
    script:
        "../workflow/scripts/study.py"
