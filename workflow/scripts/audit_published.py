from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, "audit_published") as outcome:
    from pathlib import Path

    import pandas as pd

    from threephase.tables.published import audit, write_audit

    checks = audit(pd.read_csv(snakemake.input.results), pd.read_csv(snakemake.input.datasets))
    write_audit(checks, snakemake.params.titles, Path(snakemake.output[0]).with_suffix(""))
    outcome.says(f"{sum(not check.holds for check in checks)} of {len(checks)} checks fail")
