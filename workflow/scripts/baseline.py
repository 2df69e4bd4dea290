from pathlib import Path

from threephase.jobs.frame import job
from threephase.jobs.guard import refuse_test_split
from threephase.jobs.titles import RunTitle

rule = snakemake
run = dict(rule.wildcards.items())
data = Path(rule.input.data[0]).parent
title = RunTitle("baseline", run, rule.config["variants"])
with job(rule.log[0], rule.threads, title, gpus=1) as outcome, refuse_test_split(data.parent):
    from threephase.artifacts.folders import read_json
    from threephase.baselines.loading import baseline_named
    from threephase.baselines.run import run_baseline
    from threephase.experiment.recipe import Recipe

    out, base = Path(rule.output[0]).parent, rule.input.get("base")
    baseline = baseline_named(Recipe(run["recipe"]).baseline)
    run_baseline(
        baseline,
        data=data,
        settings=baseline.settings(**rule.params.asked["settings"]),
        seed=int(run["seed"]),
        out=out,
        base=Path(base).parent if base else None,
        title=str(title),
        code=rule.params.asked["code"],
    )
    record = read_json(out / "provenance.json")
    outcome.says(f"validation accuracy {100 * record['best_validation_score']:.1f}")
