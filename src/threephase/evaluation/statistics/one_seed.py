"""One seed alone: the chance of the test rows, and nothing of the seeds'."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from threephase.evaluation.statistics.bootstrap import DRAWS, SEED, Scoring
from threephase.evaluation.statistics.crossed import Interval
from threephase.seeding import generator

ELEMENTS = 4_000_000  # drawn at a time
ROUNDING = 1e-12  # a smaller spread of draws is none


@dataclass(frozen=True, eq=False)
class OneSeed:
    """A score of one run, or the difference of two, on the same test rows.

    Args:
        scoring: how scores are taken.
        score: which.
        truth: classes of the rows (n,).
        first: predictions (n,).
        second: predictions (n,) whose score is subtracted; None for a score alone.
    """

    scoring: Scoring
    score: str
    truth: np.ndarray
    first: np.ndarray
    second: np.ndarray | None = None

    n_seeds = 1
    n_runs = 1
    se_seeds = math.nan  # nothing is known of other seeds

    @property
    def n_rows(self) -> int:
        """Test rows."""
        return len(self.truth)

    @cached_property
    def value(self) -> float:
        """The score, or the difference."""
        return float(self._on(np.arange(self.n_rows)))

    @cached_property
    def p(self) -> float:
        """Two-sided p of no difference: McNemar's exact test for accuracy, else a test that swaps predictions."""
        from scipy import stats
        from statsmodels.stats.contingency_tables import mcnemar

        if self.second is None or np.array_equal(self.first, self.second):
            return 1.0
        if self.score == "accuracy":
            first, second = self.first == self.truth, self.second == self.truth
            table = [[np.sum(first & second), np.sum(first & ~second)], [np.sum(~first & second), 0]]
            return float(mcnemar(table, exact=True).pvalue)
        return float(
            stats.permutation_test(
                (self.first, self.second), self._difference, permutation_type="samples", n_resamples=DRAWS - 1,
                batch=self._batch, vectorized=True, rng=generator(SEED, "swaps"),
            ).pvalue
        )  # fmt: skip

    def interval(self, level: float) -> Interval:
        """The bias-corrected and accelerated bootstrap interval over rows.

        Scores by class are drawn within classes, of which one of a single row stays as it is; accuracy is drawn from
        all rows. Where all draws agree the interval is the value alone.
        """
        from scipy import stats

        if self.se_rows < ROUNDING:
            return Interval(self.value, self.value, level)
        low, high = stats.bootstrap(
            self._classes, self._redrawn, n_resamples=0, bootstrap_result=self._drawn, confidence_level=level,
            batch=self._batch, vectorized=True, method="BCa",
        ).confidence_interval  # fmt: skip
        return Interval(float(low), float(high), level)

    @property
    def se_rows(self) -> float:
        """Standard error over rows drawn anew."""
        return float(self._drawn.standard_error) if self._drawn else 0.0

    @property
    def variance_of_row(self) -> float:
        """Of one row; of a difference of accuracies the share of rows that one of the two alone has right."""
        if self.score == "accuracy" and self.second is not None:
            return float(((self.first == self.truth) != (self.second == self.truth)).mean())
        return self.n_rows * self.se_rows**2

    @cached_property
    def _drawn(self) -> Any:
        from scipy import stats

        return self._classes and stats.bootstrap(
            self._classes, self._redrawn, n_resamples=DRAWS, batch=self._batch, vectorized=True,
            method="percentile", rng=generator(SEED, "one-seed"),
        )  # fmt: skip

    @cached_property
    def _classes(self) -> list[np.ndarray]:
        """The rows of each class that has several; all rows as one for accuracy."""
        if self.score == "accuracy":
            return [np.arange(self.n_rows)]
        rows = [np.flatnonzero(self.truth == place) for place in np.unique(self.truth)]
        return [of_class for of_class in rows if len(of_class) > 1]

    @cached_property
    def _alone(self) -> np.ndarray:
        """The rows of classes that have one."""
        return np.setdiff1d(np.arange(self.n_rows), np.concatenate([[], *self._classes]).astype(int))

    @property
    def _batch(self) -> int:
        return max(1, ELEMENTS // self.n_rows)

    def _redrawn(self, *drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        alone = np.broadcast_to(self._alone, (*drawn[0].shape[:-1], len(self._alone)))
        return self._on(np.concatenate([*drawn, alone], axis=axis))

    def _on(self, rows: np.ndarray) -> np.ndarray:
        """The value on some rows (…, n)."""
        value = self._scored(self.first, rows)
        return value if self.second is None else value - self._scored(self.second, rows)

    def _scored(self, predicted: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The score of predictions (n,) on some rows (…, n); accuracy needs no counts by class."""
        if self.score == "accuracy":
            return (predicted == self.truth)[rows].mean(axis=-1)
        return self.scoring.of(self.truth[rows], predicted[rows])[self.score]

    def _difference(self, first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
        of = self.scoring.of
        return of(self.truth, first)[self.score] - of(self.truth, second)[self.score]
