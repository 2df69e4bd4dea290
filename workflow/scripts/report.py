from pathlib import Path

from threephase.jobs.frame import job

rule = snakemake
with job(rule.log[0], rule.threads, "report") as outcome:
    from threephase.report.page import write_report

    shown = write_report(
        rule.params.title,
        Path(rule.input.verdict[0]),
        map(Path, [*rule.input.files, *rule.input.over_datasets, *rule.input.effects, *rule.input.studies]),
        Path(rule.output[0]),
        pictures=[Path(closing).parent for closing in rule.input.pictures],
        config=rule.params.config,
    )
    outcome.says(f"{shown} tables: {rule.output[0]}")
