from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "results") as outcome:
    from threephase.checkpoint import writing_file
    from threephase.grid import Run
    from threephase.results import collect

    runs = [Run(*run) for run in snakemake.params.runs]
    table = collect(runs, snakemake.params.asked, Path("results"))
    with writing_file(Path(snakemake.output[0])) as beside:
        table.to_csv(beside, index=False)
    outcome.says(f"{len(table)} runs")
