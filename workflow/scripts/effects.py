from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"effects · {snakemake.wildcards.effect}") as outcome:
    from threephase.tables.effects import write_effects

    stem = Path(snakemake.output[0]).with_suffix("")
    outcome.says(f"{len(write_effects(**snakemake.params.asked, stem=stem))} comparisons")
