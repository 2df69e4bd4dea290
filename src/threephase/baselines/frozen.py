"""Logistic regression on the vectors of the untouched base model."""

from functools import partial

import numpy as np

from threephase.baselines.baseline import Baseline, Fitted, Given
from threephase.baselines.linear import Linear, chosen, logistic
from threephase.baselines.on_vectors import OnVectors, load_on_vectors
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.vectors import unit_vectors
from threephase.settings.frozen import FrozenSettings


def standardised_logistic(
    vectors: np.ndarray, classes: np.ndarray, count: int, c: float, balanced: bool
) -> tuple[Linear, bool]:
    """Logistic regression on standardised dimensions, as one linear classifier of the vectors (n, d) themselves.

    With z = (x − m) / s, w · z + b = (w / s) · x + (b − (w / s) · m). Arguments as for `linear.logistic`.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors)
    linear, converged = logistic(scaler.transform(vectors), classes, count, c, balanced)
    weights = linear.weights / scaler.scale_
    return Linear(weights, linear.bias - weights @ scaler.mean_), converged


def fit(given: Given, settings: FrozenSettings) -> Fitted:
    """C and class weights are chosen on validation rows."""
    assert given.base is not None
    encoder = load_encoder(given.base)
    encoder.max_seq_length = resolve_max_length(settings.max_length, encoder, given.all_texts)
    train, validation = (unit_vectors(encoder, rows.texts) for rows in (given.train, given.validation))
    with_penalty = partial(standardised_logistic, train, given.train.classes, given.classes)
    linear, tried = chosen(with_penalty, settings.c, validation, given.validation.classes)
    return Fitted(OnVectors(encoder, linear), tried, {"max_length": encoder.max_seq_length})


FROZEN = Baseline("frozen_logreg", FrozenSettings, fit, load_on_vectors)
