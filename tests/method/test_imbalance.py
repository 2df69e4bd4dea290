"""Imbalance correction: the mended eq. (4) and the resizing that follows from it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase.method.imbalance import balanced_rows, corrected_sizes, correction_ratio

ratios = st.tuples(st.floats(1, 3), st.floats(0, 20)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))


@given(st.integers(2, 10**6), ratios)
def test_one_row_gives_maxratio_and_the_largest_class_stays(largest: int, bounds: tuple[float, float]) -> None:
    minratio, maxratio = bounds
    assert correction_ratio(1, largest, minratio, maxratio) == pytest.approx(maxratio)
    assert correction_ratio(largest, largest, minratio, maxratio) == 1


def test_the_ratio_is_1_where_eq_7_says() -> None:
    # max = 10,000 and maxratio 4: f(r) = 1 at r = 10,000^(3/4) = 1,000; minratio 1 lets it through
    assert correction_ratio(1000, 10_000, 1.0, 4.0) == pytest.approx(1.0)


def test_values_by_hand() -> None:
    # max = 100, maxratio 4: f(10) = 4 · log(10)/log(100) = 2;  f(50) = 4 · 0.30103/2 = 0.602 < 1.5
    assert correction_ratio(10, 100, 1.5, 4.0) == pytest.approx(2.0)
    assert correction_ratio(50, 100, 1.5, 4.0) == 1.0
    # 100^0.625 = 17.78: 17 rows are resized (f = 1.539 -> 26.2 -> 26), 18 are not
    assert corrected_sizes({0: 100, 1: 17, 2: 18, 3: 10, 4: 1}, 1.5, 4.0) == {0: 100, 1: 26, 2: 18, 3: 20, 4: 4}


@given(st.integers(2, 10**6), st.data())
def test_by_default_a_class_is_resized_only_up_to_max_to_the_0_625(largest: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, largest))
    bound = largest**0.625
    if not math.isclose(size, bound, rel_tol=1e-9):
        assert (correction_ratio(size, largest, 1.5, 4.0) > 1) == (size < bound)


@pytest.mark.parametrize(
    "sizes",
    [[24_000] * 4, [10_000] * 2, [29_780, 37_569], [1092, 2218, 1624, 2322, 1288], [1858, 1870, 1881] * 2],
    ids=["AGNews", "IMDB", "SST2", "SST5", "SNIPS2"],
)
def test_the_papers_larger_datasets_are_not_resized(sizes: list[int]) -> None:
    before = dict(enumerate(sizes))
    assert corrected_sizes(before, 1.5, 4.0) == before == corrected_sizes(before, 1.5, 3.5)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), ratios, st.integers(0, 1000))
def test_every_row_stands_whole_times_and_the_rest_is_sampled_once(
    sizes: list[int], bounds: tuple[float, float], seed: int
) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    rows, copies = balanced_rows(classes, *bounds, seed)
    assert (rows[: len(classes)] == np.arange(len(classes))).all()
    assert (copies[: len(classes)] == 0).all()
    assert (copies[len(classes) :] > 0).all()
    assert len(set(zip(rows, copies, strict=True))) == len(rows)
    wanted = corrected_sizes(dict(enumerate(sizes)), *bounds)
    times = np.bincount(rows, minlength=len(classes))
    for label, size in enumerate(sizes):
        of_class = times[classes == label]
        assert of_class.sum() == wanted[label] >= size
        assert set(of_class) <= {wanted[label] // size, wanted[label] // size + 1}


def test_the_sample_is_a_function_of_the_seed() -> None:
    classes = np.array([0] * 100 + [1] * 15)
    first, again, other = (balanced_rows(classes, 1.5, 4.0, seed).rows.tolist() for seed in (1, 1, 2))
    assert first == again != other
