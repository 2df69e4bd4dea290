from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table6"):
    from threephase.tables import table6, write_table

    write_table(table6, snakemake.params, snakemake.input.published, snakemake.output)
