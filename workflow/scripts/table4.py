from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table4"):
    from threephase.tables import table4, write_table

    write_table(table4, snakemake.params, snakemake.input.published, snakemake.output)
