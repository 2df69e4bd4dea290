"""Pairs drawn text by text: unique, and every text has its share."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threephase.errors import DataError
from threephase.method.anchors import anchored_pairs, draw_anchored_pairs
from threephase.method.pairs import label_similarity


def one_level(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct texts, so many of each class."""
    return np.arange(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes)[:, None]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two label levels, in which texts repeat, in one class or in several."""
    rows = draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
    return np.array([row[0] for row in rows]), np.array([row[1:] for row in rows])


@settings(max_examples=300, deadline=None)
@given(labelled(), st.integers(1, 6), st.integers(0, 10**6))
def test_every_text_draws_its_pairs_of_each_label_value_unless_it_has_no_partner_left(
    data: tuple[np.ndarray, np.ndarray], per_text: int, seed: int
) -> None:
    ids, labels = data
    drawn = dict(anchored_pairs(ids, labels, per_text, seed))
    rows = [(value, a, b) for value, (left, right) in drawn.items() for a, b in zip(left, right, strict=True)]
    pairs = [frozenset((ids[a], ids[b])) for _, a, b in rows]
    assert all(len(pair) == 2 for pair in pairs)
    assert len(set(pairs)) == len(pairs)
    for value, a, b in rows:
        assert label_similarity(labels[[a]], labels[[b]])[0] == value / 2
    as_anchor = Counter((value, ids[a], *labels[a]) for value, a, _ in rows)
    texts = Counter((text, *label) for text, label in zip(ids, labels.tolist(), strict=True))
    for (text, *label), times in texts.items():
        for value in (2, 1, 0):
            drew = as_anchor[value, text, *label]
            assert drew <= per_text * times
            if drew < per_text * times:
                similar = label_similarity(labels, np.array([label])) == value / 2
                assert all(frozenset((text, other)) in pairs for other in ids[similar] if other != text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(1, 5), st.integers(0, 10**6))
def test_a_classs_share_of_the_positives_is_its_share_of_the_texts(sizes: list[int], per_text: int, seed: int) -> None:
    """A class of r texts has per_text · r positives, and all r (r − 1) / 2 of them where there are not more."""
    ids, labels = one_level(*sizes)
    left, _ = dict(anchored_pairs(ids, labels, per_text, seed))[1]
    for size, positives in zip(sizes, np.bincount(labels[left, 0], minlength=len(sizes)), strict=True):
        if size > 2 * per_text:  # a text has drawn and been drawn less than per_text times each: a partner is left
            assert positives == per_text * size
        assert positives <= min(per_text * size, size * (size - 1) // 2)
        if per_text >= size - 1:  # whoever draws so often leaves no pair out
            assert positives == size * (size - 1) // 2


def test_tiny_data_by_hand() -> None:
    # three texts and two: three positives and one; six negatives, of which as many are kept
    pairs = draw_anchored_pairs(*one_level(3, 2), per_text=9, seed=1)
    assert pairs.report == {
        "0": {"drawn": 45, "unique": 6, "kept": 4},
        "1": {"drawn": 45, "unique": 4, "kept": 4},
    }
    positives = {
        (min(a, b), max(a, b)) for a, b, value in zip(pairs.left, pairs.right, pairs.target, strict=True) if value
    }
    assert positives == {(0, 1), (0, 2), (1, 2), (3, 4)}
    # a class of one text has no positives, but negatives
    pairs = draw_anchored_pairs(*one_level(1, 4), per_text=1, seed=1)
    assert 0 not in {*pairs.left[pairs.target == 1], *pairs.right[pairs.target == 1]}
    assert 0 in {*pairs.left[pairs.target == 0], *pairs.right[pairs.target == 0]}


def test_a_text_in_two_classes_makes_one_pair_with_another() -> None:
    """'a' has both labels: with 'b' it is a positive or a negative pair, not both, and it never meets itself."""
    ids, labels = np.array([0, 1, 0, 2]), np.array([[0], [0], [1], [1]])
    drawn = dict(anchored_pairs(ids, labels, 5, 1))
    sides = {value: {frozenset((ids[a], ids[b])) for a, b in zip(*rows, strict=True)} for value, rows in drawn.items()}
    assert sides == {1: {frozenset((0, 1)), frozenset((0, 2))}, 0: {frozenset((1, 2))}}


def test_the_demos_smallest_class_has_its_share() -> None:
    """With the demo's class sizes the smallest has 13 / 365 of the positives; side by side it had 8 of 476."""
    ids, labels = one_level(150, 100, 80, 22, 13)
    pairs = draw_anchored_pairs(ids, labels, 3, 1)
    assert np.bincount(labels[pairs.left[pairs.target == 1], 0]).tolist() == [450, 300, 240, 66, 39]


