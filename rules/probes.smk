"""Proof that a phase worked: probes of each checkpoint on validation rows."""


rule probe:
    input:
        data=training_data("train", "unlabelled", "validation"),
        checkpoint=f"{CHECKPOINT}/{COMPLETE}",
        base=f"{BASE_MODEL}/{COMPLETE}",
    output:
        f"{PROBE}/{COMPLETE}",
    log:
        RUN_LOG.format(step="probes"),
    group:
        grouped("short")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.probe),
        repaired=repairs_of(PROBE),
    message:
        "probe · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/probe.py"


# The base model as it stands.
use rule probe as probe_base with:
    input:
        data=training_data("train", "unlabelled", "validation"),
        checkpoint=f"{BASE_MODEL}/{COMPLETE}",
        base=f"{BASE_MODEL}/{COMPLETE}",
    output:
        f"{BASE_PROBE}/{COMPLETE}",
    log:
        f"{LOGS}/probes/{{dataset}}/{{model}}/base.log",
    params:
        asked=asked(ASKED.base_probe, "dataset", "model"),
        repaired=repairs_of(BASE_PROBE),
    message:
        "probe · {wildcards.dataset} · {wildcards.model} · base model"
