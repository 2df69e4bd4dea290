"""Pairs: unique, balanced, reproducible, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threephase.errors import DataError
from threephase.method.pairs import draw_pairs, label_similarity, rounds_of_pairs


def test_label_values_by_hand() -> None:
    one = label_similarity(np.array([[1], [1]]), np.array([[1], [2]]))
    assert one.tolist() == [1, 0]  # eq. (2)
    left = np.array([[1, 1], [1, 1], [1, 1], [1, 1]])
    right = np.array([[1, 1], [1, 2], [2, 1], [2, 2]])
    # a match below a mismatch does not count: levels match from the top down
    assert label_similarity(left, right).tolist() == [1, 0.5, 0, 0]


@pytest.mark.parametrize(
    ("classes", "rounds"), [(2, 3), (3, 3), (4, 6), (5, 6), (8, 9), (10, 9), (50, 15), (99, 18), (100, 3), (150, 3)]
)
def test_rounds_are_pairs_per_text_times_log2_of_the_classes(classes: int, rounds: int) -> None:
    assert rounds_of_pairs(3, classes) == rounds


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rows with repeated texts; the first two share their labels but not their text."""
    ids = draw(st.lists(st.integers(2, 20), max_size=30))
    labels = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=len(ids), max_size=len(ids)))
    return np.array([0, 1, *ids]), np.array([(0, 0), (0, 0), *labels])


@settings(max_examples=200)
@given(labelled(), st.integers(20, 30), st.integers(0, 10**6))
def test_no_pair_repeats_no_text_meets_itself_and_values_are_balanced(
    data: tuple[np.ndarray, np.ndarray], rounds: int, seed: int
) -> None:
    ids, labels = data
    try:
        pairs = draw_pairs(ids, labels, rounds, seed)
    except DataError:
        return  # so few rounds that the one positive pair never came up
    keys = [frozenset((ids[a], ids[b])) for a, b in zip(pairs.left, pairs.right, strict=True)]
    assert all(len(key) == 2 for key in keys)
    assert len(set(keys)) == len(keys)
    assert np.array_equal(pairs.target, label_similarity(labels[pairs.left], labels[pairs.right]).astype(np.float32))
    _, counts = np.unique(pairs.target, return_counts=True)
    assert len(set(counts)) == 1
    for value in pairs.report.values():
        assert value["kept"] == counts[0] <= value["unique"] <= value["drawn"]
    again = draw_pairs(ids, labels, rounds, seed)
    assert np.array_equal(pairs.left, again.left)
    assert np.array_equal(pairs.right, again.right)


def test_more_rounds_continue_the_same_stream_and_another_seed_is_another() -> None:
    ids, labels = np.arange(200), np.arange(200)[:, None] % 2
    short, long, other = draw_pairs(ids, labels, 2, 1), draw_pairs(ids, labels, 4, 1), draw_pairs(ids, labels, 2, 2)
    assert {*zip(short.left, short.right, strict=True)} <= {*zip(long.left, long.right, strict=True)}
    assert {*zip(short.left, short.right, strict=True)} != {*zip(other.left, other.right, strict=True)}


def test_where_unique_pairs_run_out_the_rarest_value_caps_all_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    # two rows of class 0: one positive pair; eight of class 1: 28 more, 16 negatives
    ids, labels = np.arange(10), np.array([0] * 2 + [1] * 8)[:, None]
    with caplog.at_level("INFO"):
        pairs = draw_pairs(ids, labels, 500, 0)
    assert {value: counts["unique"] for value, counts in pairs.report.items()} == {"0": 16, "1": 29}
    assert len(pairs) == 32
    assert "capped at 16 pairs" in caplog.text


def test_without_any_positive_it_is_an_error() -> None:
    with pytest.raises(DataError, match="no positive pair"):
        draw_pairs(np.arange(4), np.arange(4)[:, None], 10, 0)
    with pytest.raises(DataError, match="no positive pair"):
        draw_pairs(np.array([7, 7]), np.array([[0], [0]]), 10, 0)


def test_memory_is_bounded_at_120_000_texts() -> None:
    """AGNews's size with Table 5's 12 pairs a text: 24 rounds, 2.9 million candidates of 7.2 · 10^9 pairs."""
    ids, labels = np.arange(120_000), (np.arange(120_000) % 4)[:, None]
    tracemalloc.start()
    pairs = draw_pairs(ids, labels, rounds_of_pairs(12, 4), 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pairs) > 1_400_000  # a quarter of the candidates are positive
    assert peak < 250e6
