from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "tables"):
    import pandas as pd

    from threephase.tables import table3, table4

    params = snakemake.params
    results = pd.read_csv(snakemake.input[0])
    main = [variant for variant in params.main if variant in params.variants]
    folder = Path(snakemake.output[0]).parent
    for table in (
        table3(results, main, params.reference, params.titles),
        table4(results, params.variants, params.reference, params.titles),
    ):
        table.write(folder / table.label)
