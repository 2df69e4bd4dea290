"""The runs of a grid as a list: what is there of each, its scores and its cost."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import COMPLETE, failure_of, read_json
from threephase.experiment.config import Config
from threephase.experiment.recipe import Run

COLUMNS = ["dataset", "model", "variant", "seed", "recipe", "state", "validation", "accuracy", "f1", "seconds"]
DONE, FAILED, MISSING = "done", "failed", "missing"


def listed(
    config: Config,
    results: Path,
    datasets: Collection[str] = (),
    variants: Collection[str] = (),
    seeds: Collection[int] = (),
) -> pd.DataFrame:
    """One row for each run of a config, in its order; names and seeds that are given leave the others out.

    `state` is `done`, `failed`, `missing`, or the recipe of the last phase that is there. `validation` is the score by
    which its last phase was chosen, `accuracy` and `f1` are of the test rows; shares of 1. `seconds` are those of all
    trainings that are there, as if it shared none. What the files say is shown as it is: whether it is what the config
    asks for now, the tables see to.
    """
    shown = [
        run
        for run in config.runs()
        if (not datasets or layout.dataset_of(run.dataset) in datasets)
        and (not variants or run.variant in variants)
        and (not seeds or run.seed in seeds)
    ]
    return pd.DataFrame([_row(run, results) for run in shown], columns=COLUMNS)


def _row(run: Run, results: Path) -> dict[str, Any]:
    folders = [layout.checkpoint(*_place(run), recipe, results) for recipe in run.recipe.prefixes]
    there = [folder for folder in folders if (folder / COMPLETE).exists()]
    cost = [read_json(folder / "provenance.json") for folder in there]
    evaluation = layout.evaluation(*_place(run), run.recipe, results)
    row: dict[str, Any] = {
        "dataset": run.dataset, "model": run.model, "variant": run.variant, "seed": run.seed,
        "recipe": str(run.recipe), "state": MISSING,
        "seconds": round(sum(each["wall_seconds"] for each in cost), 1) if cost else None,
    }  # fmt: skip
    if there:
        row["state"] = there[-1].name
    if len(there) == len(folders):
        row["validation"] = cost[-1].get("best_validation_score")
    if any(failure_of(folder) for folder in there):
        row["state"] = FAILED
    elif (evaluation / COMPLETE).exists():
        scores = read_json(evaluation / "metrics.json")
        row |= {"state": DONE, "accuracy": scores["accuracy"], "f1": scores["f1"]}
    return row


def _place(run: Run) -> tuple[str, str, int]:
    return run.dataset, run.model, run.seed


def as_text(rows: pd.DataFrame) -> str:
    """For a terminal: scores in %, and how many runs have which state."""
    from tabulate import tabulate

    percent = rows.assign(
        **{name: (100 * rows[name].astype(float)).round(1) for name in ("validation", "accuracy", "f1")}
    )
    table = tabulate(
        percent.drop(columns="recipe").astype(object).where(percent.notna(), "–").values.tolist(),
        [name for name in COLUMNS if name != "recipe"], disable_numparse=True,
    )  # fmt: skip
    counts = rows["state"].value_counts()
    return f"{table}\n\n{len(rows)} runs: {', '.join(f'{count} {state}' for state, count in counts.items())}"
