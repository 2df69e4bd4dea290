from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "report") as outcome:
    from threephase.report.page import write_report

    files = [Path(path) for path in [*snakemake.input.files, *snakemake.input.effects]]
    shown = write_report(snakemake.params.title, Path(snakemake.input.verdict), files, Path(snakemake.output[0]))
    outcome.says(f"{shown} tables")
