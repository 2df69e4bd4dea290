from threephase.phases.job import phase_job

with phase_job("dae", snakemake) as train:
    from threephase.phases.dae import DAE

    train(DAE)
