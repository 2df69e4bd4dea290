"""How far probabilities can be believed, and one number that brings them nearer to that.

Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (ICML 2017).
"""

import numpy as np

BINS = 15
RANGE = (0.1, 10.0)  # of a temperature


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width weighted by their rows; in [0, 1].

    Args:
        probabilities: (n, K) of the classes.
        truth: (n,) their places; a place beyond the K classes is never right.
        bins: of the confidence, the largest probability of a row.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    distance = np.bincount(places, weights=confidence - right, minlength=bins)
    return float(np.abs(distance).sum() / len(truth))


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The temperature under which the true classes (n,) of some rows are likeliest, within `RANGE`.

    Where every row is right, colder is always likelier, and the rows do not say how much: 1, as without rows.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth) or (probabilities.argmax(axis=1) == truth).all() or not np.isfinite(probabilities).all():
        return 1.0
    rows = np.arange(len(truth))

    def surprise(log_temperature: float) -> float:
        return float(-_log_scaled(probabilities, np.exp(log_temperature))[rows, truth].mean())

    found = minimize_scalar(surprise, bounds=tuple(np.log(RANGE)), method="bounded")
    return float(np.exp(found.x))


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, K) as the softmax of their scores divided by a temperature: above 1 they are less sure.

    The most probable class stays the most probable.
    """
    return np.exp(_log_scaled(probabilities, temperature)).astype(probabilities.dtype)


def _log_scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    # A softmax does not change when a constant is added to all scores, so logarithms serve for them.
    from scipy.special import log_softmax

    smallest = np.finfo(np.float32).tiny
    return log_softmax(np.log(np.maximum(probabilities.astype(np.float64), smallest)) / temperature, axis=1)
