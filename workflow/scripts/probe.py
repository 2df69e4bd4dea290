from pathlib import Path

from threephase.jobs.frame import job
from threephase.jobs.guard import refuse_test_split
from threephase.jobs.titles import RunTitle

rule = snakemake
of = dict(rule.wildcards.items())
base = f"probe · {of['dataset']} · {of['model']} · base model"
title = RunTitle("probe", of, rule.config["variants"]) if "recipe" in of else base
data = Path(rule.input.data[0]).parent
with job(rule.log[0], rule.threads, title, gpus=1) as outcome, refuse_test_split(data.parent):
    from threephase.evaluation.probe import probe, summary

    found = probe(
        data=data,
        checkpoint=Path(rule.input.checkpoint).parent,
        base=Path(rule.input.base).parent,
        out=Path(rule.output[0]).parent,
        code=rule.params.asked["code"],
        **rule.params.asked["settings"],
    )
    if "failed" in found:
        outcome.fails(f"nothing to probe: {found['failed']}")
    else:
        outcome.says(summary(found))
