from threephase.phases.job import phase_job

with phase_job("cl", snakemake) as train:
    from threephase.phases.contrastive import CL

    train(CL)
