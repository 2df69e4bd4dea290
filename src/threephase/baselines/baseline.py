"""What a baseline is: from texts and classes to something that predicts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.baselines.loading import Predictor
from threephase.settings.baseline import BaselineSettings


@dataclass(frozen=True)
class Rows:
    """Texts of one split with their classes (n,), places among the classes that training knows."""

    texts: list[str]
    classes: np.ndarray


@dataclass(frozen=True)
class Given:
    """What a baseline is trained on. No test row is among it."""

    train: Rows
    validation: Rows
    classes: int  # how many
    seed: int
    base: Path | None = None  # folder of the base model; None for a baseline that reads texts alone
    all_texts: list[str] = field(default_factory=list)  # of the training split: what the length rule looks at


@dataclass(frozen=True)
class Fitted:
    """A trained baseline, what was tried on validation rows with one row `chosen`, and settings as they were here."""

    predictor: Predictor
    tried: pd.DataFrame
    resolved: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """A baseline: its name in the config, its settings, how it is trained, how it is loaded."""

    name: str
    settings: type[BaselineSettings]
    fit: Callable[[Given, Any], Fitted]  # (rows, settings)
    load: Callable[[Path], Predictor]
