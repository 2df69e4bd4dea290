"""Calibration: values worked out by hand, and what scaling may not change."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from threephase.method.calibration import RANGE, expected_calibration_error, fit_temperature, scaled


def test_the_error_is_the_distance_of_confidence_and_accuracy_in_each_bin() -> None:
    # Two rows in (0.8, 1]: 0.9 and 1.0, one of them right: |0.95 - 0.5| = 0.45. One in (0.4, 0.6]: 0.6, right: 0.4.
    probabilities = np.array([[0.9, 0.1], [0.0, 1.0], [0.4, 0.6]])
    truth = np.array([0, 0, 1])
    assert expected_calibration_error(probabilities, truth, bins=5) == pytest.approx((2 * 0.45 + 0.4) / 3)


def test_a_class_that_training_never_saw_is_never_right() -> None:
    assert expected_calibration_error(np.array([[0.75, 0.25]]), np.array([2])) == 0.75


def test_who_says_nine_of_ten_and_is_right_in_three_of_four_is_cooled_to_three_of_four() -> None:
    probabilities = np.tile([0.9, 0.1], (4, 1))
    truth = np.array([0, 0, 0, 1])
    temperature = fit_temperature(probabilities, truth)
    assert temperature == pytest.approx(math.log(9) / math.log(3), rel=1e-3)  # the odds 9 become 3
    assert scaled(probabilities, temperature)[0] == pytest.approx([0.75, 0.25], abs=1e-3)
    assert expected_calibration_error(scaled(probabilities, temperature), truth) < 1e-3


@pytest.mark.parametrize(
    ("probabilities", "truth"),
    [(np.array([[0.6, 0.4]] * 3), [0, 0, 0]), (np.zeros((0, 2)), []), (np.full((2, 2), np.nan), [0, 1])],
    ids=["all right", "no rows", "no numbers"],
)
def test_rows_that_do_not_say_how_sure_to_be_leave_the_probabilities(probabilities: np.ndarray, truth: list) -> None:
    assert fit_temperature(probabilities, np.array(truth, dtype=int)) == 1.0


@given(arrays(np.float64, (6, 3), elements=st.floats(-30, 30)), st.floats(*RANGE))
def test_scaling_keeps_the_order_of_the_classes_and_the_sum(scores: np.ndarray, temperature: float) -> None:
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)
    found = scaled(probabilities, temperature)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    likeliest = probabilities.argmax(axis=1)
    assert (found[np.arange(6), likeliest] >= found.max(axis=1) - 1e-6).all()
    assert scaled(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)
