"""Accuracy, precision, recall, F1 and the confusion matrix (section 4.3)."""

from typing import Any, Literal

import numpy as np

from threephase.errors import DataError


def classification_metrics(
    truth: np.ndarray,
    predicted: np.ndarray,
    label_names: list[str],
    averaging: Literal["macro", "binary"] = "macro",
    positive: str | None = None,
) -> dict[str, Any]:
    """Scores in [0, 1] of `predicted` (n,) against `truth` (n,), both places in `label_names`.

    Macro means are taken over all labels that occur in the truth, also those that training never saw (their
    recall is 0). Binary scores are those of the class `positive`. A score without a denominator is 0.
    Raises DataError if there is no such class.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    if averaging == "binary" and positive not in label_names:
        raise DataError(f"`positive` is '{positive}', but the classes are: {', '.join(label_names)}")
    true_labels = np.unique(truth)
    labels = np.array([label_names.index(str(positive))]) if averaging == "binary" else true_labels
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=labels, average="macro", zero_division=0
    )
    per_class = precision_recall_fscore_support(truth, predicted, labels=true_labels, zero_division=0)
    return {
        "n": len(truth),
        "averaging": averaging,
        "accuracy": float(accuracy_score(truth, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "per_class": {
            label_names[label]: {
                "precision": float(p), "recall": float(r), "f1": float(f), "n": int(n),
            }
            for label, p, r, f, n in zip(true_labels, *per_class, strict=True)
        },
        "confusion_matrix": {
            "labels": label_names,
            "rows_are_truth": confusion_matrix(truth, predicted, labels=range(len(label_names))).tolist(),
        },
    }  # fmt: skip
