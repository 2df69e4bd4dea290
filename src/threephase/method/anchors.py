"""Pairs for phase 2, text by text: each is an anchor that draws its positives and its negatives (section 3.2).

So a class has the share of the positives that it has of the texts; side by side (`method.pairs`) it has the share that
its size squared has.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from threephase.method.pairs import Pairs, fresh_pairs, shares
from threephase.seeding import generator

AT_ONCE = 1 << 16  # candidates that are looked at together, which bounds memory


def draw_anchored_pairs(text_ids: np.ndarray, labels: np.ndarray, per_text: int, seed: int, draw: int = 0) -> Pairs:
    """Let every text draw pairs of each label value, then keep as many of each value as the rarest has.

    Args:
        text_ids: (n,) the same number for the same final text; a pair is unordered and known by these.
        labels: (n, L) label of each text on each level, coarse to fine.
        per_text: how many partners of each label value a text draws.
        seed: the run's seed.
        draw: number of the draw; each is a function of (seed, draw) alone. More partners per text go on with the same.

    Returns:
        Pairs as `anchored_pairs` draws them, label value by label value; what is missing stands in report and log.

    Raises:
        DataError: if no two different texts share all their labels.
    """
    levels = labels.shape[1]
    sides = dict(anchored_pairs(text_ids, labels, per_text, seed, draw))
    found = np.array([len(sides[value][0]) for value in range(levels + 1)])
    cap, report = shares(found, np.full(levels + 1, per_text * len(text_ids)))
    kept = [value for value in range(levels + 1) if found[value]]
    left, right = (np.concatenate([sides[value][side][:cap] for value in kept]) for side in (0, 1))
    return Pairs(left, right, np.repeat(np.array(kept, dtype=np.float32) / levels, cap), report)


def anchored_pairs(
    text_ids: np.ndarray, labels: np.ndarray, per_text: int, seed: int, draw: int = 0
) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """How many label levels pairs share, from all to none, and the rows of these pairs: anchors left, partners right.

    A text draws `per_text` partners of its own class (positives) and as many negatives: a uniformly drawn other class,
    then a text of it. With several label levels classes are those of the deepest, and the negatives of each label
    value are drawn apart, `per_text` of each: of the classes that share just so many levels with the text's own.

    No pair occurs twice, no text is paired with itself. A text draws fewer only where it is in a pair with each of its
    candidates: so a class of one text has no positives, and a text whose upper class has no other class below it no
    pair of the values between. All texts draw in a random order, one partner each, then again.
    """
    paths, classes = np.unique(labels, axis=0, return_inverse=True)
    texts = _Texts.of(text_ids, classes.reshape(-1), generator(seed, "anchors", draw))
    doubled = np.empty(0, dtype=np.int64)  # pairs so far of texts that stand in several classes
    for value in range(labels.shape[1], -1, -1):
        anchors = _Anchors(texts, *_candidate_classes(paths, value), generator(seed, "anchors", draw, value), doubled)
        parts = list(anchors.pairs(per_text))
        doubled = anchors.doubled
        left, right = (np.concatenate([*(part[side] for part in parts), texts.row[:0]]) for side in (0, 1))
        yield value, (left, right)


class _Texts(NamedTuple):
    """The m distinct texts of each class, class by class, shuffled. One of several classes stands in each of them."""

    row: np.ndarray  # (m,) a row that has it
    text: np.ndarray  # (m,) its number
    rows: np.ndarray  # (m,) how many rows have it
    owner: np.ndarray  # (m,) its class
    place: np.ndarray  # (m,) its place in its class
    start: np.ndarray  # (K + 1,) where each class begins, and the end
    several: np.ndarray  # (m,) whether it stands in several classes

    @classmethod
    def of(cls, text_ids: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> "_Texts":
        known = int(text_ids.max()) + 1 if len(text_ids) else 0
        keys, row, rows = np.unique(
            classes.astype(np.int64) * known + text_ids, return_index=True, return_counts=True
        )  # fmt: skip
        owner, text = np.divmod(keys, max(known, 1))
        start = np.searchsorted(owner, np.arange(classes.max(initial=-1) + 2))
        shuffled = _shuffled_within(owner, rng)
        row, text, rows = row[shuffled].astype(np.int32), text[shuffled], rows[shuffled]
        several = np.bincount(text, minlength=known)[text] > 1
        return cls(row, text, rows, owner, np.arange(len(owner)) - start[owner], start, several)


def _shuffled_within(owner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(m,) the places of each class in random order, where the classes stand one after another."""
    shuffled = rng.permutation(len(owner))
    return shuffled[np.argsort(owner[shuffled], kind="stable")]


