"""Scores from counts of predictions by class, and the same on test rows drawn anew within their classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from threephase.seeding import generator

DRAWS = 10_000
BLOCK = 500  # draws at a time
SEED = 0  # the same rows for every variant and table of a dataset


@dataclass(frozen=True)
class Scoring:
    """How scores are taken from counts: K classes, and over which of them each is averaged.

    Args:
        classes: how many classes there are.
        averaged: places of the classes that precision, recall and F1 are means of: those that occur in the truth, or
            the positive class alone.
        rare: places of the rarest third of the classes.
    """

    classes: int
    averaged: tuple[int, ...]
    rare: tuple[int, ...]

    def scores(self, right: np.ndarray, predicted: np.ndarray, there: np.ndarray) -> dict[str, np.ndarray]:
        """Scores (…) from counts of rows by class (…, K): predicted rightly, predicted at all, in the truth.

        A score without a denominator is 0, as in `method.metrics`.
        """
        recall = _ratio(right, there)
        means = {
            "precision": _ratio(right, predicted),
            "recall": recall,
            "f1": _ratio(2 * right, predicted + there),
        }
        averaged, rare = list(self.averaged), list(self.rare)
        found = {name: values[..., averaged].mean(axis=-1) for name, values in means.items()}
        return found | {
            "accuracy": right.sum(axis=-1) / there.sum(axis=-1),
            "rare_recall": recall[..., rare].mean(axis=-1),
        }

    def of(self, truth: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """Scores (…) of predictions (…, n) against the truth, which has the same shape or (n,)."""
        truth = np.broadcast_to(truth, predicted.shape)
        return self.scores(
            self._counts(np.where(predicted == truth, truth, self.classes)), self._counts(predicted),
            self._counts(truth),
        )  # fmt: skip

    def _counts(self, places: np.ndarray) -> np.ndarray:
        """How often each class stands in the last axis: (…, n) → (…, K); a place beyond the classes is left out."""
        width = self.classes + 1
        flat = places.reshape(-1, places.shape[-1])
        offsets = width * np.arange(len(flat))[:, None]
        counts = np.bincount((flat + offsets).ravel(), minlength=width * len(flat))
        return counts.reshape(*places.shape[:-1], width)[..., : self.classes].astype(np.float64)


def rarest_third(rows_by_class: np.ndarray) -> tuple[int, ...]:
    """Places of the third of the classes, rounded up, with the fewest rows (K,); ties with the last of them too."""
    third = -(-len(rows_by_class) // 3)
    limit = np.sort(rows_by_class)[third - 1]
    return tuple(int(place) for place in np.flatnonzero(rows_by_class <= limit))


def drawn_scores(
    scoring: Scoring, truth: np.ndarray, predicted: np.ndarray, draws: int = DRAWS
) -> dict[str, np.ndarray]:
    """Scores (M, B) of M classifiers on B draws of the test rows, the same draws for all.

    Args:
        scoring: how scores are taken.
        truth: classes of the rows (n,).
        predicted: of each classifier (M, n).
        draws: how many, B. Each draws as many rows of a class as it has.

    Rows of one class that all classifiers predict alike are one kind, and a draw is how many it has of each kind.
    """
    kinds, sizes = np.unique(np.vstack([truth, predicted]), axis=1, return_counts=True)
    classes, answers = kinds[0], kinds[1:]
    there = np.zeros(scoring.classes)
    np.add.at(there, classes, sizes)
    # One row for each classifier and class: which kinds it takes for that class, all of them and those that are.
    places = np.arange(len(answers))[:, None] * scoring.classes + answers
    every = _indicator(places, np.ones_like(answers, dtype=bool), len(answers) * scoring.classes)
    right = _indicator(places, answers == classes, len(answers) * scoring.classes)
    random = generator(SEED, "bootstrap")
    found: dict[str, list[np.ndarray]] = {}
    for start in range(0, draws, BLOCK):
        drawn = _drawn(classes, sizes, min(BLOCK, draws - start), random)
        hits, all_of = (
            (taken @ drawn).reshape(len(answers), scoring.classes, -1).swapaxes(1, 2) for taken in (right, every)
        )  # fmt: skip
        for name, values in scoring.scores(hits, all_of, there).items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(blocks, axis=1) for name, blocks in found.items()}


def _drawn(classes: np.ndarray, sizes: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """How many rows of each kind a draw has (U, B), within the classes of the kinds."""
    drawn = np.empty((len(classes), draws))
    for place in np.unique(classes):
        kinds = np.flatnonzero(classes == place)
        rows = int(sizes[kinds].sum())
        drawn[kinds] = random.multinomial(rows, sizes[kinds] / rows, size=draws).T
    return drawn


def _indicator(places: np.ndarray, taken: np.ndarray, rows: int) -> Any:
    """A sparse matrix (rows, U) with 1 where a kind of test rows (a column of `places`) is taken for a place."""
    from scipy import sparse

    columns = np.broadcast_to(np.arange(places.shape[1]), places.shape)
    ones = np.ones(int(taken.sum()))
    return sparse.csr_array((ones, (places[taken], columns[taken])), shape=(rows, places.shape[1]))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
