from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, snakemake.rule):
    import pandas as pd

    from threephase.tables.datasets import TABLES, read_datasets

    asked = snakemake.params.asked
    datasets = read_datasets(asked["datasets"], asked["titles"], asked["expected"], asked["splits"], Path("results"))
    stem = Path(snakemake.output[0]).with_suffix("")
    TABLES[snakemake.rule](datasets, asked["models"], pd.read_csv(snakemake.input.published), stem)
