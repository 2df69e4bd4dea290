"""A trained classifier as it comes back from its folder: that of phase 3, or a baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from threephase.baselines.loading import load_baseline
from threephase.method.classifier import load_classifier, predict, vectors


@dataclass(frozen=True)
class Predictor:
    """What answers for texts as they were cleaned.

    `classes` are those that training knew, in the order of the K probabilities. `vectors` gives what the encoder makes
    of texts, (n, d) in fp32; None for a baseline that has no vectors of its own to show. `temperature` is what makes
    the probabilities more to be believed, `scaled(probabilities, temperature)`, fitted on validation rows; None for a
    baseline.
    """

    classes: list[str]
    probabilities: Callable[[list[str]], np.ndarray]
    vectors: Callable[[list[str]], np.ndarray] | None = None
    temperature: float | None = None


def load_predictor(checkpoint: Path, trained: dict[str, Any]) -> Predictor:
    """The classifier of a checkpoint, of which `trained` is what its `settings.json` says."""
    if "baseline" in trained:
        names, baseline = load_baseline(checkpoint)
        return Predictor(names, baseline.predict_proba)
    classifier, batch_size = load_classifier(checkpoint), trained["settings"]["eval_batch_size"]
    return Predictor(
        classifier.label_names,
        lambda texts: predict(classifier, texts, batch_size),
        lambda texts: vectors(classifier, texts, batch_size),
        classifier.temperature,
    )
