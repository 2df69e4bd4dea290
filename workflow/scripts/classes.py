from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "classes") as outcome:
    from threephase.tables.classes import write_classes

    stem = Path(snakemake.output[0]).with_suffix("")
    outcome.says(f"{len(write_classes(**snakemake.params.asked, stem=stem))} rows")
