"""Evaluation of a run on the test split, the only place where a model meets it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from threephase.artifacts.folders import FAILED, failure_of, read_json, sha256, verify, write_json, writing
from threephase.data.store import DATASET, Splits
from threephase.evaluation.predictor import load_predictor
from threephase.method.calibration import BINS, expected_calibration_error, scaled
from threephase.method.metrics import classification_metrics

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

    The classifier is that of phase 3 or a baseline.

    Precision, recall and F1 are macro means, or those of the class `positive` with binary averaging.

    A checkpoint of a training that diverged is not evaluated: then there is a `failed.json`, and the scores are absent.

    `calibration` has the expected calibration error of the probabilities, and what it is after scaling them by the
    temperature that training fitted on validation rows. The probabilities written are those before.

    Predictions have one line for each test row: `row`, `source` (file and line), `text` (as it was cleaned), `label`,
    `predicted` (class names) and `probability_<class>` for each class that training knew.
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
    level = trained["report"]["label_level"] - 1
    splits = Splits(data)
    names = splits.described["label_names"][level]
    test = splits.read("test")
    truth = test.labels[:, level]
    predictor = load_predictor(checkpoint, trained)
    probabilities = predictor.probabilities(test.texts)
    predicted = probabilities.argmax(axis=1)
    metrics = classification_metrics(truth, predicted, names, averaging, positive)
    metrics["label_level"] = level + 1
    metrics["largest_class_share"] = float(np.bincount(truth).max() / len(truth))
    metrics["calibration"] = calibration_errors(probabilities, truth, predictor.temperature)
    metrics |= origin
    predictions = pd.DataFrame(
        {
            "row": np.arange(len(truth)),
            "source": pd.Series(test.sources, index=range(len(truth)), dtype="str"),
            "text": pd.Series(test.texts, dtype="str"),
            "label": [names[place] for place in truth],
            "predicted": [names[place] for place in predicted],
            **{f"probability_{name}": probabilities[:, place] for place, name in enumerate(predictor.classes)},
        }
    )  # fmt: skip
    with writing(out) as folder:
        write_json(folder / METRICS, metrics)
        predictions.to_parquet(folder / "predictions.parquet", index=False, compression="zstd")
    return metrics


def calibration_errors(probabilities: np.ndarray, truth: np.ndarray, temperature: float | None) -> dict[str, float]:
    """The calibration error of probabilities (n, K) and, where there is a temperature, after scaling by it."""
    found = {"bins": BINS, "error": expected_calibration_error(probabilities, truth)}
    if temperature is None:
        return found
    after = expected_calibration_error(scaled(probabilities, temperature), truth)
    return found | {"temperature": temperature, "error_scaled": after}
