"""Imbalance correction of phase 2 (section 3.2.1): small classes are shown more often."""

import math
from typing import NamedTuple

import numpy as np

from threephase.seeding import generator


def f(size: int, largest: int, maxratio: float) -> float:
    """f(r) = maxratio · log(max / r) / log(max) of a class with r = `size` rows, max = `largest`.

    The printed eq. (4) divides by log(maxratio) instead, which contradicts the properties the text states of it:
    f(1) = maxratio, and f = 1 at r = max^((maxratio − 1) / maxratio) (eq. 7). This form has both.
    """
    return maxratio * (math.log(largest / size) / math.log(largest)) if largest > 1 else 0.0


def correction_ratio(size: int, largest: int, minratio: float, maxratio: float) -> float:
    """How many times larger a class is made: f(r), cut to maxratio, and 1 below minratio (eq. 5)."""
    ratio = f(size, largest, maxratio)
    return min(maxratio, ratio) if ratio >= minratio else 1.0


def corrected_sizes(
    sizes: dict[int, int], minratio: float, maxratio: float, whole_copies: bool = False
) -> dict[int, int]:
    """Rows of each class after correction: round(ratio · r) (eqs. 5 and 6), or round(ratio) · r in whole copies."""
    largest = max(sizes.values())
    ratios = {label: correction_ratio(size, largest, minratio, maxratio) for label, size in sizes.items()}
    return {
        label: round(ratios[label]) * size if whole_copies else round(ratios[label] * size)
        for label, size in sizes.items()
    }


def resized_rows(classes: np.ndarray, minratio: float, maxratio: float) -> np.ndarray:
    """Which rows with these `classes` (n,) are of a class that correction makes larger."""
    counts = np.bincount(classes)
    resized = [count > 0 and correction_ratio(count, counts.max(), minratio, maxratio) > 1 for count in counts]
    return np.array(resized)[classes]


class BalancedRows(NamedTuple):
    """Rows of the balanced data: which row of the original, and its how-manieth copy (0 is the row itself)."""

    rows: np.ndarray  # (m,) int64
    copies: np.ndarray  # (m,) int64


def balanced_rows(
    classes: np.ndarray, minratio: float, maxratio: float, seed: int, whole_copies: bool = False
) -> BalancedRows:
    """The balanced data of rows with these `classes` (n,): originals first, then the added copies.

    Every row of a class with ratio q stands ⌊q⌋ times; what is missing to round(q · r) is sampled from the
    class without replacement. With `whole_copies` every row stands round(q) times.
    """
    labels, counts = np.unique(classes, return_counts=True)
    sizes = {int(label): int(count) for label, count in zip(labels, counts, strict=True)}
    rows, copies = [np.arange(len(classes))], [np.zeros(len(classes), dtype=np.int64)]
    for label, new_size in corrected_sizes(sizes, minratio, maxratio, whole_copies).items():
        members = np.flatnonzero(classes == label)
        whole, rest = divmod(new_size, len(members))
        for copy in range(1, whole):
            rows.append(members)
            copies.append(np.full(len(members), copy))
        if rest:
            sampled = generator(seed, "imbalance", label).choice(members, size=rest, replace=False)
            rows.append(np.sort(sampled))
            copies.append(np.full(rest, whole))
    return BalancedRows(np.concatenate(rows), np.concatenate(copies))
