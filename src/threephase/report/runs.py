"""The runs of one dataset with one base model, and what lies beside them, as pictures and lists need them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_json
from threephase.evaluation.predictions import METRICS, PREDICTIONS, Predictions, read_predictions
from threephase.evaluation.results import title_of
from threephase.experiment.recipe import Recipe
from threephase.report.picture import looks
from threephase.tables.legend import leaks

PROBABILITY = "probability_"  # how the columns of probabilities begin


@dataclass(frozen=True)
class Averaged:
    """The test rows of a variant, with probabilities that are means over its seeds.

    Args:
        rows: `split`, `row`, `source`, `text`, `label` of each test row, of repeated splits one after the other.
        names: of the classes that training knew (K,).
        probabilities: (n, K).
        seeds: how many runs the means are over, on each split.
    """

    rows: pd.DataFrame
    names: tuple[str, ...]
    probabilities: np.ndarray
    seeds: int

    @property
    def predicted(self) -> np.ndarray:
        """The class of the highest probability, by name (n,)."""
        return np.array(self.names, dtype=object)[self.probabilities.argmax(axis=1)]


@dataclass(frozen=True)
class Runs:
    """The runs of one dataset, on all of its repeated splits, with one base model.

    Args:
        results: their rows of `results.collect`.
        variants: which of them the pictures compare, baselines last.
        wanted: the variant that pictures of a single one show, where it has a run that did not fail.
        titles: what datasets and base models are called.
        root: the results folder.
    """

    results: pd.DataFrame
    variants: list[str]
    wanted: str
    titles: dict[str, str]
    root: Path

    @property
    def dataset(self) -> str:
        """The name of the dataset, without a split."""
        return str(self.results["dataset"].iloc[0])

    @property
    def model(self) -> str:
        """The name of the base model."""
        return str(self.results["model"].iloc[0])

    @property
    def title(self) -> str:
        """What the two are called."""
        return f"{title_of(self.dataset, self.titles)}, {self.titles.get(self.model, self.model)}"

    @cached_property
    def ended(self) -> pd.DataFrame:
        """The runs that did not fail."""
        return self.results[self.results["failed"].isna()]

    @cached_property
    def compared(self) -> list[str]:
        """The variants to compare that have a run which did not fail."""
        there = set(self.ended["variant"])
        return [variant for variant in self.variants if variant in there]

    @property
    def reference(self) -> str | None:
        """The variant that pictures of a single one show; None where every run failed."""
        return self.wanted if self.wanted in self.compared else next(iter(self.compared), None)

    @cached_property
    def looks(self) -> dict[str, dict[str, Any]]:
        """A colour and a mark for each variant, the same in every picture."""
        return looks(dict.fromkeys([*self.variants, *self.results["variant"]]))

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """What the runs predicted, by split (an empty name where there is one test split)."""
        return {
            layout.split_of(name): predictions
            for (name, _), predictions in read_predictions(self.ended, self.root).items()
        }

    @cached_property
    def described(self) -> dict[str, Any]:
        """`dataset.json`, of repeated splits that of the first."""
        first = layout.split_name(self.dataset, self.results["split"].iloc[0])
        return dict(read_json(layout.data(first, self.root) / DATASET))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The classes that were tested, as the dataset orders them."""
        return next(iter(self.predictions.values())).names if self.predictions else ()

    def of(self, variant: str) -> pd.DataFrame:
        """The runs of a variant that did not fail."""
        return self.ended[self.ended["variant"] == variant]

    def checkpoints(self, variants: Iterable[str]) -> Iterator[tuple[Recipe, int, Path]]:
        """Recipe, seed and folder of every checkpoint that runs of some variants rest on, each once; none of baselines.

        One whose training diverged is among them.
        """
        seen: set[Path] = set()
        rows = self.results[self.results["variant"].isin(list(variants))]
        for run in rows.to_dict("records"):
            name = layout.split_name(run["dataset"], run["split"])
            for recipe in [] if Recipe(run["recipe"]).baseline else Recipe(run["recipe"]).prefixes:
                folder = layout.checkpoint(name, run["model"], run["seed"], recipe, self.root)
                if folder not in seen:
                    seen.add(folder)
                    yield recipe, run["seed"], folder

    def checkpoint_of(self, run: pd.Series, recipe: str) -> Path:
        """The folder of what a run rests on."""
        name = layout.split_name(run["dataset"], run["split"])
        return layout.checkpoint(name, run["model"], run["seed"], recipe, self.root)

    def evaluated(self, variant: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """The predictions of each run of a variant that did not fail, after the name of its split."""
        for run in self.of(variant).to_dict("records"):
            name = layout.split_name(run["dataset"], run["split"])
            folder = layout.evaluation(name, run["model"], run["seed"], run["recipe"], self.root)
            yield run["split"], pd.read_parquet(folder / PREDICTIONS)

    def averaged(self, variant: str) -> Averaged:
        """The test rows of a variant that has a run, with the mean probabilities of its seeds."""
        by_split: dict[str, list[pd.DataFrame]] = {}
        for split, predictions in self.evaluated(variant):
            by_split.setdefault(split, []).append(predictions)
        seen = dict.fromkeys(
            column for runs in by_split.values() for run in runs for column in run if column.startswith(PROBABILITY)
        )
        # In the dataset's order: repeated splits may know other classes, which then have no probability.
        columns = [f"{PROBABILITY}{name}" for name in self.names if f"{PROBABILITY}{name}" in seen]
        rows, probabilities = [], []
        for split, runs in by_split.items():
            rows.append(runs[0][["row", "source", "text", "label"]].assign(split=split))
            each = [run.reindex(columns=columns).fillna(0.0).to_numpy(dtype=float) for run in runs]
            probabilities.append(np.mean(each, axis=0))
        names = tuple(column.removeprefix(PROBABILITY) for column in columns)
        most = max(map(len, by_split.values()))
        return Averaged(pd.concat(rows, ignore_index=True), names, np.concatenate(probabilities), most)

    def protocol(self, variants: Iterable[str] | None = None) -> str:
        """How many rows and seeds a picture of some variants rests on, and how they were chosen: its caption's end."""
        shown = self.ended[self.ended["variant"].isin(self.compared if variants is None else list(variants))]
        rows = shown.groupby("split")["n_test"].first()
        on = f"{round(rows.mean()):,} test rows" + (f" on each of {len(rows)} splits" if all(rows.index) else "")
        counts = shown.groupby("variant", sort=False)["seed"].nunique()
        told = "; ".join(f"{variant} ({count})" for variant, count in counts.items())
        lost = len(self.results) - len(self.ended)
        failed = f" {lost} {'run' if lost == 1 else 'runs'} of this grid failed and count for nothing." if lost else ""
        chosen = leaks(shown) or "Validation rows chose settings and epochs; the test split was read once."
        return f"{on}; seeds: {told}.{failed} {chosen}"

    def label_level(self) -> int:
        """Which level of labels is classified, from 0."""
        run = self.ended.iloc[0]
        name = layout.split_name(run["dataset"], run["split"])
        folder = layout.evaluation(name, run["model"], run["seed"], run["recipe"], self.root)
        return int(read_json(folder / METRICS)["label_level"]) - 1
