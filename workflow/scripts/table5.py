from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table5"):
    from threephase.settings_table import Column, write_table5

    given = snakemake.params
    stem = Path(snakemake.output[0]).with_suffix("")
    write_table5([Column(*column) for column in given.columns], given.titles, given.reference, stem)
