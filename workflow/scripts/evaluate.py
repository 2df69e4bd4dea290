from pathlib import Path

from threephase.jobs.frame import job
from threephase.jobs.titles import RunTitle

rule = snakemake
run = dict(rule.wildcards.items())
with job(rule.log[0], rule.threads, RunTitle("test", run, rule.config["variants"]), gpus=1) as outcome:
    from threephase.artifacts import layout
    from threephase.evaluation.evaluate import evaluate
    from threephase.training.states import forget

    forget(layout.states(**run))
    metrics = evaluate(
        data=Path(rule.input.dataset).parent,
        checkpoint=Path(rule.input.checkpoint).parent,
        out=Path(rule.output[0]).parent,
        code=rule.params.asked["code"],
        **rule.params.asked["settings"],
    )
    if "failed" in metrics:
        outcome.fails(f"nothing to test: {metrics['failed']}")
    else:
        outcome.says(f"accuracy {metrics['accuracy']:.4f}, F1 {metrics['f1']:.4f}")
