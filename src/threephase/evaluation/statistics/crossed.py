"""A mean over seeds and test rows that are crossed: every seed is tested on the same rows."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np


class Interval(NamedTuple):
    """A confidence interval at some level."""

    low: float
    high: float
    level: float


class Estimate(Protocol):
    """A score of a classifier, or the difference of two, and how sure it is."""

    @property
    def value(self) -> float:
        """The score, or the difference."""

    @property
    def n_seeds(self) -> int:
        """How many seeds it is the mean of."""

    @property
    def n_runs(self) -> int:
        """How many runs: seeds, on every repeated split where there are such."""

    @property
    def n_rows(self) -> int:
        """How many test rows it is taken on."""

    @property
    def p(self) -> float:
        """Two-sided p of zero."""

    @property
    def se_seeds(self) -> float:
        """Standard error if the rows were given and only seeds drawn."""

    @property
    def se_rows(self) -> float:
        """Standard error if the seeds were given and only rows drawn."""

    @property
    def variance_of_row(self) -> float:
        """Of a difference on one row under one seed: for accuracy the share of rows that one alone has right."""

    def interval(self, level: float) -> Interval:
        """Its confidence interval."""


def student_p(value: float, variance: float, freedom: float) -> float:
    """Two-sided p of a true value of zero. Without any variance it is 1 for zero, else 0."""
    from scipy import special

    if variance == 0:
        return float(value == 0)
    return float(2 * special.stdtr(freedom, -abs(value) / math.sqrt(variance)))


def student_interval(value: float, variance: float, freedom: float, level: float) -> Interval:
    """Student's t interval; the value alone without any variance."""
    reach = _quantile((1 - level) / 2, freedom) * math.sqrt(variance)
    return Interval(value - reach, value + reach, level)


def student_reach(variance: float, freedom: float, alpha: float, power: float) -> float:
    """The smallest true value that a two-sided t test at `alpha` finds with a chance of `power`."""
    return (_quantile(alpha / 2, freedom) + _quantile(1 - power, freedom)) * math.sqrt(variance)


def _quantile(above: float, freedom: float) -> float:
    """Of Student's t, what it exceeds with a chance of `above`; `scipy.stats.t.isf` takes a hundred times as long."""
    from scipy import special

    return -float(special.stdtrit(freedom, above))


@dataclass(frozen=True)
class Crossed:
    """A mean of S seeds × n rows, or a difference of two, with the three parts of its variance.

    The parts are the mean squares of the two-way layout without replication over S·n: `seeds` estimates
    (σ²_seed + σ²_rest / n) / S, `rows` (σ²_row + σ²_rest / S) / n, and `rest` σ²_rest / (S·n), what neither explains.
    """

    value: float
    n_seeds: int
    n_rows: int
    seeds: float
    rows: float
    rest: float
    variance_of_row: float  # of one row under one seed: what rows alone have to average out

    @property
    def n_runs(self) -> int:
        """A run for each seed."""
        return self.n_seeds

    @property
    def variance(self) -> float:
        """(MS_seeds + MS_rows − MS_rest) / (S·n), never below the largest of the three."""
        return max(self._sum, self.seeds, self.rows, self.rest)

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom; those of the largest part where that is the variance."""
        seeds, rows = self.n_seeds - 1, self.n_rows - 1
        parts = [(self.seeds, seeds), (self.rows, rows), (self.rest, seeds * rows)]
        if not math.isclose(self.variance, self._sum):  # rounding chooses nothing where two parts are alike
            return float(max(parts)[1])
        spread = sum(part**2 / freedom for part, freedom in parts)
        return self._sum**2 / spread if spread > 0 else math.inf

    def over(self, n_seeds: int, n_rows: int) -> "Crossed":
        """The same mean over so many seeds and rows, each part of its variance as large as this one has it."""
        alone = (self.seeds - self.rest, self.rows - self.rest)  # σ²_seed / S and σ²_row / n
        of_seeds, of_rows = (max(part, 0.0) for part in alone)
        rest = self.rest * (self.n_seeds * self.n_rows) / (n_seeds * n_rows)
        return replace(
            self, n_seeds=n_seeds, n_rows=n_rows, seeds=of_seeds * self.n_seeds / n_seeds + rest,
            rows=of_rows * self.n_rows / n_rows + rest, rest=rest,
        )  # fmt: skip

    @property
    def p(self) -> float:
        """Two-sided p of a mean of zero."""
        return student_p(self.value, self.variance, self.freedom)

    def interval(self, level: float) -> Interval:
        """Student's t interval."""
        return student_interval(self.value, self.variance, self.freedom, level)

    @property
    def se_seeds(self) -> float:
        """Standard error if the rows were given and only seeds drawn."""
        return math.sqrt(self.seeds)

    @property
    def se_rows(self) -> float:
        """Standard error if the seeds were given and only rows drawn."""
        return math.sqrt(self.rows)

    @property
    def _sum(self) -> float:
        return self.seeds + self.rows - self.rest


def crossed(values: np.ndarray) -> Crossed:
    """The mean of `values` (S, n), S and n at least 2, with its variance over seeds and rows.

    For two classifiers these are the differences of correctness, −1, 0 or 1; for one its correctness, 0 or 1.
    """
    n_seeds, n_rows = values.shape
    mean, by_seed, by_row = (values.mean(axis=axis, dtype=np.float64) for axis in (None, 1, 0))
    # Sums over the whole table would need a second one of the same size; what is left of squares is exact enough.
    total = float(np.square(values, dtype=np.float64).sum()) - values.size * mean**2
    of_seeds = n_rows * float(np.square(by_seed - mean).sum())
    of_rows = n_seeds * float(np.square(by_row - mean).sum())
    of_rest = _without_rounding(total - of_seeds - of_rows, total)
    seeds, rows = of_seeds / (n_seeds - 1), of_rows / (n_rows - 1)
    rest = of_rest / ((n_seeds - 1) * (n_rows - 1))
    squares = float(np.square(values, dtype=np.float64).mean())
    seeds, rows, rest = (part / values.size for part in (seeds, rows, rest))
    return Crossed(float(mean), n_seeds, n_rows, seeds, rows, rest, squares)


def crossed_from_draws(values: np.ndarray, draws: np.ndarray, n_rows: int) -> Crossed:
    """The mean of a score over seeds with its variance, for scores that are no means of rows.

    Args:
        values: the score, or a difference of two, by seed (S,), S at least 2.
        draws: the same (S, B) on rows drawn anew, the same rows for all seeds.
        n_rows: how many rows there are.

    The rows' part is the variance of the seeds' mean over the draws; the seeds' part that of the seeds' scores; what
    a seed alone has from the draws beyond the rows' part is the rest. For accuracy it is `crossed`.
    """
    n_seeds = len(values)
    rows = float(draws.mean(axis=0).var(ddof=1))
    alone = float(draws.var(axis=1, ddof=1).mean())
    return Crossed(
        float(values.mean()), n_seeds, n_rows, float(values.var(ddof=1)) / n_seeds, rows,
        max(alone - rows, 0.0) / (n_seeds - 1), variance_of_row=n_rows * alone,
    )  # fmt: skip


def _without_rounding(left: float, of: float) -> float:
    return left if left > 1e-9 * abs(of) else 0.0
