from snakemake.utils import min_version

min_version("9.27")


if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/phases.smk"
include: "rules/evaluation.smk"
include: "rules/tables.smk"


rule all:
    default_target: True
    input:
        rules.results.output,
        rules.tables.output,
