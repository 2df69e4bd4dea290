from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "verdict") as outcome:
    from threephase.tables.verdict import write_verdict

    found = write_verdict(**snakemake.params.asked, out=Path(snakemake.output[0]))
    outcome.says(f"{len(found)} dataset{'s' * (len(found) != 1)} × base model")
