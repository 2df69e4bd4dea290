"""How a run stands, live on the terminal: one picture of all its jobs, from what Snakemake logs and jobs tell."""