def test_negatives_are_of_each_other_class_alike_whatever_their_sizes() -> None:
    ids, labels = one_level(400, 400, 40)
    left, right = dict(anchored_pairs(ids, labels, 4, 1))[0]
    drawn = Counter(zip(labels[left, 0], labels[right, 0], strict=True))
    for owner, texts in ((0, 400), (1, 400), (2, 40)):
        assert sum(drawn[owner, other] for other in range(3)) == 4 * texts
        assert all(drawn[owner, other] == pytest.approx(2 * texts, rel=0.05) for other in range(3) if other != owner)


def test_where_negatives_run_out_positives_are_cut_in_the_shares_of_the_classes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids, labels = one_level(200, 100, 1)
    ids[labels[:, 0] == 1] = 500  # one text, a hundred times: 201 negatives in all, and one with the third class
    with caplog.at_level("INFO"):
        pairs = draw_anchored_pairs(ids, labels, 3, 1)
    assert pairs.report["0"]["unique"] == 401
    assert pairs.report["1"] == {"drawn": 903, "unique": 600, "kept": 401}
    assert "ran short by 502 of 903; all values are capped at 401 pairs" in caplog.text
    as_anchor = np.bincount(pairs.left[pairs.target == 1], minlength=200)[:200]
    assert set(as_anchor.tolist()) <= {2, 3}  # two whole rounds, and a random text more


def test_each_label_value_is_drawn_apart() -> None:
    """Ten fine classes below two coarse ones: 0.5 has as many pairs as 0 and 1, though few classes are so near."""
    coarse = np.repeat([0, 1], [20, 180])
    labels = np.stack([coarse, np.arange(200) // 10 % 20], axis=1)
    pairs = draw_anchored_pairs(np.arange(200), labels, 3, 1)
    assert pairs.report == {value: {"drawn": 600, "unique": 600, "kept": 600} for value in ("0", "0.5", "1")}
    assert np.array_equal(pairs.target, label_similarity(labels[pairs.left], labels[pairs.right]).astype(np.float32))


def test_draws_are_functions_of_seed_and_draw_and_more_partners_go_on_with_the_same() -> None:
    ids, labels = one_level(60, 50, 40)

    def drawn(per_text: int, seed: int, draw: int = 0) -> set[tuple[int, int]]:
        pairs = draw_anchored_pairs(ids, labels, per_text, seed, draw)
        return {*zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}

    assert drawn(2, 1) == drawn(2, 1)
    assert drawn(2, 1) <= drawn(4, 1)
    assert drawn(2, 1) != drawn(2, 2)
    assert drawn(2, 1) != drawn(2, 1, draw=1)


def test_without_any_positive_it_is_an_error() -> None:
    with pytest.raises(DataError, match="no positive pair"):
        draw_anchored_pairs(*one_level(1, 1, 1, 1), 10, 0)


def test_a_class_that_is_used_up_is_found_out_quickly() -> None:
    """The single text of a class is in a pair with each of 30,000 others after one round, and has seven to go."""
    ids, labels = one_level(30_000, 1)
    assert len(dict(anchored_pairs(ids, labels, 8, 1))[0][0]) == 30_000


def test_memory_is_bounded_at_120_000_texts() -> None:
    """AGNews's size with Table 5's 12 pairs a text: 2.9 million pairs of 7.2 · 10^9."""
    ids, labels = np.arange(120_000), (np.arange(120_000) % 4)[:, None]
    tracemalloc.start()
    pairs = draw_anchored_pairs(ids, labels, 12, 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pairs) == 2 * 12 * 120_000
    assert peak < 150e6
