from pathlib import Path

from threephase.jobs.frame import job

rule = snakemake
with job(rule.log[0], rule.threads, f"pictures · {rule.wildcards.dataset} · {rule.wildcards.model}") as outcome:
    from threephase.report.pictures import write_pictures

    found = write_pictures(**rule.params.asked, out=Path(rule.output[0]).parent)
    outcome.says(f"{len(found)} pictures")
