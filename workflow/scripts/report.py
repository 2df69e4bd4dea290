from pathlib import Path

from threephase.jobs.frame import job

rule = snakemake
with job(rule.log[0], rule.threads, "report") as outcome:
    from threephase.report.page import write_report

    files = map(Path, [*rule.input.files, *rule.input.over_datasets, *rule.input.effects])
    shown = write_report(rule.params.title, Path(rule.input.verdict[0]), files, Path(rule.output[0]))
    outcome.says(f"{shown} tables: {rule.output[0]}")
