"""Geometry of vectors and simple classifiers on them, by hand."""

import math

import numpy as np
import pytest

from threephase.evaluation.representations import classifiers, drift, geometry, scored

# Three unit vectors: two of class 0 at a right angle, one of class 1 opposite to the first.
VECTORS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
CLASSES = np.array([0, 0, 1])


def test_the_geometry_of_three_vectors_by_hand() -> None:
    # cosines: 0 within class 0; -1 and 0 between the classes; squared distances 2 - 2 cosine: 2, 4, 2
    found = geometry(VECTORS, CLASSES)
    assert found["intra"] == pytest.approx(0)
    assert found["inter"] == pytest.approx(-0.5)
    assert found["alignment"] == pytest.approx(2)
    assert found["uniformity"] == pytest.approx(math.log((math.exp(-4) + math.exp(-8) + math.exp(-4)) / 3))
    # silhouette by cosine distance: row 0: (2 - 1) / 2, row 1: (1 - 1) / 1, row 2, alone in its class: 0
    assert found["silhouette"] == pytest.approx((0.5 + 0 + 0) / 3)


def test_rows_without_such_pairs_have_no_such_value() -> None:
    apart = geometry(VECTORS, np.array([0, 1, 2]))
    assert (apart["intra"], apart["alignment"], apart["silhouette"]) == (None, None, None)
    together = geometry(VECTORS, np.zeros(3, dtype=int))
    assert (together["inter"], together["silhouette"]) == (None, None)
    alone = geometry(VECTORS[:1], CLASSES[:1])
    assert set(alone.values()) == {None}


def test_drift_by_hand() -> None:
    # cosines 0, 0 and 1: mean of 1 - cosine is 2 / 3
    assert drift(VECTORS, np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(2 / 3)
    assert drift(VECTORS, VECTORS) == pytest.approx(0)
    assert drift(VECTORS, np.ones((3, 3))) is None


def test_classifiers_by_hand() -> None:
    """Six rows to the right, two on top, and a row in between that is nearer to the top."""
    angles = np.radians([0, 1, 2, 3, 4, 5, 90, 88])
    train, classes = np.stack([np.cos(angles), np.sin(angles)], axis=1), np.array([0] * 6 + [1] * 2)
    test = np.stack([np.cos(np.radians([10, 60])), np.sin(np.radians([10, 60]))], axis=1)
    predicted = classifiers(train, classes, test, 2)
    # of the five nearest to 60° two are of the top and three of the right: the majority is wrong, the centroid is not
    assert {name: places.tolist() for name, places in predicted.items()} == {
        "knn": [0, 0], "centroid": [0, 1], "logistic": [0, 1]
    }  # fmt: skip
    found = scored(predicted, np.array([0, 1]), ["right", "top"])
    assert found["knn"]["accuracy"] == 0.5
    assert found["knn"]["f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["centroid"] == {"accuracy": 1.0, "f1": 1.0}
    assert found["logistic"] == {"accuracy": 1.0, "f1": 1.0}
