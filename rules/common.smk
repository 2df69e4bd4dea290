"""The config, checked once, and what the rules ask of it."""

import json
import os
import sys
from pathlib import Path

from threephase.config import load
from threephase.errors import ConfigError
from threephase.grid import parent, recipe_pattern
from threephase.provenance import code_digest

try:
    settings = load(config)
except ConfigError as error:
    sys.exit(str(error))

RUNS = settings.runs()

# Only for the lines that jobs show: in their params it would train them again whenever a variant joins.
os.environ.update(THREEPHASE_VARIANTS=json.dumps(settings.variants_by_recipe()))

# A checkpoint's path is its recipe, so variants that begin alike share checkpoints.
DATA = "results/data/{dataset}"
BASE_MODEL = "results/models/{model}"
CHECKPOINT = "results/checkpoints/{dataset}/{model}/seed{seed}/{recipe}"
EVALUATION = "results/evaluations/{dataset}/{model}/seed{seed}/{recipe}"
RUN_LOG = "results/logs/{step}/{{dataset}}/{{model}}/seed{{seed}}/{{recipe}}.log"


wildcard_constraints:
    dataset="[^/]+",
    model="[^/]+",
    seed=r"\d+",
    recipe="[^/]+",


def code(script):
    """Digest of a rule's code, for its params: the script and all of the package that it reaches."""
    return code_digest(Path(workflow.basedir) / "workflow" / "scripts" / script)


def parent_checkpoint(wildcards):
    """What a recipe starts from: the checkpoint one phase shorter, or the base model."""
    before = parent(wildcards.recipe)
    folder = CHECKPOINT if before else BASE_MODEL
    named = dict(wildcards.items()) | {"recipe": before}
    return f"{folder}/complete.json".format(**named)


def training_data(*splits):
    """The files of the dataset that a phase reads. Large ones are `ancient`: their hashes stand in dataset.json."""
    tables = [ancient(f"{DATA}/{split}.parquet") for split in splits]
    return [f"{DATA}/dataset.json", *tables]


def dataset_settings(wildcards):
    """What makes the splits. Not the title, which tables show, and not how scores are averaged."""
    return settings.datasets[wildcards.dataset].model_dump(
        exclude={"title", "averaging", "positive"}
    )


def model_settings(wildcards):
    """What makes a base model; not its title."""
    return settings.models[wildcards.model].model_dump(exclude={"title"})


def scoring_settings(wildcards):
    """How precision, recall and F1 of a dataset are averaged."""
    dataset = settings.datasets[wildcards.dataset]
    return {"averaging": dataset.averaging, "positive": dataset.positive}


def phase_settings(wildcards):
    """Resolved settings of the last phase of a recipe."""
    return settings.phase_settings(
        wildcards.dataset, wildcards.model, wildcards.recipe
    ).model_dump()


def run_files(pattern):
    """One file for each run of the grid; runs that share a recipe share the file."""
    return list(dict.fromkeys(pattern.format(**run._asdict()) for run in RUNS))
