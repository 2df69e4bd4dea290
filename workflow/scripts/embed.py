from pathlib import Path

from threephase.jobs.frame import job
from threephase.jobs.titles import RunTitle

rule = snakemake
of = dict(rule.wildcards.items())
base = f"embed · {of['dataset']} · {of['model']} · base model"
title = RunTitle("embed", of, rule.config["variants"]) if "recipe" in of else base
with job(rule.log[0], rule.threads, title, gpus=1) as outcome:
    from threephase.evaluation.embedding import embed

    found = embed(
        data=Path(rule.input.data[0]).parent,
        checkpoint=Path(rule.input.checkpoint).parent,
        out=Path(rule.output[0]).parent,
        code=rule.params.asked["code"],
        **rule.params.asked["settings"],
    )
    if "failed" in found:
        outcome.fails(f"nothing to embed: {found['failed']}")
    else:
        outcome.says(f"{found['rows']['test']:,} test texts")
