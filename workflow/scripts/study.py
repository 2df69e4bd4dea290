from pathlib import Path

from threephase.jobs.frame import job

rule = snakemake
where = (rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.group)
with job(rule.log[0], rule.threads, f"study · {' · '.join(where)}: what it found") as outcome:
    from threephase.tuning.report import write_report
    from threephase.tuning.study import Plan

    plan = Plan.of(where, **rule.params.asked, data=Path(rule.input.data).parent, base=Path(rule.input.parent).parent)
    found = write_report(plan, Path(rule.output.best).parent)
    outcome.says(f"{found['objective']} {found['value']:.4f} in trial {found['trial']} of {found['trials']}")