def _candidate_classes(paths: np.ndarray, value: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The classes (ordered, from coarse to fine) that share exactly `value` levels with each of them.

    They are those of a stretch without another inside it. Gives (K,) each: where the stretch begins, how long it is,
    where in it the classes after the inner one begin, and how many there are.
    """

    def stretch(depth: int) -> tuple[np.ndarray, np.ndarray]:
        _, group = np.unique(paths[:, :depth], axis=0, return_inverse=True)
        group = group.reshape(-1)
        return np.searchsorted(group, group), np.searchsorted(group, group, side="right")

    start, stop = stretch(value) if value else (np.zeros(len(paths), dtype=np.int64), np.full(len(paths), len(paths)))
    inner = stretch(value + 1) if value < paths.shape[1] else (start, start)
    return start, stop - start, inner[1] - start, (stop - start) - (inner[1] - inner[0])


class _Anchors:
    """Draws of one label value: each text goes through its candidates in an order of its own, each once.

    A text's candidates are numbered: its classes in turn, and each time another text of the class, a random step away.
    The text's own place in its shuffled class says with which class and text this begins, so that in every round the
    classes, and the texts of a class, are drawn alike often.

    What makes this quick and small: the number of a text among another's candidates can be computed, and all numbers
    below that of the next draw have been drawn or looked at. So whether a pair is taken needs no list of pairs, but
    for texts that stand in several classes.

    Args:
        texts: that draw and are drawn.
        first, width, after, classes: (K,) the candidate classes of each class, as `_candidate_classes` gives them.
        rng: of this label value.
        doubled: keys of the pairs so far of texts that stand in several classes, sorted.
    """

    def __init__(
        self, texts: _Texts, first: np.ndarray, width: np.ndarray, after: np.ndarray, classes: np.ndarray,
        rng: np.random.Generator, doubled: np.ndarray,
    ) -> None:  # fmt: skip
        self.texts = texts
        self.first, self.width, self.after, self.classes = first, width, after, classes
        self.doubled = doubled
        self.rng = rng
        count, self.size = len(texts.row), np.diff(texts.start)
        step = _shuffled_within(texts.owner, rng)
        self.step = texts.place[step]  # class by class, those that a text goes, in their order
        self.number_of_step = np.empty(count, dtype=np.int64)
        self.number_of_step[step] = texts.place
        self.drawn = np.zeros(count, dtype=np.int64)  # the number of each text's next candidate
        largest = np.array([self.size[self._classes_of(owner)].max(initial=0) for owner in range(len(self.size))])
        self.limit = classes * largest  # no text of a class has a candidate from here on
        self._partner = np.full(count, -1, dtype=np.int64)

    def _classes_of(self, owner: int) -> np.ndarray:
        turns = np.arange(self.classes[owner])
        return self.first[owner] + (self.after[owner] + turns) % max(self.width[owner], 1)

    def pairs(self, per_text: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows (left, right) of the pairs, `per_text` rounds in which each row of each text draws one."""
        order = self.rng.permutation(len(self.texts.row))
        by_rows = order[np.argsort(-self.texts.rows[order], kind="stable")]
        of_so_many = np.bincount(self.texts.rows)[::-1].cumsum()[::-1]  # texts that have at least so many rows
        for _ in range(per_text):
            for rows in range(1, len(of_so_many)):
                drawing = order if rows == 1 else by_rows[: of_so_many[rows]]
                for start in range(0, len(drawing), AT_ONCE):
                    yield from self._draw(drawing[start : start + AT_ONCE])

    def _draw(self, anchors: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One pair for each of the anchors that has a candidate left."""
        ahead = 1
        while len(anchors := anchors[self.drawn[anchors] < self.limit[self.texts.owner[anchors]]]):
            numbers = self.drawn[anchors][:, None] + np.arange(ahead)
            partners, free = self._candidates(anchors[:, None], numbers)
            place = free.argmax(axis=1)
            found = free[np.arange(len(anchors)), place]
            self.drawn[anchors] += np.where(found, place + 1, ahead)
            left, right = anchors[found], partners[found, place[found]]
            new = self._new(left, right)
            yield self.texts.row[left[new]], self.texts.row[right[new]]
            anchors = np.concatenate([anchors[~found], left[~new]])
            ahead = max(1, min(8 * ahead, AT_ONCE // max(1, len(anchors))))

    def _candidates(self, anchor: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The candidates of these numbers, and which of them are there and not taken."""
        owner, place = self.texts.owner[anchor], self.texts.place[anchor]
        classes = self.classes[owner]
        turn = (place + number) % classes
        drawn_class = self.first[owner] + (self.after[owner] + turn) % self.width[owner]
        step, start, size = number // classes, self.texts.start[drawn_class], self.size[drawn_class]
        there = step < size
        partner = start + (place // classes + self.step[start + np.where(there, step, 0)]) % size
        taken = self._number(partner, anchor) < self.drawn[partner]
        return partner, there & ~taken & (partner != anchor)

    def _number(self, anchor: np.ndarray, partner: np.ndarray) -> np.ndarray:
        """The number of a text among the candidates of another."""
        owner, place, of = self.texts.owner[anchor], self.texts.place[anchor], self.texts.owner[partner]
        classes, start, size = self.classes[owner], self.texts.start[of], self.size[of]
        turn = (of - self.first[owner] - self.after[owner]) % self.width[owner]
        step = self.number_of_step[start + (self.texts.place[partner] - place // classes) % size]
        return step * classes + (turn - place) % classes

    def _new(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Which of the pairs found at once are new: of two texts that chose each other, one has the pair."""
        self._partner[left] = right
        new = (self._partner[right] != left) | (left < right)
        self._partner[left] = -1
        texts = self.texts
        new &= texts.text[left] != texts.text[right]
        doubled = np.flatnonzero(new & (texts.several[left] | texts.several[right]))
        if len(doubled):
            known = int(texts.text.max()) + 1
            places, self.doubled = fresh_pairs(
                texts.text[left[doubled]], texts.text[right[doubled]], known, self.doubled
            )  # fmt: skip
            new[doubled] = False
            new[doubled[places]] = True
        return new
