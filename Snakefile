from snakemake.utils import min_version

min_version("9.27")


if not workflow.overwrite_configfiles:

    # By the place of this file, for a run with --directory has another working folder.
    configfile: f"{workflow.basedir}/config/config.yaml"


# What Snakemake's own report (snakemake --report) begins with.
report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/arrival.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/tuning.smk"
include: "rules/phases.smk"
include: "rules/baselines.smk"
include: "rules/evaluation.smk"
include: "rules/probes.smk"
include: "rules/embeddings.smk"
include: "rules/tables.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        [getattr(rules, name).output for name in tables_of(experiment, SHIPPED)],
        STUDIES,
        EFFECTS,
        OVER_DATASETS,


# `snakemake bbc` or `snakemake "CL+FT"`: the runs of one dataset, of one variant.
for name, runs in ASKED.runs_by_target().items():
    if workflow.is_rule(name):
        sys.exit(
            f"config: '{name}' is the name of a rule; call the dataset or variant otherwise"
        )

    rule:
        name:
            name
        input:
            asked(partial(ASKED.evaluations, runs)),
