"""The config, checked once, and what the rules ask of it."""

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
    if before is None:
        return f"results/models/{wildcards.model}/complete.json"
    return (
        f"results/checkpoints/{wildcards.dataset}/{wildcards.model}"
        f"/seed{wildcards.seed}/{before}/complete.json"
    )


def phase_settings(wildcards):
    """Resolved settings of the last phase of a recipe."""
    return settings.phase_settings(
        wildcards.dataset, wildcards.model, wildcards.recipe
    ).model_dump()


def served_variants(wildcards):
    """For messages: the variants that a recipe is trained for."""
    return ", ".join(settings.variants_of(wildcards.recipe))


def run_files(pattern):
    """One file for each run of the grid; runs that share a recipe share the file."""
    return list(dict.fromkeys(pattern.format(**run._asdict()) for run in RUNS))
