from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table5"):
    from threephase.settings_table import Column, with_tuned, write_table5

    given = snakemake.params
    stem = Path(snakemake.output[0]).with_suffix("")
    columns = with_tuned([Column(*column) for column in given.columns], snakemake.input.get("tuned") or [])
    write_table5(columns, given.titles, given.reference, stem)
