from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "probes") as outcome:
    from threephase.tables.probes import write_probes

    stem = Path(snakemake.output[0]).with_suffix("")
    outcome.says(f"{len(write_probes(**snakemake.params.asked, stem=stem))} rows")
