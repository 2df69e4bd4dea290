from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "table5"):
    from threephase.tables.hyperparameters import Column, with_tuned, write_table5

    asked = snakemake.params.asked
    stem = Path(snakemake.output[0]).with_suffix("")
    columns = [Column(*column) for column in asked["columns"]]
    columns = with_tuned(columns, snakemake.input.get("tuned") or [], asked["fixed"])
    write_table5(columns, asked["titles"], asked["reference"], stem)
