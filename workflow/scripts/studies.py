from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "studies") as outcome:
    from threephase.tables.studies import write_studies

    table = write_studies(**snakemake.params.asked, stem=Path(snakemake.output[0]).with_suffix(""))
    outcome.says(f"{len(table)} studies")
