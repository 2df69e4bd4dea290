"""What claims can be about: classifiers on test rows, vectors on validation rows, and the settings of their phases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import failure_of, read_json
from threephase.evaluation.predictions import PREDICTIONS, Predictions
from threephase.evaluation.statistics.bootstrap import Scoring
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.evaluation.statistics.crossed import Estimate
from threephase.experiment.recipe import Probed, Recipe

PROBE, SETTINGS = "probe.json", "settings.json"  # not from the probe, whose code is none of a table's
LEAK = "LEAK"
Given = Mapping[str, Mapping[str, Any]]  # by recipe, what was asked of its phases, as `cl.noise`


class Pair(NamedTuple):
    """The recipes that a claim compares."""

    better: str
    worse: str


@dataclass(frozen=True)
class Classifiers:
    """Classifiers on test rows.

    Args:
        rows: of `results.collect` with marks, those of the dataset and base model, on whichever of its splits.
        evidence: what their predictions say; None if all runs failed.
        settings: of their recipes.
    """

    rows: pd.DataFrame
    evidence: Evidence | SplitEvidence | None
    settings: Given

    def name(self, recipe: str) -> str:
        """The first variant that has the recipe."""
        return str(self._of(recipe)["variant"].iloc[0])

    def difference(self, pair: Pair, score: str) -> Estimate | None:
        """How far one is above the other, over the seeds that both have; None where there is none."""
        first, second = map(self.name, pair)
        return self.evidence.difference(first, second, score) if self.evidence else None

    def same(self, pair: Pair) -> bool:
        """Whether both saw the same data and settings, so that there is nothing to test."""
        first, second = (self._there(recipe).set_index(["split", "seed"])["effective"] for recipe in pair)
        return _alike(dict(first), dict(second))

    def missing(self, pair: Pair) -> str:
        """Why there is no difference."""
        failed = [self.name(recipe) for recipe in pair if self._there(recipe).empty]
        return f"failed: {', '.join(failed)}" if failed else "no seed in common"

    def marks(self, recipe: str) -> list[str]:
        """The marks of all phases that it rests on, and whether it saw the test split."""
        rows = self._of(recipe)
        found = [mark for of_run in rows["marks"] for mark in of_run]
        return [*dict.fromkeys(found), *([f"{LEAK}: {self.name(recipe)}"] if rows["saw_test"].any() else [])]

    def _of(self, recipe: str) -> pd.DataFrame:
        rows = self.rows[self.rows["recipe"] == recipe]
        return rows[rows["variant"] == rows["variant"].iloc[0]]

    def _there(self, recipe: str) -> pd.DataFrame:
        rows = self._of(recipe)
        return rows[rows["failed"].isna()]


@dataclass(frozen=True)
class Vector:
    """A checkpoint as its probe knows it.

    Args:
        effective: hash of what it saw, data and settings; empty for a base model.
        marks: of the probe.
        predictions: `row`, `label` and what each classifier on its vectors predicts; None where its training failed.
    """

    effective: str
    marks: tuple[str, ...]
    predictions: pd.DataFrame | None


@dataclass(frozen=True)
class Vectors:
    """The vectors of checkpoints, by simple classifiers on validation rows.

    Args:
        by_seed: of each recipe by seed; a base model has none, and stands for all of them.
        settings: of their recipes.
        tested: the share of validation rows among the labelled ones, where these are one of a dataset's repeated
            splits.
    """

    by_seed: Mapping[str, Mapping[int | None, Vector]]
    settings: Given
    tested: float | None = None

    def name(self, recipe: str) -> str:
        """The recipe itself."""
        return recipe or "base model"

    def difference(self, pair: Pair, score: str) -> Estimate | None:
        """Of the accuracies of the classifier `score`; None also where they were tried on other rows or labels."""
        said = self.predictions(pair, score)
        return Evidence(said).difference(*pair, "accuracy") if said else None

    def predictions(self, pair: Pair, score: str) -> Predictions | None:
        """What the classifier `score` predicts by the vectors of both, on the same rows and with the same seeds."""
        own, others = map(self._there, pair)
        if None in others:
            others = dict.fromkeys(own, others[None])
        if not (own.keys() & others.keys() and self._on_the_same_rows(pair)):
            return None
        label = next(iter(own.values()))["label"]
        predicted = {
            (recipe, seed or 0): table[score]
            for recipe, of in zip(pair, (own, others), strict=True)
            for seed, table in of.items()
        }
        names = pd.Index(pd.concat([label, *predicted.values()]).unique())
        truth = names.get_indexer(label)
        occurring = tuple(map(int, np.unique(truth)))
        scoring = Scoring(len(names), averaged=occurring, rare=occurring)
        by_run = {run: names.get_indexer(of) for run, of in predicted.items()}
        return Predictions(truth, by_run, scoring, tested=self.tested)

    def same(self, pair: Pair) -> bool:
        """Whether both saw the same data and settings, so that there is nothing to test."""
        return _alike(*map(self.effective, pair))

    def effective(self, recipe: str) -> dict[int | None, str]:
        """Hashes of what a recipe's checkpoints saw, by seed."""
        return {seed: each.effective for seed, each in self.by_seed[recipe].items() if each.predictions is not None}

    def missing(self, pair: Pair) -> str:
        """Why there is no difference."""
        failed = [self.name(recipe) for recipe in pair if not self._there(recipe)]
        if failed:
            return f"failed: {', '.join(failed)}"
        return "no seed in common" if self._on_the_same_rows(pair) else "probed on other rows or labels"

    def marks(self, recipe: str) -> list[str]:
        """The marks of all phases that it rests on."""
        found = [
            f"{part}: {mark}"
            for part in (Recipe(recipe).prefixes if recipe else [])
            for each in self.by_seed.get(part, {}).values()
            for mark in each.marks
        ]
        return list(dict.fromkeys(found))

    def _there(self, recipe: str) -> dict[int | None, pd.DataFrame]:
        return {seed: each.predictions for seed, each in self.by_seed[recipe].items() if each.predictions is not None}

    def _on_the_same_rows(self, pair: Pair) -> bool:
        tables = [table[["row", "label"]] for recipe in pair for table in self._there(recipe).values()]
        return all(table.equals(tables[0]) for table in tables)


