"""How a baseline comes back from its folder. Testing reaches this and nothing else of the room."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol

import numpy as np

from threephase.artifacts.folders import read_json

SETTINGS = "settings.json"


class Predictor(Protocol):
    """A trained baseline."""

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """(n, K) probabilities of the classes for each text."""
        ...

    def save(self, folder: Path) -> None:
        """Write all that predicting needs, in formats that hold no code."""
        ...


def baseline_named(name: str) -> Any:
    """The `Baseline` of a name, from whichever module of this room has it."""
    modules = (import_module(f"{__package__}.{module.name}") for module in iter_modules([str(Path(__file__).parent)]))
    found = (value for module in modules for value in vars(module).values() if hasattr(value, "load"))
    return next(value for value in found if getattr(value, "name", None) == name)


def load_baseline(folder: Path) -> tuple[list[str], Predictor]:
    """The classes that a trained baseline knows, in the order of its probabilities, and itself."""
    trained = read_json(folder / SETTINGS)
    return trained["label_names"], baseline_named(trained["baseline"]).load(folder)
