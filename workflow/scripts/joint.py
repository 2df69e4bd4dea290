from threephase.phases.job import phase_job

with phase_job("joint", snakemake) as train:
    from threephase.phases.joint import JOINT

    train(JOINT)
