from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table3"):
    from threephase.tables import table3, write_table

    write_table(table3, snakemake.params, snakemake.input.published, snakemake.output)
