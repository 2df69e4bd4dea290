"""Scores against confusion matrices worked out by hand."""

import numpy as np
import pytest

from threephase.errors import DataError
from threephase.method.metrics import classification_metrics


def test_macro_scores_by_hand() -> None:
    #            predicted a  b  c
    # truth a (3)          2  1  0    precision a 2/2, recall 2/3, F1 0.8
    # truth b (2)          0  2  0    precision b 2/4, recall 1,   F1 2/3
    # truth c (1)          0  1  0    precision c 0,   recall 0,   F1 0
    metrics = classification_metrics(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1]), ["a", "b", "c"])
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["precision"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert metrics["recall"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics["f1"] == pytest.approx((0.8 + 2 / 3 + 0) / 3)
    assert metrics["confusion_matrix"]["rows_are_truth"] == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert metrics["per_class"]["b"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "n": 2}


def test_a_label_that_training_never_saw_counts_and_one_that_the_test_never_has_does_not() -> None:
    # label 3 ("unseen") is in the truth only; label 2 ("absent") is neither in truth nor predicted
    metrics = classification_metrics(np.array([0, 1, 3, 3]), np.array([0, 1, 0, 1]), ["a", "b", "absent", "unseen"])
    assert metrics["recall"] == pytest.approx((1 + 1 + 0) / 3)
    assert metrics["precision"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert set(metrics["per_class"]) == {"a", "b", "unseen"}


def test_binary_scores_are_those_of_the_positive_class() -> None:
    truth, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    metrics = classification_metrics(truth, predicted, ["negative", "positive"], "binary", "positive")
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == pytest.approx(2 / 3)
    other = classification_metrics(truth, predicted, ["negative", "positive"], "binary", "negative")
    assert other["recall"] == pytest.approx(1 / 2)
    with pytest.raises(DataError, match="`positive` is 'good', but the classes are: negative, positive"):
        classification_metrics(truth, predicted, ["negative", "positive"], "binary", "good")
