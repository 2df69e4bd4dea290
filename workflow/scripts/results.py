from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "results") as says:
    from threephase.grid import Run
    from threephase.results import collect

    runs = [Run(*run) for run in snakemake.params.runs]
    table = collect(runs, snakemake.params.asked, Path("results"))
    table.to_csv(snakemake.output[0], index=False)
    says(f"{len(table)} runs")
