"""The test predictions of many runs, on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_json
from threephase.errors import CheckpointError
from threephase.evaluation.statistics.bootstrap import Scoring, rarest_third
from threephase.experiment.recipe import UNSEEDED

METRICS, PREDICTIONS = "metrics.json", "predictions.parquet"


@dataclass(frozen=True)
class Predictions:
    """What the variants of one dataset with one base model predicted.

    Args:
        truth: classes of the test rows (n,), as places.
        by_run: predicted classes (n,) by variant and seed.
        scoring: how scores are taken from them.
        unseeded: variants that draw nothing: their one run stands for all seeds.
        names: of the classes (K,).
        trained: training rows of each class (K,).
        tested: the share of the rows that each split tests, where these are one of a dataset's repeated splits.
    """

    truth: np.ndarray
    by_run: Mapping[tuple[str, int], np.ndarray]
    scoring: Scoring
    unseeded: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    trained: tuple[int, ...] = ()
    tested: float | None = None

    def of(self, variant: str) -> dict[int, np.ndarray]:
        """The predictions of a variant by seed; empty without a run."""
        return {seed: predicted for (name, seed), predicted in self.by_run.items() if name == variant}

    def pairs(self, variant: str, other: str) -> list[tuple[int, int]]:
        """The seeds of a variant, each with the seed of another variant that it is paired with.

        What draws nothing has one run, which is paired with each seed of the other.
        """
        own, others = self.of(variant), self.of(other)
        if variant in self.unseeded:
            return [(seed, of_other) for seed in own for of_other in others]
        return [(seed, seed) for seed in own if seed in others]


def read_predictions(results: pd.DataFrame, root: Path) -> dict[tuple[str, str], Predictions]:
    """The predictions of all runs that did not fail, by dataset (as in paths, each split for itself) and base model.

    Args:
        results: rows of `results.collect`.
        root: the results folder.

    Raises:
        CheckpointError: if two runs were not tested on the same rows.
    """
    there = results[results["failed"].isna()]
    cells = there.groupby(["dataset", "split", "model"], sort=False)
    named = {(layout.split_name(dataset, split), model): rows for (dataset, split, model), rows in cells}
    return {(name, model): _of_cell(name, rows, root) for (name, model), rows in named.items()}


def _of_cell(dataset: str, rows: pd.DataFrame, root: Path) -> Predictions:
    runs = rows.to_dict("records")
    folders = [layout.evaluation(dataset, run["model"], run["seed"], run["recipe"], root) for run in runs]
    metrics = read_json(folders[0] / METRICS)
    made, level = read_json(layout.data(dataset, root) / DATASET), metrics["label_level"] - 1
    names = made["label_names"][level]
    trained = [made["counts"]["train"]["classes"][level].get(name, 0) for name in names]
    place = {name: number for number, name in enumerate(names)}
    tables: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
    for folder in dict.fromkeys(folders):
        table = pd.read_parquet(folder / PREDICTIONS, columns=["row", "label", "predicted"]).sort_values("row")
        labels, predicted = (table[column].map(place).to_numpy(np.int64) for column in ("label", "predicted"))
        tables[folder] = labels, predicted
        if not np.array_equal(labels, tables[folders[0]][0]):
            raise CheckpointError(
                f"{folder}: tested on other rows than {folders[0]}; delete both and run again, so that one test split "
                "serves both"
            )
    truth = tables[folders[0]][0]
    by_run = {(run["variant"], run["seed"]): tables[folder][1] for run, folder in zip(runs, folders, strict=True)}
    unseeded = frozenset(run["variant"] for run in runs if run["baseline"] and run["seed"] == UNSEEDED)
    scoring = _scoring(truth, names, trained, metrics["settings"])
    tested = 1 / made["settings"]["splits"]["folds"] if layout.split_of(dataset) else None
    return Predictions(truth, by_run, scoring, unseeded, tuple(names), tuple(trained), tested)


def _scoring(truth: np.ndarray, names: list[str], trained: list[int], settings: dict[str, Any]) -> Scoring:
    occurring = np.unique(truth)
    averaged = [names.index(settings["positive"])] if settings["averaging"] == "binary" else occurring
    rare = rarest_third(np.array([trained[place] for place in occurring]))
    return Scoring(len(names), tuple(map(int, averaged)), tuple(int(occurring[place]) for place in rare))
