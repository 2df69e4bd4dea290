from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, snakemake.rule) as outcome:
    from threephase.tables.ablation import write_table4

    stem = Path(snakemake.output[0]).with_suffix("")
    found = write_table4(**snakemake.params.asked, published=snakemake.input.published, stem=stem)
    outcome.says(f"{len(found)} comparisons")
