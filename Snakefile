from snakemake.utils import min_version

min_version("9.27")


if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/arrival.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/tuning.smk"
include: "rules/phases.smk"
include: "rules/evaluation.smk"
include: "rules/tables.smk"


TABLES = [getattr(rules, f"table{number}") for number in range(1, 8)]


rule all:
    default_target: True
    input:
        rules.results.output,
        [table.output for table in TABLES],
        rules.audit_published.output,
        studies(),
        expand(rules.effects.output, effect=settings.tables.effects),


# `snakemake bbc` or `snakemake "No Imb."`: the runs of one dataset, of one variant.
for name, runs in runs_by_target().items():

    rule:
        name:
            name
        input:
            evaluations(runs),
