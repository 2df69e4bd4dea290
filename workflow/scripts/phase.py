from pathlib import Path

from threephase.jobs.phase import PhaseJob, train_in_job

rule = snakemake
training = PhaseJob(
    **rule.wildcards,
    data=Path(rule.input.data[0]).parent,
    parent=Path(rule.input.parent).parent,
    out=Path(rule.output[0]).parent,
    asked=rule.params.asked,
    tuned=rule.input.get("tuned"),
    sees_test=rule.input.get("test") is not None,
)
train_in_job(
    training,
    log=rule.log[0],
    threads=rule.threads,
    variants=rule.config["variants"],
    processes=rule.resources.processes,
    save_every=rule.resources.save_every,
)
