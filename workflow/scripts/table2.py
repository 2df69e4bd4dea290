from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table2"):
    import pandas as pd

    from threephase.data_tables import read_datasets, write_table2

    given = snakemake.params
    datasets = read_datasets(given.datasets, given.titles, given.expected, Path("results"))
    stem = Path(snakemake.output[0]).with_suffix("")
    write_table2(datasets, given.models, pd.read_csv(snakemake.input.published), stem)
