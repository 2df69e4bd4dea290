from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"effects · {snakemake.wildcards.effect}") as outcome:
    from threephase.effects import write_effects

    found = write_effects(snakemake.params, snakemake.output)
    outcome.says(f"{len(found)} comparisons")
