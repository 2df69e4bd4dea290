from pathlib import Path

from threephase.job import job

rule = snakemake
where = " · ".join((rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.group))
with job(rule.log[0], rule.threads, f"study · {where}: what it found") as outcome:
    from threephase.tuning import plan_of
    from threephase.tuning_report import write_report

    found = write_report(plan_of(rule, Path(rule.input.data).parent), Path(rule.output.best).parent)
    outcome.says(f"{found['objective']} {found['value']:.4f} in trial {found['trial']} of {found['trials']}")