@dataclass(frozen=True)
class SplitVectors:
    """The vectors of checkpoints over a dataset's repeated splits.

    They are compared as classifiers on test rows are: validation rows of one split are training rows of another.

    Args:
        by_split: of each split; with partial tables not all of them have all recipes.
    """

    by_split: Mapping[str, Vectors]

    @property
    def settings(self) -> Given:
        """Of the recipes of all splits; what a study found, those of the first."""
        return {recipe: given for of in reversed([*self.by_split.values()]) for recipe, given in of.settings.items()}

    def name(self, recipe: str) -> str:
        """The recipe itself."""
        return recipe or "base model"

    def difference(self, pair: Pair, score: str) -> Estimate | None:
        """Of the accuracies of the classifier `score`, over the splits and seeds that both have."""
        found = {split: of.predictions(pair, score) for split, of in self._having(pair).items()}
        there = {split: said for split, said in found.items() if said is not None}
        return SplitEvidence(there).difference(*pair, "accuracy") if there else None

    def same(self, pair: Pair) -> bool:
        """Whether both saw the same data and settings on every split, so that there is nothing to test."""
        having = self._having(pair).items()
        first, second = (
            {(split, seed): saw for split, of in having for seed, saw in of.effective(recipe).items()}
            for recipe in pair
        )
        return _alike(first, second)

    def missing(self, pair: Pair) -> str:
        """Why there is no difference: the first split's reason."""
        return next((of.missing(pair) for of in self._having(pair).values()), "no split in common")

    def marks(self, recipe: str) -> list[str]:
        """The marks of all phases that it rests on, on whichever split."""
        return list(dict.fromkeys(mark for of in self.by_split.values() for mark in of.marks(recipe)))

    def _having(self, pair: Pair) -> dict[str, Vectors]:
        return {split: of for split, of in self.by_split.items() if all(recipe in of.by_seed for recipe in pair)}


Candidates = Classifiers | Vectors | SplitVectors  # on one dataset with one base model, by recipe


def _alike(first: Mapping[Any, str], second: Mapping[Any, str]) -> bool:
    """Whether two have seeds in common, and saw the same with each of these."""
    shared = first.keys() & second.keys()
    return bool(shared) and all(first[seed] == second[seed] for seed in shared)


def read_vectors(probed: Iterable[Probed], root: Path) -> dict[tuple[str, str], Vectors | SplitVectors]:
    """The probes of some checkpoints, by dataset and base model; over a dataset's repeated splits together."""
    cells: dict[tuple[str, str], dict[str, Vectors]] = {}
    for (name, model), vectors in _read_vectors(probed, root).items():
        cells.setdefault((layout.dataset_of(name), model), {})[layout.split_of(name)] = vectors
    return {cell: SplitVectors(of) if "" not in of else of[""] for cell, of in cells.items()}


def _read_vectors(probed: Iterable[Probed], root: Path) -> dict[tuple[str, str], Vectors]:
    """The same by dataset as in paths, each split for itself."""
    found: dict[tuple[str, str], dict[str, dict[int | None, Vector]]] = {}
    tested: dict[str, float] = {}
    for dataset, model, seed, recipe in probed:
        at_first = layout.base_probe(dataset, model, root)
        folder = layout.probe(dataset, model, seed, recipe, root) if seed is not None else at_first
        failed, effective = failure_of(folder), ""
        if seed is not None and not failed:
            checkpoint = layout.checkpoint(dataset, model, seed, recipe, root)
            effective = read_json(checkpoint / SETTINGS)["effective"]
        probe = read_json(folder / PROBE)
        if layout.split_of(dataset) and not failed:
            there = probe["rows_there"]
            tested[dataset] = there["validation"] / (there["validation"] + there["train"])
        vector = Vector(
            effective,
            tuple(probe.get("marks", ())),
            None if failed else pd.read_parquet(folder / PREDICTIONS),
        )
        found.setdefault((dataset, model), {}).setdefault(recipe, {})[seed] = vector
    return {
        (dataset, model): Vectors(
            by_recipe,
            {recipe: settings_of(dataset, model, next(iter(of)), recipe, root) for recipe, of in by_recipe.items()},
            tested.get(dataset),
        )
        for (dataset, model), by_recipe in found.items()
    }


def settings_of(dataset: str, model: str, seed: int | None, recipe: str, root: Path) -> dict[str, Any]:
    """What was asked of the phases of a recipe, as `cl.noise`; nothing of a base model."""
    if seed is None:
        return {}
    return {
        f"{part.phase}.{name}": value
        for part in Recipe(recipe).prefixes
        for name, value in read_json(layout.checkpoint(dataset, model, seed, part, root) / SETTINGS)["asked"].items()
    }
