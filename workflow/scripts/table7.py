from threephase.job import job

with job(snakemake.log[0], snakemake.threads, "table7"):
    from threephase.tables import table7, write_table

    write_table(table7, snakemake.params, snakemake.input.published, snakemake.output)
