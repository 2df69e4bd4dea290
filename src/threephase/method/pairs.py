"""Pairs of texts for phase 2: unique, balanced over the label values, in memory that grows with the pairs alone."""

import logging
import math
from dataclasses import dataclass

import numpy as np

from threephase.errors import DataError
from threephase.seeding import generator

logger = logging.getLogger(__name__)


def label_similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """label_{u,v}: share of the label levels that match from the top down. (n, L) and (n, L) -> (n,) in [0, 1].

    Eq. (2) for one level (0 or 1); with two levels 0, 0.5 or 1 (section 3.2).
    """
    return np.cumprod(left == right, axis=1).mean(axis=1)


def rounds_of_pairs(pairs_per_text: int, classes: int) -> int:
    """How often two shuffled copies of the balanced data are laid side by side, for K classes."""
    factor = max(1, int(math.log2(classes))) if classes < 100 else 1
    return pairs_per_text * factor


@dataclass(frozen=True)
class Pairs:
    """Pairs as places in the balanced data, with their target value, and how they came about."""

    left: np.ndarray  # (p,) int32
    right: np.ndarray  # (p,) int32
    target: np.ndarray  # (p,) float32, label_{u,v}
    report: dict[str, dict[str, int]]  # per label value: pairs drawn (anchors: asked for), unique ones, kept ones

    def __len__(self) -> int:
        return len(self.target)

    def part(self, places: np.ndarray) -> "Pairs":
        """The pairs at some places."""
        return Pairs(self.left[places], self.right[places], self.target[places], self.report)


def draw_pairs(
    text_ids: np.ndarray, labels: np.ndarray, rounds: int, seed: int, first_round: int = 0, unique: bool = True
) -> Pairs:
    """Draw unique pairs, then keep as many of each label value as the rarest has.

    Args:
        text_ids: (n,) the same number for the same final text; a pair is unordered and known by these.
        labels: (n, L) label of each text on each level, coarse to fine.
        rounds: how often two shuffled copies of the data are laid side by side; each round is a function of
            (seed, round) alone.
        seed: the run's seed.
        unique: without it, repeats and pairs of a text with itself stay.
        first_round: number of the first round; a restart goes on with rounds that were not drawn yet.

    Returns:
        Pairs in the order drawn. No pair occurs twice, no text is paired with itself. Where unique pairs run
        out, the rarest value caps all, and the report and the log say by how much.

    Raises:
        DataError: if no two different texts share all their labels.
    """
    texts = int(text_ids.max()) + 1 if len(text_ids) else 0
    levels = labels.shape[1]
    seen = np.empty(0, dtype=np.int64)
    drawn = np.zeros(levels + 1, dtype=np.int64)
    kept_left, kept_right, kept_value = [], [], []
    for number in range(first_round, first_round + rounds):
        rng = generator(seed, "pairs", number)
        left, right = rng.permutation(len(text_ids)), rng.permutation(len(text_ids))
        if unique:
            different = text_ids[left] != text_ids[right]
            left, right = left[different], right[different]
        value = np.rint(label_similarity(labels[left], labels[right]) * levels).astype(np.int8)
        drawn += np.bincount(value, minlength=levels + 1)
        places = np.arange(len(left))
        if unique:
            places, seen = fresh_pairs(text_ids[left], text_ids[right], texts, seen)
        kept_left.append(left[places].astype(np.int32))
        kept_right.append(right[places].astype(np.int32))
        kept_value.append(value[places])
    values = np.concatenate(kept_value) if kept_value else np.empty(0, dtype=np.int8)
    cap, report = shares(np.bincount(values, minlength=levels + 1), drawn)
    chosen = np.sort(np.concatenate([np.flatnonzero(values == value)[:cap] for value in np.unique(values)]))
    return Pairs(
        left=np.concatenate(kept_left)[chosen],
        right=np.concatenate(kept_right)[chosen],
        target=(values[chosen] / levels).astype(np.float32),
        report=report,
    )


def shares(found: np.ndarray, drawn: np.ndarray) -> tuple[int, dict[str, dict[str, int]]]:
    """How many pairs of each label value are kept, as many as the rarest has, and the report of it.

    Args:
        found: (L + 1,) unique pairs that share 0, 1, … L label levels.
        drawn: (L + 1,) pairs that were drawn or asked for.

    Raises:
        DataError: if no two different texts share all their labels.
    """
    levels = len(found) - 1
    if found[levels] == 0:
        raise DataError("no two different texts share a label, so there is no positive pair: give each class more rows")
    cap = int(found[found > 0].min())
    report = {
        f"{value / levels:g}": {"drawn": int(drawn[value]), "unique": int(found[value]), "kept": cap}
        for value in np.flatnonzero(found)
    }
    _log_shortfall(report)
    return cap, report


def fresh_pairs(left: np.ndarray, right: np.ndarray, texts: int, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the pairs (by text numbers below `texts`) that were not seen yet, and all that are now, in order."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    keys, first = np.unique(low.astype(np.int64) * texts + high, return_index=True)
    fresh = ~_contains(seen, keys)
    return np.sort(first[fresh]), np.sort(np.concatenate([seen, keys[fresh]]), kind="stable")


def _contains(ordered: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Which of `keys` stand in `ordered`, a sorted array."""
    if not len(ordered):
        return np.zeros(len(keys), dtype=bool)
    places = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return ordered[places] == keys


def _log_shortfall(report: dict[str, dict[str, int]]) -> None:
    value, rarest = min(report.items(), key=lambda item: item[1]["unique"])
    short = rarest["drawn"] - rarest["unique"]
    if short:
        logger.info(
            "unique pairs of label value %s ran short by %d of %d; all values are capped at %d pairs",
            value, short, rarest["drawn"], rarest["kept"],
        )  # fmt: skip
