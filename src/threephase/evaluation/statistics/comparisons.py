"""Which estimate a score of a variant takes, and a difference of two variants, from the stored predictions."""

from collections.abc import Mapping
from functools import cache, cached_property

import numpy as np

from threephase.evaluation.predictions import Predictions
from threephase.evaluation.statistics.bootstrap import drawn_scores
from threephase.evaluation.statistics.crossed import Estimate, crossed, crossed_from_draws
from threephase.evaluation.statistics.datasets import correlated_t
from threephase.evaluation.statistics.one_seed import OneSeed


class Evidence:
    """What the predictions of a dataset's variants with one base model say.

    With several seeds accuracy is a crossed mean, and other scores take their rows' part from draws of the rows; one
    seed has the chance of the rows alone.
    """

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions
        self.of = cache(self._of)
        self.difference = cache(self._difference)

    def _of(self, variant: str, score: str) -> Estimate:
        """A score of a variant, over its seeds."""
        own = self.predictions.of(variant)
        if len(own) == 1:
            (predicted,) = own.values()
            return OneSeed(self.predictions.scoring, score, self.predictions.truth, predicted)
        return self._crossed([(variant, seed) for seed in own], None, score)

    def _difference(self, variant: str, other: str, score: str) -> Estimate | None:
        """How far a variant is above another in a score, over the seeds that both have; None if there is none."""
        own, others = self.predictions.of(variant), self.predictions.of(other)
        pairs = self.predictions.pairs(variant, other)
        if not pairs:
            return None
        if len(pairs) == 1:
            ((seed, of_other),) = pairs
            return OneSeed(self.predictions.scoring, score, self.predictions.truth, own[seed], others[of_other])
        runs, minus = zip(*(((variant, seed), (other, of_other)) for seed, of_other in pairs), strict=True)
        return self._crossed(list(runs), list(minus), score)

    def _crossed(self, runs: list[tuple[str, int]], minus: list[tuple[str, int]] | None, score: str) -> Estimate:
        truth, by_run = self.predictions.truth, self.predictions.by_run
        if score == "accuracy":
            right = np.array([by_run[run] == truth for run in runs], dtype=np.float32)
            return crossed(right if minus is None else right - np.array([by_run[run] == truth for run in minus]))
        values, draws = self._scores(runs, score)
        if minus is not None:
            others, drawn = self._scores(minus, score)
            values, draws = values - others, draws - drawn
        return crossed_from_draws(values, draws, len(truth))

    def _scores(self, runs: list[tuple[str, int]], score: str) -> tuple[np.ndarray, np.ndarray]:
        """A score of some runs (S,), and the same on the draws (S, B)."""
        predicted = np.array([self.predictions.by_run[run] for run in runs])
        place = {run: number for number, run in enumerate(self.predictions.by_run)}
        values = self.predictions.scoring.of(self.predictions.truth, predicted)[score]
        return values, self._drawn[score][[place[run] for run in runs]]

    @cached_property
    def _drawn(self) -> dict[str, np.ndarray]:
        predicted = np.array(list(self.predictions.by_run.values()))
        return drawn_scores(self.predictions.scoring, self.predictions.truth, predicted)


class SplitEvidence:
    """What the predictions of a dataset's variants with one base model say over its repeated splits.

    A split counts with the mean over its seeds, and the splits are compared by the correlated t-test: they share rows,
    which no variance of one test split knows of.
    """

    def __init__(self, by_split: Mapping[str, Predictions]) -> None:
        self.by_split = by_split
        self.of = cache(self._of)
        self.difference = cache(self._difference)
        self._score = cache(self._score_of_run)

    def _of(self, variant: str, score: str) -> Estimate:
        """A score of a variant, over its splits and seeds."""
        values = {
            split: [self._score(split, variant, seed, score) for seed in predictions.of(variant)]
            for split, predictions in self.by_split.items()
        }
        return self._over(values)

    def _difference(self, variant: str, other: str, score: str) -> Estimate | None:
        """How far a variant is above another in a score, over splits and seeds that both have; None without any."""
        values = {
            split: [
                self._score(split, variant, seed, score) - self._score(split, other, of_other, score)
                for seed, of_other in predictions.pairs(variant, other)
            ]
            for split, predictions in self.by_split.items()
        }
        return self._over(values) if any(values.values()) else None

    def _over(self, values: Mapping[str, list[float]]) -> Estimate:
        """The mean over splits of the means over their seeds; a split without any is left out."""
        there = {split: of_seeds for split, of_seeds in values.items() if of_seeds}
        tested = next(iter(self.by_split.values())).tested
        assert tested is not None  # repeated splits have it
        seeds = [len(of_seeds) for of_seeds in there.values()]
        step = 1 / (max(seeds) * np.mean([len(self.by_split[split].truth) for split in there]))
        return correlated_t(
            np.array([np.mean(of_seeds) for of_seeds in there.values()]), tested, float(step),
            max(seeds), self._rows_of(there, tested), sum(seeds),
        )  # fmt: skip

    def _rows_of(self, splits: Mapping[str, object], tested: float) -> int:
        """Rows that are tested at least once: folds of a repeat have none in common, and together they are all."""
        return round(np.mean([len(self.by_split[split].truth) for split in splits]) * min(1 / tested, len(splits)))

    def _score_of_run(self, split: str, variant: str, seed: int, score: str) -> float:
        predictions = self.by_split[split]
        return float(predictions.scoring.of(predictions.truth, predictions.by_run[variant, seed])[score])
