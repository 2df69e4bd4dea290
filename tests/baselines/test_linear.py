"""Linear classifiers by hand: their probabilities, how they are fitted, how one of several is chosen."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threephase.baselines.centroid import centroids
from threephase.baselines.frozen import standardised_logistic
from threephase.baselines.linear import Linear, calibrated, choice, chosen, load_linear, logistic, support_vectors

# Two clouds on a line, 0 on the left and 1 on the right; class 2 is never seen.
LINE = np.array([[-2.0], [-1.0], [1.0], [2.0]])
SIDES = np.array([0, 0, 1, 1])


def test_probabilities_are_a_softmax_by_hand() -> None:
    linear = Linear(np.array([[0.0], [math.log(3)]]), np.zeros(2))
    assert linear.probabilities(np.array([[0.0], [1.0]])).tolist() == [
        pytest.approx([0.5, 0.5]), pytest.approx([0.25, 0.75])
    ]  # fmt: skip
    assert linear.loss(np.array([[0.0], [1.0]]), np.array([0, 1])) == pytest.approx((math.log(2) - math.log(0.75)) / 2)
    assert linear.accuracy(np.array([[1.0], [2.0]]), np.array([1, 0])) == 0.5


@pytest.mark.parametrize("fit", [logistic, support_vectors, standardised_logistic])
def test_two_classes_are_two_columns_and_a_class_without_rows_has_no_probability(fit: object) -> None:
    linear, converged = fit(LINE, SIDES, 3, 1.0, False)  # type: ignore[operator]
    probabilities = linear.probabilities(LINE)
    assert converged
    assert probabilities.shape == (4, 3)
    assert probabilities.argmax(axis=1).tolist() == SIDES.tolist()
    assert probabilities[:, 2].tolist() == [0, 0, 0, 0]
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4))
    assert probabilities[0, 0] == pytest.approx(probabilities[3, 1], abs=1e-3)  # as far from the middle


@pytest.mark.parametrize("balanced", [False, True])
def test_logistic_regression_is_scikit_learns_with_two_classes_and_with_three(balanced: bool) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4))
    for count in (2, 3):
        classes = np.minimum(rng.integers(0, 5, size=60), count - 1)
        weight = "balanced" if balanced else None
        theirs = LogisticRegression(C=0.3, class_weight=weight).fit(features, classes)
        ours, _ = logistic(features, classes, count, 0.3, balanced)
        assert ours.probabilities(features) == pytest.approx(theirs.predict_proba(features))
        scaled = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight=weight)).fit(features, classes)
        of_vectors, _ = standardised_logistic(features, classes, count, 0.3, balanced)
        assert of_vectors.probabilities(features) == pytest.approx(scaled.predict_proba(features))


def test_the_nearest_centroid_by_hand() -> None:
    # class 0: vectors at 0° and 90°, mean at 45°; class 2: one at 180°; class 1 was never seen
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    nearest = centroids(vectors, np.array([0, 0, 2]), 3)
    half = math.sqrt(0.5)
    assert nearest.weights.tolist() == [pytest.approx([half, half]), [0, 0], [-1, 0]]
    assert nearest.scores(np.array([[0.0, 1.0]])).tolist() == [[pytest.approx(half), -math.inf, 0]]


def test_a_temperature_makes_probabilities_as_sure_as_they_are_right() -> None:
    # one feature of size 8 for a class that is right in 3 of 4 rows: the best probability is 3/4, so 8 / T = log 3
    linear = Linear(np.array([[0.0], [8.0]]), np.zeros(2))
    rows, classes = np.ones((4, 1)), np.array([1, 1, 1, 0])
    set_right = calibrated(linear, rows, classes)
    assert set_right.probabilities(rows)[0, 1] == pytest.approx(0.75, abs=1e-4)
    assert set_right.accuracy(rows, classes) == linear.accuracy(rows, classes) == 0.75
    assert set_right.loss(rows, classes) < linear.loss(rows, classes)


def test_the_best_accuracy_is_chosen_then_the_lowest_loss_then_the_simplest() -> None:
    def place(accuracies: list[float], losses: list[float]) -> int:
        tried = choice(pd.DataFrame({"validation_accuracy": accuracies, "validation_loss": losses}))
        assert tried["chosen"].sum() == 1
        return int(tried["chosen"].argmax())

    assert place([0.8, 0.9, 0.7], [0.1, 0.9, 0.1]) == 1
    assert place([0.8, 0.9, 0.9], [0.1, 0.9, 0.3]) == 2
    assert place([0.9, 0.9, 0.9], [0.3, 0.3, 0.3]) == 0


def test_all_penalties_are_tried_the_strongest_first() -> None:
    seen: list[tuple[float, bool]] = []

    def fit(c: float, balanced: bool) -> tuple[Linear, bool]:
        seen.append((c, balanced))
        return Linear(np.array([[-c], [c]]), np.zeros(2)), True

    best, tried = chosen(fit, [10.0, 1.0], LINE, SIDES)
    assert seen == [(1.0, False), (1.0, True), (10.0, False), (10.0, True)]
    assert best.weights.tolist() == [[-10], [10]]  # all are right everywhere, and it is the surest
    assert tried["chosen"].tolist() == [False, False, True, False]


def test_what_is_saved_is_loaded_to_the_bit(tmp_path: Path) -> None:
    linear, _ = logistic(LINE, SIDES, 3, 1.0, True)
    linear.save(tmp_path)
    loaded = load_linear(tmp_path)
    assert (loaded.weights == linear.weights).all()
    assert (loaded.bias == linear.bias).all()
