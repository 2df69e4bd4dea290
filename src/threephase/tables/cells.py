"""One row of a score table: each variant's mean with its interval, and how it compares with the reference."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.evaluation.statistics.crossed import Estimate, Interval
from threephase.evaluation.statistics.families import Comparison, Verdict, compared
from threephase.tables.legend import MARKED, SIGNS

LEVEL = 0.95


@dataclass(frozen=True)
class Cell:
    """Scores of one variant over its runs, in percent; `same` if every run saw what the reference saw.

    The runs are seeds, and where a dataset has repeated splits, seeds on every split.
    """

    mean: float
    sd: float  # sample standard deviation over runs; not a number for one
    n: int
    interval: Interval
    se_seeds: float  # standard errors if only seeds, and if only test rows, were drawn
    se_rows: float
    same: bool = False
    marked: bool = False  # whether a run rests on a checkpoint that its probe marks
    comparison: Comparison | None = None  # with the reference, in shares
    best: bool = False  # not worse than the best of its row
    fewer: bool = False  # has fewer seeds than others of its row
    baseline: bool = False  # none of the paper's methods: never the best of a row

    @property
    def text(self) -> str:
        """`89.0 [87.1, 90.9] (10) ▲`: mean, interval, seeds, and the sign of its comparison."""
        sign = f" {SIGNS[self.comparison.verdict]}" if self.comparison else ""
        low, high, _ = self.interval
        return f"{self.mean:.1f} [{low:.1f}, {high:.1f}] ({self.n}){sign}{MARKED * self.marked}"

    def numbers(self) -> dict[str, Any]:
        """What the csv has of a cell; differences in points."""
        own = {
            "mean": self.mean, "sd": self.sd, "n": self.n, "low": self.interval.low, "high": self.interval.high,
            "se_seeds": self.se_seeds, "se_rows": self.se_rows, "same": self.same, "marked": self.marked,
            "best": self.best,
        }  # fmt: skip
        return own | (numbers_of(self.comparison) if self.comparison else {})


def numbers_of(comparison: Comparison) -> dict[str, Any]:
    """What a csv has of a comparison; differences in points."""
    estimate, (low, high, level) = comparison.estimate, comparison.interval
    return {
        "difference": 100 * estimate.value, "difference_low": 100 * low, "difference_high": 100 * high, "level": level,
        "difference_se_seeds": 100 * estimate.se_seeds, "difference_se_rows": 100 * estimate.se_rows,
        "p": comparison.p, "p_holm": comparison.adjusted, "verdict": str(comparison.verdict),
        "rows_needed": comparison.rows_needed, "seeds_needed": comparison.seeds_needed,
        "splits_needed": comparison.splits_needed,
    }  # fmt: skip


def in_points(value: float, low: float, high: float) -> str:
    """`+3.3 [-0.5, +7.1]`: a difference with its interval, all given as shares."""
    points = (round(100 * each, 1) + 0.0 for each in (value, low, high))  # no minus before nothing
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*points)


def cells_of(
    rows: pd.DataFrame,
    evidence: Evidence | SplitEvidence | None,
    score: str,
    variants: list[str],
    reference: str,
    region: float,
) -> list[Cell | None]:
    """The cells of a dataset and base model; None where a variant has no run that did not fail.

    Args:
        rows: its rows of `results.collect`, with marks.
        evidence: what its predictions say; None if all runs failed.
        score: which score.
        variants: which cells.
        reference: the variant that others are compared with; all comparisons are one family, and the baselines' one
            of their own, so that a variant's verdict does not depend on how many baselines stand beside it.
        region: differences within ± this share count as none.
    """
    there = rows[rows["failed"].isna()]
    if evidence is None:
        return [None] * len(variants)
    cells = {
        variant: _cell(there, evidence, score, variant, reference)
        for variant in variants
        if (there["variant"] == variant).any()
    }
    apart = [variant for variant, cell in cells.items() if not cell.same]
    judged = [variant for variant in apart if not cells[variant].baseline]
    for members in (judged, [variant for variant in apart if cells[variant].baseline]):
        family = _differences(evidence, score, members, reference)
        for variant, comparison in zip(family, compared(list(family.values()), region), strict=True):
            cells[variant] = replace(cells[variant], comparison=comparison)
    most = max((cells[variant].n for variant in judged), default=0)
    full = [variant for variant in judged if cells[variant].n == most]
    best = _not_worse_than_the_best({variant: cells[variant] for variant in full}, evidence, score, region)
    return [
        replace(cells[variant], best=variant in best, fewer=variant in judged and variant not in full)
        if variant in cells
        else None
        for variant in variants
    ]


def _cell(there: pd.DataFrame, evidence: Evidence | SplitEvidence, score: str, variant: str, reference: str) -> Cell:
    own = there[there["variant"] == variant].set_index(["split", "seed"])
    other = there[there["variant"] == reference].set_index(["split", "seed"])["effective"]
    estimate = evidence.of(variant, score)
    low, high, level = estimate.interval(LEVEL)
    return Cell(
        100 * estimate.value, float(100 * own[score].std(ddof=1)), len(own),
        Interval(max(0.0, 100 * low), min(100.0, 100 * high), level),
        100 * estimate.se_seeds, 100 * estimate.se_rows,
        same=variant != reference and own["effective"].equals(other.reindex(own.index)),
        marked=bool(own["marks"].map(bool).any()), baseline=bool(own["baseline"].all()),
    )  # fmt: skip


def _differences(
    evidence: Evidence | SplitEvidence, score: str, variants: list[str], other: str
) -> dict[str, Estimate]:
    """Those of the variants that share a seed with another one, each with its difference from it."""
    found = {variant: evidence.difference(variant, other, score) for variant in variants if variant != other}
    return {variant: estimate for variant, estimate in found.items() if estimate is not None}


def _not_worse_than_the_best(
    cells: dict[str, Cell], evidence: Evidence | SplitEvidence, score: str, region: float
) -> set[str]:
    if not cells:
        return set()
    best = max(cells, key=lambda variant: cells[variant].mean)
    family = _differences(evidence, score, list(cells), best)
    comparisons = zip(family, compared(list(family.values()), region), strict=True)
    return {best, *(variant for variant, comparison in comparisons if comparison.verdict is not Verdict.WORSE)}
