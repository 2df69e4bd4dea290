"""A drawn part of a grid run once more, elsewhere, and whether it agrees with what was packed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from threephase.artifacts import layout
from threephase.errors import CheckpointError
from threephase.evaluation.predictions import Predictions, read_predictions
from threephase.evaluation.results import collect
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.recipe import Run
from threephase.reproduction.packing import of_what_exists, unpack

LEVEL = 0.95  # of the interval that a repeated run should lie in
SURPRISE = 0.01  # so rarely would so many lie outside by chance
FEWEST = 3  # runs of a variant that tell how far its runs differ
KEY = ["dataset", "split", "model", "variant", "seed"]


@dataclass(frozen=True)
class Again:
    """One run that was made twice: accuracies as shares, and the interval that the second should lie in."""

    run: str
    packed: float
    repeated: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the second lies in the interval."""
        return self.low <= self.repeated <= self.high


@dataclass(frozen=True)
class Agreement:
    """All runs that were made twice."""

    runs: list[Again]

    @property
    def outside(self) -> int:
        """How many lie outside of their interval."""
        return sum(not each.agrees for each in self.runs)

    @property
    def probability(self) -> float:
        """How likely so many or more lie outside by chance alone."""
        return float(stats.binom.sf(self.outside - 1, len(self.runs), 1 - LEVEL))

    @property
    def holds(self) -> bool:
        """Whether chance explains what lies outside."""
        return self.probability >= SURPRISE


def drawn(folder: Path, shipped: Path, share: float, draw: int) -> dict[str, Any]:
    """What to lay over the grid's config so that it asks for a drawn share of the packed runs, one at the least.

    All repeated splits of a dataset are drawn together.

    Args:
        folder: the compact form.
        shipped: the project's own config files.
        share: of the runs.
        draw: another number draws others.
    """
    with TemporaryDirectory() as made:
        asked = unpack(folder, shipped, Path(made))
        runs = asked.runs_of(asked.config.variants)
    cells = list(dict.fromkeys((layout.dataset_of(run.dataset), run.model, run.variant, run.seed) for run in runs))
    chosen = np.random.default_rng(draw).permutation(len(cells))[: max(1, round(share * len(cells)))]
    return {
        "grid": [
            {"datasets": [dataset], "models": [model], "variants": [variant], "seeds": [seed]}
            for dataset, model, variant, seed in (cells[place] for place in sorted(chosen))
        ]
    }


def compare(folder: Path, shipped: Path, config: Config, code: Callable[[str], str], root: Path) -> Agreement:
    """How the runs of `config` that lie in `root` agree with those in the compact form.

    A run should lie where a further run of its variant would in 95 of 100 cases, by how far the packed ones differ.
    Where there are fewer than three of these, it may be right on other rows than the packed one only as chance allows.

    Raises CheckpointError where no run is there, or one that was not packed, or one on other test rows.
    """
    asked = Asked(of_what_exists(config), code, root)
    repeated = _rows(asked)
    with TemporaryDirectory() as made:
        kept = unpack(folder, shipped, Path(made))
        packed = _rows(kept)
        before = read_predictions(packed, kept.root)
    after = read_predictions(repeated, root)
    known = packed.set_index(KEY)
    found = []
    for run in repeated.to_dict("records"):
        key = tuple(run[name] for name in KEY)
        if key not in known.index:
            raise CheckpointError(f"{root}: {_named(run)} was not packed; draw runs of what was, and repeat these")
        cell = (layout.split_name(run["dataset"], run["split"]), run["model"])
        if not np.array_equal(before[cell].truth, after[cell].truth):
            raise CheckpointError(f"{root}: {run['dataset']} has other test rows than were packed; give the same data")
        others = packed[(packed[["dataset", "split", "model", "variant"]] == list(key[:4])).all(axis=1)]["accuracy"]
        low, high = (
            _further(others, run["n_test"]) if len(others) >= FEWEST else _by_rows(before[cell], after[cell], run)
        )
        found.append(Again(_named(run), known.loc[key, "accuracy"], run["accuracy"], low, high))
    return Agreement(found)


def _rows(asked: Asked) -> pd.DataFrame:
    """The runs that are there and came to an end."""
    runs: list[Run] = asked.runs_of(asked.config.variants)
    if not runs:
        raise CheckpointError(f"{asked.root}: none of the runs is there; run them first")
    rows = collect(runs, asked.of_runs(runs), asked.root)
    return rows[rows["failed"].isna()]


def _further(accuracies: pd.Series, rows: int) -> tuple[float, float]:
    """Where one more run lies, by Student's t; runs that do not differ at all may differ by one row."""
    n, mean = len(accuracies), accuracies.mean()
    spread = max(accuracies.std(ddof=1), 1 / rows) * math.sqrt(1 + 1 / n)
    width = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * spread
    return mean - width, mean + width


def _by_rows(before: Predictions, after: Predictions, run: dict[str, Any]) -> tuple[float, float]:
    """Where the accuracy lies if each row on which both differ goes to either with the same chance."""
    key = (run["variant"], run["seed"])
    was, now = (of.by_run[key] == of.truth for of in (before, after))
    differing = int((was != now).sum())
    low, high = stats.binom.interval(LEVEL, differing, 0.5) if differing else (0, 0)
    at_least, at_most = (float(was.mean() + (2 * end - differing) / len(was)) for end in (low, high))
    return at_least, at_most


def _named(run: dict[str, Any]) -> str:
    return (
        f"{run['variant']} on {layout.split_name(run['dataset'], run['split'])} with {run['model']}, seed {run['seed']}"
    )
