from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "claims") as outcome:
    from threephase.tables.claims import told, write_claims

    stem = Path(snakemake.output[0]).with_suffix("")
    judged = write_claims(**snakemake.params.asked, published=snakemake.input.published, stem=stem)
    outcome.says(told(judged))
