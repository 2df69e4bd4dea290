"""How good vectors of texts are without any training of a network: simple classifiers on them, and their geometry."""

import math

import numpy as np

from threephase.baselines.centroid import centroids
from threephase.baselines.frozen import standardised_logistic
from threephase.method.metrics import classification_metrics

NEIGHBOURS = 5


def classifiers(
    train: np.ndarray, train_classes: np.ndarray, test: np.ndarray, n_classes: int
) -> dict[str, np.ndarray]:
    """The classes (m,) that simple classifiers, fitted on `train` (n, d), give to `test` (m, d), by the classifier.

    `knn`: the majority of the 5 nearest by cosine. `centroid` and `logistic`: as the baselines of the untouched base
    model, the second with C = 1 and classes weighted equally. All vectors have length 1; classes are places of so many.
    """
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(train)), metric="cosine", algorithm="brute")
    nearest = centroids(train, train_classes, n_classes)
    logistic, _ = standardised_logistic(train, train_classes, n_classes, c=1.0, balanced=True)
    return {
        "knn": neighbours.fit(train, train_classes).predict(test),
        "centroid": nearest.scores(test).argmax(axis=1),
        "logistic": logistic.scores(test).argmax(axis=1),
    }


def scored(predicted_by: dict[str, np.ndarray], classes: np.ndarray, names: list[str]) -> dict[str, dict[str, float]]:
    """Accuracy and macro F1 of what each classifier predicted (m,), with the true classes (m,), places in `names`."""
    found = {}
    for classifier, predicted in predicted_by.items():
        metrics = classification_metrics(classes, predicted, names)
        found[classifier] = {score: metrics[score] for score in ("accuracy", "f1")}
    return found


def geometry(vectors: np.ndarray, classes: np.ndarray) -> dict[str, float | None]:
    """Where vectors (n, d) of length 1 lie, by their classes (n,); None where the rows have no such pairs.

    `silhouette`: mean over the rows, by cosine distance. `intra`, `inter`: mean cosine of two rows of one class, of
    two classes. `alignment`: mean squared distance of two rows of one class, the positive pairs here (so 2 − 2 intra).
    `uniformity`: logarithm of the mean of exp(−2 · squared distance) over all pairs. Alignment and uniformity are
    better where they are lower.

    References:
        Wang and Isola 2020, alignment and uniformity on the hypersphere, https://arxiv.org/abs/2005.10242
    """
    from sklearn.metrics import silhouette_score

    left, right = np.triu_indices(len(vectors), 1)
    cosine = (vectors @ vectors.T)[left, right]
    squared = 2 - 2 * cosine
    same = classes[left] == classes[right]
    clusters = 1 < len(np.unique(classes)) < len(classes)
    spread = _mean(np.exp(-2 * squared))
    return {
        "silhouette": float(silhouette_score(vectors, classes, metric="cosine")) if clusters else None,
        "intra": _mean(cosine[same]),
        "inter": _mean(cosine[~same]),
        "alignment": _mean(squared[same]),
        "uniformity": None if spread is None else math.log(spread),
    }


def drift(before: np.ndarray, after: np.ndarray) -> float | None:
    """Mean of 1 − cosine between two vectors (length 1) of the same text; None where their widths differ."""
    return float(np.mean(1 - (before * after).sum(axis=1))) if before.shape == after.shape else None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
