"""Nearest centroid: the class whose mean vector is nearest by cosine, on the untouched base model."""

import time

import numpy as np
import pandas as pd

from threephase.baselines.baseline import Baseline, Fitted, Given
from threephase.baselines.linear import Linear, calibrated
from threephase.baselines.on_vectors import OnVectors, load_on_vectors
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.vectors import on_the_sphere, unit_vectors
from threephase.settings.centroid import CentroidSettings


def centroids(vectors: np.ndarray, classes: np.ndarray, count: int) -> Linear:
    """Cosines of a vector of length 1 to the mean vector of each of `count` classes, as a linear classifier.

    Args:
        vectors: (n, d) with length 1.
        classes: (n,) of the vectors.
        count: how many classes there are.
    """
    known = np.unique(classes)
    means = on_the_sphere(np.stack([vectors[classes == each].mean(axis=0) for each in known]))
    all_means, bias = np.zeros((count, vectors.shape[1])), np.full(count, -np.inf)
    all_means[known], bias[known] = means, 0.0
    return Linear(all_means, bias)


def fit(given: Given, settings: CentroidSettings) -> Fitted:
    """Class means of the training rows; probabilities are a softmax of cosines at a temperature set on validation."""
    assert given.base is not None
    started = time.perf_counter()
    encoder = load_encoder(given.base)
    encoder.max_seq_length = resolve_max_length(settings.max_length, encoder, given.all_texts)
    nearest = centroids(unit_vectors(encoder, given.train.texts), given.train.classes, given.classes)
    validation = unit_vectors(encoder, given.validation.texts)
    linear = calibrated(nearest, validation, given.validation.classes)
    tried = pd.DataFrame(
        [
            {
                "validation_accuracy": linear.accuracy(validation, given.validation.classes),
                "validation_loss": linear.loss(validation, given.validation.classes),
                "seconds": round(time.perf_counter() - started, 3),
                "chosen": True,
            }
        ]
    )
    return Fitted(OnVectors(encoder, linear), tried, {"max_length": encoder.max_seq_length})


CENTROID = Baseline("centroid", CentroidSettings, fit, load_on_vectors)
