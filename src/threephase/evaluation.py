"""Evaluation of a run on the test split, the only place where a model meets it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from threephase.checkpoint import FAILED, failure_of, read_json, sha256, verify, write_json, writing
from threephase.classifier import load_classifier, predict
from threephase.data.store import DATASET, read_split
from threephase.metrics import classification_metrics

METRICS = "metrics.json"


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

    A checkpoint of a training that diverged is not evaluated: then there is a `failed.json`, and the scores are absent.

    Predictions have one line for each test row: `row`, `label`, `predicted` (class names) and
    `probability_<class>` for each class that training knew.
    """
    checkpoint_hash = verify(checkpoint)
    origin = {
        "settings": {"averaging": averaging, "positive": positive},
        "code": code,
        "inputs": {"checkpoint": checkpoint_hash, "dataset": sha256(data / DATASET)},
    }
    failure = failure_of(checkpoint)
    if failure:
        with writing(out) as folder:
            write_json(folder / FAILED, {"reason": failure})
            write_json(folder / METRICS, origin)
        return {"failed": failure}
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
    metrics |= origin
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
        write_json(folder / METRICS, metrics)
        predictions.to_parquet(folder / "predictions.parquet", index=False)
    return metrics
