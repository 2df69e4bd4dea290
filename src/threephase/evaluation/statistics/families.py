"""Families of comparisons: Holm's correction, a region of practical equivalence, and what would decide."""

import gc
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from threephase.evaluation.statistics.crossed import Crossed, Estimate, Interval, student_reach
from threephase.evaluation.statistics.datasets import RepeatedSplits

ALPHA = 0.05
POWER = 0.8
MOST = 2**24  # seeds, rows or splits; what would take more is not to be had
UNSEEN = -math.log(ALPHA)  # rows in n that may be discordant where none is (the rule of three)


class Verdict(StrEnum):
    """What a comparison comes to."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


class Needed(NamedTuple):
    """What a difference would show with, each alone: None where no number would do."""

    rows: int | None = None  # test rows, with these seeds
    seeds: int | None = None  # on these rows
    splits: int | None = None  # repeated ones, where the comparison is over such


@dataclass(frozen=True)
class Comparison:
    """A difference within its family."""

    estimate: Estimate
    interval: Interval  # excludes zero where the adjusted p is below 5%
    p: float
    adjusted: float  # after Holm's correction
    verdict: Verdict
    rows_needed: int | None  # test rows that would decide, with these seeds; None if no number would
    seeds_needed: int | None  # seeds that would decide, on these rows
    splits_needed: int | None = None  # repeated splits that would decide, where the comparison is over such


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of a family's p-values, which may be above 1: what each is multiplied by tells its level."""
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    family = len(p_values)
    with _nothing_to_collect():  # statsmodels stops at 1, which p / family do not reach
        return [family * float(p) for p in multipletests([p / family for p in p_values], method="holm")[1]]


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Spare statsmodels the collection of garbage that it asks for in every correction: 0.1 s, longer than the rest."""
    if _begun_frozen():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@cache
def _begun_frozen() -> bool:
    """Whether this process began with objects that are never collected, as a job that was forked does, and keeps them.

    To count them takes as long as to collect them, so it is done once.
    """
    return gc.get_freeze_count() > 0


def compared(family: Sequence[Estimate], region: float) -> list[Comparison]:
    """The verdicts on the differences of one family.

    Equivalent: the 90% interval lies within ±`region` (two one-sided tests of 5%, not corrected, because calling more
    differences negligible is no discovery). Better or worse: not equivalent, and Holm's p below 5%. A difference
    without variance stays in the family, and is equivalent if there are so many rows that even what they may hide lies
    within the region.

    Each interval has the level at which Holm's correction tests it, so that it excludes zero exactly where the
    adjusted p is below 5%.
    """
    p_values = [estimate.p for estimate in family]
    found = []
    for estimate, p, adjusted in zip(family, p_values, holm(p_values), strict=True):
        alpha = ALPHA * (p / adjusted if adjusted > 0 else 1 / len(family))
        verdict = _verdict(estimate, adjusted, region)
        more = _more_of(estimate, alpha, region) if verdict is Verdict.UNDECIDED else Needed()
        found.append(Comparison(estimate, estimate.interval(1 - alpha), p, min(adjusted, 1.0), verdict, *more))
    return found


def detectable(comparison: Comparison) -> float:
    """The smallest difference that these seeds and rows would show in 4 of 5 cases, at the comparison's own level.

    With several seeds, or over repeated splits, by Student's t, as the interval is; rows of one seed by the normal.
    Without any variance it is what so many rows may hide. One split alone shows none, however large.
    """
    from scipy import stats

    estimate, alpha = comparison.estimate, 1 - comparison.interval.level
    if estimate.variance_of_row == 0:
        return UNSEEN / estimate.n_rows
    if isinstance(estimate, RepeatedSplits) and not estimate.freedom:
        return math.inf
    if isinstance(estimate, Crossed | RepeatedSplits):
        return student_reach(estimate.variance, estimate.freedom, alpha, POWER)
    reach = stats.norm.isf(alpha / 2) + stats.norm.isf(1 - POWER)
    return float(reach) * math.sqrt(estimate.variance_of_row / estimate.n_rows)


def _verdict(estimate: Estimate, adjusted: float, region: float) -> Verdict:
    low, high, _ = estimate.interval(1 - 2 * ALPHA)
    if low == high:
        low, high = low - UNSEEN / estimate.n_rows, high + UNSEEN / estimate.n_rows
    if -region < low and high < region:
        return Verdict.EQUIVALENT
    if adjusted >= ALPHA:
        return Verdict.UNDECIDED
    return Verdict.BETTER if estimate.value > 0 else Verdict.WORSE


def needed(estimate: Estimate, difference: float, alpha: float = ALPHA) -> Needed:
    """With how many test rows, seeds or splits, each alone, a difference would show in 4 of 5 cases.

    Rows for one seed: (z₁₋ₐ⸝₂ + z₀.₈)² · d / δ², which is 7.85 · d / δ² at 5%, with d the share of discordant rows and
    δ the difference. Without a discordant row, rows enough that a share δ of them would show. With several seeds, and
    over repeated splits, it is the smallest number with which (t₁₋ₐ⸝₂ + t₀.₈) standard errors are no more than δ, if
    the parts of the variance are as large as they are found here; t has the degrees of freedom of that number.
    """
    from scipy import stats

    if estimate.variance_of_row == 0:
        return Needed(rows=math.ceil(UNSEEN / difference))

    def shows(more: Crossed | RepeatedSplits) -> bool:
        return student_reach(more.variance, more.freedom, alpha, POWER) <= difference

    if isinstance(estimate, RepeatedSplits):
        splits = estimate
        return Needed(splits=_fewest(lambda n: shows(replace(splits, n_splits=n)))) if splits.freedom else Needed()
    if not isinstance(estimate, Crossed):
        factor = float(stats.norm.isf(alpha / 2) + stats.norm.isf(1 - POWER)) ** 2
        return Needed(rows=math.ceil(factor * estimate.variance_of_row / difference**2))
    found = estimate
    return Needed(
        rows=_fewest(lambda n: shows(found.over(found.n_seeds, n))),
        seeds=_fewest(lambda n: shows(found.over(n, found.n_rows))),
    )


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number from 2 that is enough; None if none is up to `MOST`.

    More rows leave more of the variance to the seeds, and fewer degrees of freedom: so the first power of two that is
    enough is looked for, and the smallest number below it, in place of whether the largest is.
    """
    high = next((power for place in range(1, MOST.bit_length()) if enough(power := 2**place)), None)
    if high is None:
        return None
    return bisect_left(range(high), True, lo=high // 2 + 1, key=enough)


def _more_of(estimate: Estimate, alpha: float, region: float) -> Needed:
    """What would decide a difference as large as this one, or as the region: more than there is."""
    found = needed(estimate, max(abs(estimate.value), region), alpha)
    there = (estimate.n_rows, estimate.n_seeds, estimate.n_splits if isinstance(estimate, RepeatedSplits) else 0)
    return Needed(*(None if count is None else max(count, n + 1) for count, n in zip(found, there, strict=True)))
