from threephase.phases.job import phase_job

with phase_job("ft", snakemake) as train:
    from threephase.phases.finetune import FT

    train(FT)
