from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"effects · {snakemake.wildcards.effect}") as says:
    from threephase.effects import write_effects

    found = write_effects(snakemake.params, snakemake.output)
    says(f"{len(found)} comparisons")
