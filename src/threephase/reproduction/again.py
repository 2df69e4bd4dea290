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
from threephase.reproduction.packing import of_what_exists, refuse_others, unpack
from threephase.reproduction.sittings import asking_for

LEVEL = 0.95  # of the interval that a repeated training should lie in
SURPRISE = 0.01  # so rarely would so many lie outside, or one so far, by chance
OTHER_ROWS = 0.01  # share of the test rows that what draws nothing may predict otherwise on another machine
RUN = ["named", "model", "variant", "seed"]
CELL = ["named", "model"]


@dataclass(frozen=True)
class Again:
    """One run that was to be made twice.

    Args:
        run: its name.
        agrees: whether the second is like the first.
        said: by which figures.
        p: how likely a training would lie as far off or farther; None of what does not lie anywhere by chance.
    """

    run: str
    agrees: bool
    said: str
    p: float | None = None


@dataclass(frozen=True)
class Agreement:
    """All runs that were to be made twice, and of which it could not be judged, each with the reason."""

    runs: list[Again]
    unjudged: list[str]

    @property
    def trainings(self) -> list[Again]:
        """Those that differ by chance."""
        return [each for each in self.runs if each.p is not None]

    @property
    def outside(self) -> int:
        """How many trainings lie outside of their interval."""
        return sum(not each.agrees for each in self.trainings)

    @property
    def probability(self) -> float:
        """How likely so many or more lie outside, or one so far off, by chance alone: the less likely of both."""
        p = [each.p for each in self.trainings if each.p is not None]
        if not p:
            return 1.0
        return min(float(stats.binom.sf(self.outside - 1, len(p), 1 - LEVEL)), min(1.0, len(p) * min(p)))

    @property
    def holds(self) -> bool:
        """Whether something was judged, what does not differ by chance agrees, and chance explains the rest."""
        fixed = [each for each in self.runs if each.p is None]
        return bool(self.runs) and all(each.agrees for each in fixed) and self.probability >= SURPRISE


def drawn(folder: Path, shipped: Path, share: float, draw: int) -> dict[str, Any]:
    """What to lay over the grid's config so that it asks for a drawn share of the packed runs, one at the least.

    All repeated splits of a dataset are drawn together. Runs that diverged are not drawn, nor ones of which not all
    splits are packed.

    Args:
        folder: the compact form.
        shipped: the project's own config files.
        share: of the runs.
        draw: another number draws others.

    Raises CheckpointError where there is none to draw.
    """
    with TemporaryDirectory() as made:
        asked = unpack(folder, shipped, Path(made))
        rows = _rows(asked)
        done = set(rows.loc[rows["failed"].isna(), RUN].itertuples(index=False, name=None))
        cells: dict[tuple[str, str, str, int], list[Run]] = {}
        for run in asked.config.runs():
            cells.setdefault((layout.dataset_of(run.dataset), *run[1:4]), []).append(run)
    whole = [runs for runs in cells.values() if all(_key(run) in done for run in runs)]
    if not whole:
        raise CheckpointError(f"{folder}: no run is packed with all of its splits; pack some")
    chosen = np.random.default_rng(draw).permutation(len(whole))[: max(1, round(share * len(whole)))]
    runs = [run for place in sorted(chosen) for run in whole[place]]
    return asking_for(runs, asked.config, [run for runs in whole for run in runs])


def compare(folder: Path, shipped: Path, config: Config, code: Callable[[str], str], root: Path) -> Agreement:
    """How the runs of `config` that lie in `root` agree with those in the compact form.

    A training should lie where a further run of its variant would in 95 of 100 cases: around the mean of the packed
    seeds, by Student's t, with the spread of seeds pooled over all variants of the dataset and base model. What draws
    nothing should predict as before on nearly all rows. A run that is missing, or diverged once and not twice, does
    not agree.

    Raises CheckpointError where no run is there, or one with other settings, rows or base model than were packed.
    """
    asked = Asked(of_what_exists(config), code, root)
    repeated = _rows(asked)
    with TemporaryDirectory() as made:
        kept = unpack(folder, shipped, Path(made))
        packed = _rows(kept)
        once, twice = (rows.set_index(RUN).to_dict("index") for rows in (packed, repeated))
        wanted = [run for run in config.runs() if _key(run) in once]
        refuse_others(wanted, kept, asked.runs_of(config.variants), asked, folder)
        before, after = read_predictions(packed, kept.root), read_predictions(repeated, root)
    for cell in before.keys() & after.keys():
        if not np.array_equal(before[cell].truth, after[cell].truth):
            raise CheckpointError(f"{root}: {cell[0]} has other test rows than were packed; give the same data")
    spreads = {cell: _Spread.of(rows) for cell, rows in packed[packed["failed"].isna()].groupby(CELL)}
    found: list[Again] = []
    unjudged = [f"{_named(run)}: was not packed" for run in config.runs() if _key(run) not in once]
    for run in wanted:
        cell, was, now = (run.dataset, run.model), once[_key(run)], twice.get(_key(run))
        if now is None or pd.notna(was["failed"]) or pd.notna(now["failed"]):
            found.append(_of_no_score(run, was, now))
        elif run.variant in before[cell].unseeded:
            found.append(_of_fixed(run, before[cell], after[cell]))
        elif spreads[cell].degrees:
            found.append(_of_training(run, now["accuracy"], was["accuracy"], spreads[cell]))
        else:
            unjudged.append(
                f"{_named(run)}: {_outcome(now)}, packed {_outcome(was)}; one run of each variant does not tell how "
                "far runs differ"
            )
    return Agreement(found, unjudged)


