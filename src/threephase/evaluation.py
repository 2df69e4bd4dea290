"""Evaluation of a run on the test split, the only place where a model meets it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from threephase.checkpoint import read_json, sha256, verify, write_json, writing
from threephase.classifier import load_classifier, predict
from threephase.data.store import DATASET, read_split
from threephase.metrics import classification_metrics


def evaluate(
    data: Path,
    checkpoint: Path,
    out: Path,
    averaging: Literal["macro", "binary"] = "macro",
    positive: str | None = None,
    code: str = "",
) -> dict[str, Any]:
    """Predict the test split with a classifier and write `metrics.json` and `predictions.parquet` into `out`.

    Precision, recall and F1 are macro means, or those of the class `positive` with binary averaging.

    Predictions have one line for each test row: `row`, `label`, `predicted` (class names) and
    `probability_<class>` for each class that training knew.
    """
    checkpoint_hash = verify(checkpoint)
    trained = read_json(checkpoint / "settings.json")
    settings, level = trained["settings"], trained["report"]["label_level"] - 1
    names = read_json(data / DATASET)["label_names"][level]
    test = read_split(data, "test")
    truth = test.labels[:, level]
    classifier = load_classifier(checkpoint)
    probabilities = predict(classifier, test.texts, settings["eval_batch_size"], settings["precision"])
    predicted = probabilities.argmax(axis=1)
    metrics = classification_metrics(truth, predicted, names, averaging, positive)
    metrics["label_level"] = level + 1
    metrics["largest_class_share"] = float(np.bincount(truth).max() / len(truth))
    metrics["settings"] = {"averaging": averaging, "positive": positive}
    metrics["code"] = code
    metrics["inputs"] = {"checkpoint": checkpoint_hash, "dataset": sha256(data / DATASET)}
    predictions = pd.DataFrame(
        {
            "row": np.arange(len(truth)),
            "label": [names[place] for place in truth],
            "predicted": [names[place] for place in predicted],
            **{
                f"probability_{name}": probabilities[:, place] for place, name in enumerate(classifier.label_names)
            },
        }
    )  # fmt: skip
    with writing(out) as folder:
        write_json(folder / "metrics.json", metrics)
        predictions.to_parquet(folder / "predictions.parquet", index=False)
    return metrics
