from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "results") as outcome:
    from threephase.artifacts.folders import writing_file
    from threephase.artifacts.inert import as_csv
    from threephase.evaluation.results import collect
    from threephase.experiment.recipe import Run

    asked = snakemake.params.asked
    table = collect([Run(*run) for run in asked["runs"]], asked["asked"], Path("results"))
    with writing_file(Path(snakemake.output[0])) as beside:
        beside.write_text(as_csv(table), encoding="utf-8")
    outcome.says(f"{len(table)} runs")
