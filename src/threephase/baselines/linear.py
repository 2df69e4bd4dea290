"""A linear classifier on any features: how it is fitted, chosen among several, saved. No file of it unpickles."""

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

FILE = "linear.safetensors"
TEMPERATURES = (1e-3, 1e3)  # between which a temperature is looked for
ITERATIONS = 1000  # of a solver at the most

Features = Any  # (n, d) array or sparse matrix
Fit = Callable[[float, bool], tuple["Linear", bool]]  # (C, balanced) -> classifier, whether its solver converged


@dataclass(frozen=True)
class Linear:
    """Probabilities softmax(X Wᵀ + b) of K classes, W (K, d), b (K,). A class that training never saw has b = −∞."""

    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray, bias: np.ndarray, known: np.ndarray, classes: int) -> "Linear":
        """Of what was fitted for the classes `known` alone, as scikit-learn has it: one row where they are two."""
        if len(known) == 2 and len(weights) == 1:
            weights, bias = (np.concatenate([np.zeros_like(part), part]) for part in (weights, bias))
        all_weights, all_bias = np.zeros((classes, weights.shape[1])), np.full(classes, -np.inf)
        all_weights[known], all_bias[known] = weights, bias
        return cls(all_weights, all_bias)

    def scores(self, features: Features) -> np.ndarray:
        """(n, K) scores of features (n, d)."""
        return np.asarray(features @ self.weights.T) + self.bias

    def probabilities(self, features: Features) -> np.ndarray:
        """(n, K) probabilities of features (n, d)."""
        from scipy.special import softmax

        return softmax(self.scores(features), axis=1)

    def at(self, temperature: float) -> "Linear":
        """With its scores divided by a temperature: the same classes with other probabilities."""
        return Linear(self.weights / temperature, self.bias / temperature)

    def accuracy(self, features: Features, classes: np.ndarray) -> float:
        """Share of the rows whose class (n,) has the highest score."""
        return float((self.scores(features).argmax(axis=1) == classes).mean())

    def loss(self, features: Features, classes: np.ndarray) -> float:
        """Cross-entropy in nats, mean over the rows."""
        return _cross_entropy(self.scores(features), classes)

    def save(self, folder: Path) -> None:
        """Write weights and bias into a folder."""
        save_file({"weights": np.ascontiguousarray(self.weights), "bias": self.bias}, folder / FILE)


def load_linear(folder: Path) -> Linear:
    """The classifier that was saved in a folder."""
    return Linear(**load_file(folder / FILE))


def logistic(features: Features, classes: np.ndarray, count: int, c: float, balanced: bool) -> tuple[Linear, bool]:
    """Multinomial logistic regression with an L2 penalty, and whether it converged.

    Args:
        features: (n, d).
        classes: (n,) of `count` classes.
        count: how many classes there are.
        c: inverse strength of the penalty.
        balanced: classes weigh the same, however many rows they have.
    """
    from sklearn.linear_model import LogisticRegression

    return _fitted(
        LogisticRegression(C=c, class_weight=_weight(balanced), max_iter=ITERATIONS), features, classes, count
    )


def support_vectors(
    features: Features, classes: np.ndarray, count: int, c: float, balanced: bool
) -> tuple[Linear, bool]:
    """Linear support-vector machine, one class against the others; arguments as for `logistic`.

    Its scores are margins, no probabilities: see `calibrated`.
    """
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=c, class_weight=_weight(balanced), dual="auto", random_state=0, max_iter=10 * ITERATIONS)
    return _fitted(machine, features, classes, count)


def _weight(balanced: bool) -> str | None:
    return "balanced" if balanced else None


def _fitted(classifier: Any, features: Features, classes: np.ndarray, count: int) -> tuple[Linear, bool]:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by the second value
        classifier.fit(features, classes)
    converged = bool(np.max(classifier.n_iter_) < classifier.max_iter)
    return Linear.of(classifier.coef_, classifier.intercept_, classifier.classes_, count), converged


def calibrated(linear: Linear, features: Features, classes: np.ndarray) -> Linear:
    """The classifier at the temperature whose probabilities have the lowest cross-entropy on these rows.

    References:
        Guo et al. 2017, temperature scaling, https://arxiv.org/abs/1706.04599
    """
    from scipy.optimize import minimize_scalar

    scores = linear.scores(features)
    bounds = np.log(TEMPERATURES)
    found = minimize_scalar(lambda log: _cross_entropy(scores / np.exp(log), classes), bounds=bounds, method="bounded")
    return linear.at(float(np.exp(found.x)))


def _cross_entropy(scores: np.ndarray, classes: np.ndarray) -> float:
    from scipy.special import log_softmax

    return float(-log_softmax(scores, axis=1)[np.arange(len(classes)), classes].mean())


def penalties(c: Iterable[float]) -> list[tuple[float, bool]]:
    """All pairs of C and balanced weights to try, the simplest first: the strongest penalty, no weights."""
    return list(product(sorted(c), (False, True)))


def chosen(fit: Fit, c: Iterable[float], features: Features, classes: np.ndarray) -> tuple[Linear, pd.DataFrame]:
    """The classifier that is best on validation rows (n, d), of equal ones the simplest; and all that was tried.

    The columns of the latter: C, balanced, accuracy, loss, whether the solver converged, seconds, the choice.
    """
    rows, found = [], []
    for value, balanced in penalties(c):
        started = time.perf_counter()
        linear, converged = fit(value, balanced)
        found.append(linear)
        rows.append(
            {
                "c": value,
                "balanced": balanced,
                "validation_accuracy": linear.accuracy(features, classes),
                "validation_loss": linear.loss(features, classes),
                "converged": converged,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )
    tried = choice(pd.DataFrame(rows))
    return found[int(tried["chosen"].argmax())], tried


def choice(tried: pd.DataFrame) -> pd.DataFrame:
    """What was tried, with one row `chosen`: of the best accuracy on validation rows, then lowest loss, then first.

    A few dozen validation rows often leave several with the same accuracy.
    """
    ranked = tried.sort_values(["validation_accuracy", "validation_loss"], ascending=[False, True], kind="stable")
    return tried.assign(chosen=tried.index == ranked.index[0])
