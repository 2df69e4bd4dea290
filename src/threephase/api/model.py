"""A trained model, taken home: what its folder says, and its answers for raw texts."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from transformers.utils import logging

from threephase.artifacts.folders import failure_of, read_json, refuse_damaged
from threephase.data.cleaning import clean
from threephase.errors import CheckpointError, in_one_line
from threephase.evaluation.predictor import load_predictor
from threephase.method.calibration import scaled

SETTINGS = "settings.json"
Cleaning = Literal["paper", "released"]


@contextmanager
def without_library_words() -> Iterator[None]:
    """No bars for the loading of weights, which takes a moment, and no reports of what is accounted for here."""
    shown, before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if shown:
            logging.enable_progress_bar()


def _read_as_written(folder: Path) -> AbstractContextManager[None]:
    """Turn what reading a folder raises that no run wrote so into one line. Raises CheckpointError."""

    def told(error: Exception) -> CheckpointError:
        said = " ".join(str(error).split())[:200]
        return CheckpointError(
            f"{folder}: not as a run wrote it ({type(error).__name__}: {said}); take a whole copy, or train it anew"
        )

    return in_one_line(told)


class Model:
    """The classifier of a run's folder, `results/checkpoints/…/dae.cl.ft` or a baseline's, on any machine.

    Texts go through the same cleaning as those that it was trained on.

    Raises CheckpointError for a folder that is none, holds no classifier, is damaged, or of a training that failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / SETTINGS).is_file():
            raise CheckpointError(f"{folder}: no model of a run ({SETTINGS} is missing); name the folder of one")
        self.trained: dict[str, Any] = read_json(folder / SETTINGS)
        if not isinstance(self.trained, dict):
            raise CheckpointError(
                f"{folder / SETTINGS}: not the settings that a run wrote; take a whole copy of {folder}"
            )
        if "baseline" not in self.trained and self.trained.get("phase") != "ft":
            raise CheckpointError(
                f"{folder}: ends with {self.trained.get('phase', 'no phase')}, so it is an encoder without classes; "
                "name a folder that ends with ft"
            )
        refuse_damaged(folder)
        failure = failure_of(folder)
        if failure:
            raise CheckpointError(f"{folder}: its training failed ({failure}); take another run")
        if self.trained.get("cleaning") not in get_args(Cleaning):
            raise CheckpointError(f"{folder}: does not say how its texts were cleaned; train it anew")
        self.cleaning: Cleaning = self.trained["cleaning"]
        with without_library_words(), _read_as_written(folder):
            self._predictor = load_predictor(folder, self.trained)

    @property
    def classes(self) -> list[str]:
        """The classes by name, in the order of the probabilities."""
        return self._predictor.classes

    @property
    def temperature(self) -> float | None:
        """What training fitted on validation rows, for `calibrated`; None for a baseline."""
        return self._predictor.temperature

    def probabilities(self, texts: list[str], calibrated: bool = False) -> np.ndarray:
        """(n, K) probabilities of the classes for each text, as the softmax gives them or scaled by the temperature.

        Raises CheckpointError where they are to be scaled and the model has no temperature.
        """
        found = np.zeros((0, len(self.classes)), dtype=np.float32)
        if texts:
            found = self._predictor.probabilities(self._cleaned(texts))
        return self.calibrated(found) if calibrated else found

    def calibrated(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities (n, K) of this model scaled by its temperature. Raises CheckpointError where it has none."""
        if self.temperature is None:
            raise CheckpointError(
                f"{self.folder}: a baseline, which has no temperature to scale by; leave `calibrated` out"
            )
        return scaled(probabilities, self.temperature)

    def vectors(self, texts: list[str]) -> np.ndarray:
        """(n, d) vectors that the encoder makes of texts. Raises CheckpointError for a baseline, which shows none."""
        if self._predictor.vectors is None:
            raise CheckpointError(f"{self.folder}: a baseline, which gives no vectors; take a run of phases")
        found = self._predictor.vectors(self._cleaned(texts or [""]))
        return found[: len(texts)]

    def _cleaned(self, texts: list[str]) -> list[str]:
        return [clean(text, self.cleaning) for text in texts]