@dataclass(frozen=True)
class _Spread:
    """How far trainings of one dataset and base model differ by their seeds.

    Args:
        means: of the accuracy, by variant, each with its number of seeds.
        deviation: standard deviation over the seeds of a variant, pooled; of one test row at the least.
        degrees: of freedom of it; 0 where no variant has two seeds.
    """

    means: dict[str, tuple[float, int]]
    deviation: float
    degrees: int

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "_Spread":
        """Of packed rows. The same training counts once, whatever its variants; what draws nothing adds none."""
        means = {str(name): (float(part.mean()), len(part)) for name, part in rows.groupby("variant")["accuracy"]}
        apart = rows.assign(training=rows["effective"].fillna(rows["variant"])).drop_duplicates(["training", "seed"])
        by_variant = apart.groupby("variant")["accuracy"]
        degrees = int((by_variant.size() - 1).sum())
        squares = float(((apart["accuracy"] - by_variant.transform("mean")) ** 2).sum())
        return cls(means, max(math.sqrt(squares / max(degrees, 1)), 1 / rows["n_test"].iloc[0]), degrees)


def _of_no_score(run: Run, was: dict[str, Any], now: dict[str, Any] | None) -> Again:
    if now is None:
        return Again(_named(run), False, "is missing; run it, or see why it failed")
    told = f"now {_outcome(now)}, packed {_outcome(was)}"
    return Again(_named(run), pd.notna(was["failed"]) == pd.notna(now["failed"]), told)


def _of_training(run: Run, now: float, was: float, spread: _Spread) -> Again:
    mean, seeds = spread.means[run.variant]
    error = spread.deviation * math.sqrt(1 + 1 / seeds)
    p = float(2 * stats.t.sf(abs(now - mean) / error, spread.degrees))
    width = float(stats.t.ppf((1 + LEVEL) / 2, spread.degrees)) * error
    low, high = (100 * max(0.0, min(1.0, end)) for end in (mean - width, mean + width))
    said = f"{100 * now:.1f}, packed {100 * was:.1f} [{low:.1f}, {high:.1f}]"
    return Again(_named(run), p >= 1 - LEVEL, said, p)


def _of_fixed(run: Run, before: Predictions, after: Predictions) -> Again:
    key = (run.variant, run.seed)
    was, now = before.by_run[key], after.by_run[key]
    others = int((was != now).sum())
    accuracies = [100 * float((predicted == before.truth).mean()) for predicted in (now, was)]
    said = "{:.1f}, packed {:.1f}; {} of {} rows predicted otherwise".format(*accuracies, others, len(was))
    return Again(_named(run), others <= OTHER_ROWS * len(was), said)


def _outcome(row: dict[str, Any]) -> str:
    return "diverged" if pd.notna(row["failed"]) else f"{100 * row['accuracy']:.1f}"


def _rows(asked: Asked) -> pd.DataFrame:
    """The runs that are there; `named` is the dataset as it stands in paths."""
    runs: list[Run] = asked.runs_of(asked.config.variants)
    if not runs:
        raise CheckpointError(f"{asked.root}: none of the runs is there; run them first")
    rows = collect(runs, asked.of_runs(runs), asked.root)
    named = [layout.split_name(*cell) for cell in zip(rows["dataset"], rows["split"], strict=True)]
    return rows.assign(named=named)


def _key(run: Run) -> tuple[str, str, str, int]:
    return run.dataset, run.model, run.variant, run.seed


def _named(run: Run) -> str:
    return f"{run.variant} on {run.dataset} with {run.model}, seed {run.seed}"
