from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, snakemake.rule):
    from threephase.tables.scores import TABLES, write_table

    stem = Path(snakemake.output[0]).with_suffix("")
    write_table(TABLES[snakemake.rule], **snakemake.params.asked, published=snakemake.input.published, stem=stem)
