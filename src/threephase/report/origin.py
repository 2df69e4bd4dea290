"""How the runs of a dataset with a base model came about: rows, costs by phase, versions, machines, shared phases."""

from collections.abc import Iterable
from typing import Any

from threephase.artifacts.folders import failure_of, read_json
from threephase.audit.remarks import caps
from threephase.evaluation.results import title_of
from threephase.experiment.recipe import Recipe
from threephase.report.runs import Runs


def origin(runs: Runs) -> dict[str, Any]:
    """What the page says of it.

    `dataset`, `model` (what they are called); `seeds`; `caps`: which splits were limited; `trainings`: the phases as a
    tree of `recipe`, `variants` that end there, `count`, `failed`, `seconds` (mean), `all_seconds`, `after` (those that
    continue it); `failed`: variant, seed, split and reason of each failed run; `versions`, `commits`, `machines`: each
    that a training records, once.
    """
    records = []
    by_recipe: dict[Recipe, list[dict[str, Any]]] = {}
    every = list(dict.fromkeys(runs.results["variant"]))
    for recipe, _, folder in runs.checkpoints(every):
        record = read_json(folder / "provenance.json")
        records.append(record)
        by_recipe.setdefault(recipe, []).append(record | {"failed": failure_of(folder)})
    for run in runs.ended[runs.ended["baseline"].astype(bool)].to_dict("records"):
        record = read_json(runs.checkpoint_of(run, run["recipe"]) / "provenance.json")
        records.append(record)
        by_recipe.setdefault(Recipe(run["recipe"]), []).append(record | {"failed": None})
    names = {
        str(recipe): list(dict.fromkeys(of["variant"])) for recipe, of in runs.results.groupby("recipe", sort=False)
    }
    failed = runs.results[runs.results["failed"].notna()]
    return {
        "dataset": title_of(runs.dataset, runs.titles),
        "model": runs.titles.get(runs.model, runs.model),
        "seeds": sorted({int(seed) for seed in runs.results["seed"]}),
        "caps": caps(runs.described),
        "trainings": _tree(None, by_recipe, names),
        "failed": [
            {"variant": run["variant"], "seed": int(run["seed"]), "split": run["split"], "reason": run["failed"]}
            for run in failed.to_dict("records")
        ],
        "versions": _distinct(record["versions"] for record in records),
        "commits": _distinct(record["git"] for record in records),
        "machines": _distinct(record["hardware"] for record in records),
    }


def _tree(
    parent: Recipe | None, by_recipe: dict[Recipe, list[dict[str, Any]]], names: dict[str, list[str]]
) -> list[dict[str, Any]]:
    """The trainings that continue a recipe (or the base model, without one), with those that continue them."""
    return [
        {
            "recipe": str(recipe),
            "variants": names.get(str(recipe), []),
            "count": len(records),
            "failed": sum(record["failed"] is not None for record in records),
            "seconds": sum(record["wall_seconds"] for record in records) / len(records),
            "all_seconds": sum(record["wall_seconds"] for record in records),
            "after": _tree(recipe, by_recipe, names),
        }
        for recipe, records in by_recipe.items()
        if recipe.parent == parent
    ]


def _distinct(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
