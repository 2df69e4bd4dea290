"""Where the encoders of one run put the test texts: for the report's maps, and for nothing that trains or selects."""


rule embed:
    input:
        data=training_data("test", "train"),
        checkpoint=f"{CHECKPOINT}/{COMPLETE}",
    output:
        f"{EMBEDDING}/{COMPLETE}",
    log:
        RUN_LOG.format(step="embeddings"),
    group:
        grouped("short")
    conda:
        "../environment.yml"
    params:
        asked=asked(ASKED.embedding),
        repaired=repairs_of(EMBEDDING),
    message:
        "embed · {wildcards.dataset} · {wildcards.model} · {wildcards.recipe} · seed {wildcards.seed}"
    script:
        "../workflow/scripts/embed.py"


# The base model as it stands.
use rule embed as embed_base with:
    input:
        data=training_data("test", "train"),
        checkpoint=f"{BASE_MODEL}/{COMPLETE}",
    output:
        f"{BASE_EMBEDDING}/{COMPLETE}",
    log:
        f"{LOGS}/embeddings/{{dataset}}/{{model}}/base.log",
    params:
        asked=asked(ASKED.base_embedding, "dataset", "model"),
        repaired=repairs_of(BASE_EMBEDDING),
    message:
        "embed · {wildcards.dataset} · {wildcards.model} · base model"
