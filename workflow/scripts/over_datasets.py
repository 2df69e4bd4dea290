from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "over datasets") as outcome:
    from threephase.tables.over_datasets import write_over_datasets

    stem = Path(snakemake.output[0]).with_suffix("")
    outcome.says(f"{len(write_over_datasets(**snakemake.params.asked, stem=stem))} base models")
