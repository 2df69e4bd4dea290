"""Variants over several datasets, and over repeated splits of one."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from threephase.evaluation.statistics import LEAST_DATASETS
from threephase.evaluation.statistics.crossed import Interval, student_interval, student_p


class Chances(NamedTuple):
    """Posterior probabilities that a variant is better than another on a dataset of this kind, as good, or worse."""

    better: float
    equivalent: float
    worse: float


@dataclass(frozen=True)
class OverDatasets:
    """Variants on N datasets."""

    n: int
    ranks: pd.Series  # mean rank of each variant, 1 is best
    friedman: float  # p that all rank alike; not a number for two variants
    pairs: pd.DataFrame  # p of each pair of variants: Wilcoxon's signed ranks, Holm over all pairs
    chances: dict[str, Chances]  # of each variant against the reference

    @property
    def smallest_p(self) -> float:
        """The smallest p that Wilcoxon's test of a pair can reach with so many datasets, before any correction."""
        return 2 / 2**self.n

    @property
    def smallest_adjusted(self) -> float:
        """The same after Holm's correction over all pairs."""
        return min(1.0, math.comb(len(self.ranks), 2) * self.smallest_p)


def over_datasets(scores: pd.DataFrame, reference: str, region: float) -> OverDatasets:
    """Compare variants on several datasets (Demšar 2006; Benavoli et al. 2017).

    Args:
        scores: a row for each dataset, a column for each variant; shares, none missing, at least 5 datasets.
        reference: the variant that the others' chances refer to.
        region: differences within ± this share count as none.
    """
    import baycomp
    import scikit_posthocs
    from scipy import stats

    if len(scores) < LEAST_DATASETS:
        raise ValueError(f"{len(scores)} datasets; ranks of fewer than {LEAST_DATASETS} say nothing")
    columns = [scores[variant].to_numpy() for variant in scores]
    friedman = float(stats.friedmanchisquare(*columns).pvalue) if len(columns) > 2 else math.nan
    pairs = scikit_posthocs.posthoc_wilcoxon(scores.to_numpy().T, zero_method="zsplit", p_adjust="holm")
    others = [variant for variant in scores if variant != reference]
    of = scores[reference].to_numpy()
    chances = {
        variant: Chances(
            *map(float, baycomp.two_on_multiple(scores[variant].to_numpy(), of, rope=region, random_state=0))
        )
        for variant in others
    }
    names = list(scores)
    ranks = scores.rank(axis=1, ascending=False).mean()
    return OverDatasets(
        len(scores), ranks, friedman, pd.DataFrame(pairs.to_numpy(), index=names, columns=names), chances
    )  # fmt: skip


@dataclass(frozen=True)
class RepeatedSplits:
    """A mean over J repeated random splits into training and test rows, which share rows.

    Args:
        value: the mean.
        of_split: the variance of a split's value over the splits; not a number for a single one.
        n_splits: J.
        overlap: test rows by training rows of a split.
        n_seeds: seeds that a split's value is the mean of, at the most.
        n_rows: rows that are tested at least once.
        n_runs: seeds of all splits together.
    """

    value: float
    of_split: float
    n_splits: int
    overlap: float
    n_seeds: int = 1
    n_rows: int = 0
    n_runs: int = 1

    se_seeds = math.nan  # a run's seed and its split are not told apart
    se_rows = math.nan

    @property
    def variance(self) -> float:
        """(1 / J + overlap) times the variance of a split's value."""
        return (1 / self.n_splits + self.overlap) * self.of_split

    @property
    def variance_of_row(self) -> float:
        """0 where no split differs from another; not a number elsewhere, since rows are not looked at one by one."""
        return 0.0 if self.of_split == 0 else math.nan

    @property
    def freedom(self) -> int:
        """J − 1."""
        return self.n_splits - 1

    @property
    def p(self) -> float:
        """Two-sided p of zero; 1 for a single split, which tells nothing of others."""
        return student_p(self.value, self.variance, self.freedom) if self.freedom else 1.0

    def interval(self, level: float) -> Interval:
        """Student's t interval; without bounds for a single split."""
        if not self.freedom:
            return Interval(-math.inf, math.inf, level)
        return student_interval(self.value, self.variance, self.freedom, level)


def correlated_t(
    values: np.ndarray, test_share: float, step: float = 0.0, n_seeds: int = 1, n_rows: int = 0, n_runs: int = 1
) -> RepeatedSplits:
    """The correlated t-test (Nadeau and Bengio 2003): splits share rows, so that their values are no new ones.

    Args:
        values: a score, or the difference of two, by split (J,).
        test_share: of the rows, in each split; of k folds 1 / k.
        step: between two values that a split can have.
        n_seeds: see `RepeatedSplits`.
        n_rows: see `RepeatedSplits`.
        n_runs: see `RepeatedSplits`.

    The variance of the mean is (1 / J + test_share / (1 − test_share)) times that of the values, which is at least
    step² / 12 (Sheppard's correction): few test rows let splits look alike that are not, and two alike prove nothing.
    """
    of_split = max(float(values.var(ddof=1)), step**2 / 12) if len(values) > 1 else math.nan
    overlap = test_share / (1 - test_share)
    return RepeatedSplits(float(values.mean()), of_split, len(values), overlap, n_seeds, n_rows, n_runs)
