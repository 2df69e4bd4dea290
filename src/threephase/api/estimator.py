"""The method in three lines, with scikit-learn's manners."""

import io
import json
import logging
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from threephase.api.given import labels_of, seed_of, split_pair, texts_of
from threephase.api.model import Model
from threephase.api.training import experiment_of, train
from threephase.artifacts.folders import COMPLETE, read_json, refuse_taken, write_json, writing
from threephase.data.cleaning import clean
from threephase.errors import CheckpointError, GivenError

# Without a handler of its caller's, a line that the training logs goes nowhere: what went wrong is raised.
logging.getLogger("threephase").addHandler(logging.NullHandler())

ESTIMATOR = "estimator.json"  # beside a saved model: parameters, and what the classes were before they were names


class ThreePhaseClassifier(ClassifierMixin, BaseEstimator):
    """An encoder fine-tuned in phases, and its classifier (section 3).

    Args:
        variant: which phases: "3-Phase", "Joint", "DAE+FT", "CL+FT", "No Imb.", "FT"; a list of phases as a config has
            them, `["dae", {"cl": {"tag": "even", "imbalance": "none"}}, "ft"]`; or a baseline, `{"baseline": name}`.
        base_model: the encoder to start from: a folder, a hub's `owner/name`, or what a config says of one,
            `{"package": …, "path": …}`.
        settings: of the phases, as `hyperparameters.default` of a config: `{"all": {"max_length": 64}, "dae": …}`
            (docs/config.md). What is not named has the paper's value or the project's default.
        validation_size: share of the texts that `fit` holds out to select by, where it is given none.
        cleaning: what texts go through before training, and again in `predict`.
        rare: what becomes of classes of too few texts: `error`, `keep_in_train`, `merge` into one, or `drop`.
        random_state: seed of every draw; the same seed, texts and settings give the same weights. A generator of
            numpy's gives one, None the generator that all of numpy shares.
        threads: of the processor in `fit`. With one, as the grid's trainings have, weights are those of the grid and do
            not depend on the machine's cores; None is as many as torch takes by itself.
        verbose: show a bar for each phase on a terminal.

    After `fit` or `load` there are `classes_` (K,), sorted, of the kind that the labels had.

    Examples:
        >>> model = ThreePhaseClassifier().fit(texts, labels, unlabelled=more_texts)
        >>> model.predict(["to be or not to be"])
    """

    def __init__(
        self,
        variant: str | Sequence[Any] | Mapping[str, Any] = "3-Phase",
        base_model: str | Path | Mapping[str, Any] = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        settings: Mapping[str, Any] | None = None,
        validation_size: float = 0.2,
        cleaning: Literal["paper", "released"] = "paper",
        rare: Literal["error", "keep_in_train", "merge", "drop"] = "error",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        threads: int | None = 1,
        verbose: bool = True,
    ) -> None:
        self.variant = variant
        self.base_model = base_model
        self.settings = settings
        self.validation_size = validation_size
        self.cleaning = cleaning
        self.rare = rare
        self.random_state = random_state
        self.threads = threads
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, unlabelled: Any = None, validation: tuple[Any, Any] | None = None) -> Self:
        """Train all phases of the variant, as the grid does.

        Args:
            X: texts (n,): a list, or a column of numpy, pandas, polars or arrow.
            y: labels (n,): texts, whole numbers or booleans.
            unlabelled: texts (m,) without labels, which phase 1 reads besides those of X.
            validation: texts and labels to select by; where absent, a share of X is held out, by class.

        Raises GivenError, a ValueError, for what cannot be used as it stands.
        """
        texts = texts_of(X)
        labels = labels_of(y, len(texts))
        given = {"train": (texts, labels)}
        if validation is not None:
            held_out, known = split_pair(validation, "validation")
            held_out = texts_of(held_out, "validation texts")
            given["validation"] = (held_out, labels_of(known, len(held_out), "validation labels"))
        kind = labels.dtype.kind
        if any(of.dtype.kind != kind for _, of in given.values()):
            raise GivenError("validation labels: are of another kind than y; give both as texts, or both as numbers")
        if self.rare == "merge" and kind != "U":
            raise GivenError("rare: 'merge' makes a class called 'other', and y holds no texts; give labels as texts")
        rows = {split: self._rows(*pair, split) for split, pair in given.items()}
        more = texts_of(unlabelled, "unlabelled") if unlabelled is not None else []
        if more:
            rows["unlabelled"] = self._rows(more, None, "unlabelled")
        if self.threads is not None and not (isinstance(self.threads, int) and self.threads >= 1):
            raise GivenError(f"threads: {self.threads!r} is no number of threads; give 1 or more, or None")
        seed = seed_of(self.random_state)
        name, config = experiment_of(
            self.variant, self.base_model, {} if self.settings is None else self.settings,
            {"validation_size": self.validation_size, "cleaning": self.cleaning, "rare": self.rare},
            seed,
        )  # fmt: skip
        with TemporaryDirectory(prefix="threephase-") as place:
            trained = train(config, name, rows, seed, Path(place), self.verbose, self.threads)
            self._take(trained, kind)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The class (n,) of each text, of the kind that the labels had."""
        found = self._probabilities(X).argmax(axis=1)
        return self.classes_[found]

    def predict_proba(self, X: Any, calibrated: bool = False) -> np.ndarray:
        """Probabilities (n, K) of the classes, in the order of `classes_`.

        `calibrated` scales them by the temperature that training fitted on validation rows, so that they are nearer
        to the share that is right; no text changes its class. Raises CheckpointError for a baseline, which has none.
        """
        return self._probabilities(X, calibrated)

    def embed(self, X: Any) -> np.ndarray:
        """Vectors (n, d) that the encoder makes of texts, as the classifier reads them."""
        check_is_fitted(self, "classes_")
        return self._model.vectors(texts_of(X))

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder of its own, complete or not at all.

        `load` reads it; so does plain `SentenceTransformer(folder)`, for the vectors. Raises CheckpointError where
        something else is there.
        """
        check_is_fitted(self, "classes_")
        out = Path(folder)
        refuse_taken(out)
        with writing(out) as partial:
            _copy(self._model.folder, partial)
            parameters = _plain(self.get_params() | {"random_state": self._model.trained["seed"]})
            write_json(partial / ESTIMATOR, {"parameters": parameters, "kind": self.classes_.dtype.kind})
        if not (out / ESTIMATOR).exists():
            raise CheckpointError(f"{out}: another process wrote there; name a new folder")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """A saved model, or the classifier of a run as it lies in `results/checkpoints/…`, on any machine.

        Raises CheckpointError for what is no such folder.
        """
        place = Path(folder)
        saved = read_json(place / ESTIMATOR) if (place / ESTIMATOR).exists() else {}
        model = cls(**saved.get("parameters", {"variant": place.name}))
        model._take(place, saved.get("kind", "U"))
        return model

    def _take(self, folder: Path, kind: str) -> None:
        """Keep a copy of a trained model's folder, which this object owns, and answer by it."""
        Model(folder)
        self._place = TemporaryDirectory(prefix="threephase-")
        own = Path(self._place.name) / "model"
        own.mkdir()
        _copy(folder, own, closed=True)
        self._model = Model(own)
        self.classes_, self._order = _in_kind(self._model.classes, kind)

    def _probabilities(self, given: Any, calibrated: bool = False) -> np.ndarray:
        check_is_fitted(self, "classes_")
        return self._model.probabilities(texts_of(given), calibrated)[:, self._order]

    def _rows(self, texts: list[str], labels: np.ndarray | None, split: str) -> pd.DataFrame:
        """Rows as a source gives them. Raises GivenError where cleaning leaves nothing of a text."""
        name = {"train": "X", "validation": "validation texts"}.get(split, split)
        for place, text in enumerate(texts):
            if not clean(text, self.cleaning):
                raise GivenError(f"{name}: no text is left of entry {place} (counted from 0) after cleaning; drop it")
        rows: dict[str, Any] = {"text": texts, "place": [f"{name}: entry {place}" for place in range(len(texts))]}
        if labels is not None:
            rows["label"] = [str(label) for label in labels.tolist()]
        return pd.DataFrame(rows)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in super().__getstate__().items() if name not in ("_model", "_place")}
        if hasattr(self, "_model"):
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(self._model.folder, arcname=".")
            state["_packed"] = packed.getvalue()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.pop("_packed", None)
        super().__setstate__(state)
        if packed is not None:
            with TemporaryDirectory(prefix="threephase-") as place:
                with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                    archive.extractall(place, filter="data")
                self._take(Path(place), self.classes_.dtype.kind)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags


def _in_kind(names: list[str], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The classes (K,), sorted, as the labels were before they were names, and where each stands among `names`."""
    if kind == "b":
        classes = np.array([name == "True" for name in names])
    else:
        classes = np.array(names).astype({"i": int, "u": int, "f": float}.get(kind, str))
    order = np.argsort(classes, kind="stable")
    return classes[order], order


def _copy(source: Path, out: Path, closed: bool = False) -> None:
    """What a model's folder holds; the file that closes it only where nothing is added."""
    left = shutil.ignore_patterns(*([] if closed else [COMPLETE]))
    # Contents alone: the libraries write weights for their owner to read, and a model is for others too.
    shutil.copytree(source, out, dirs_exist_ok=True, ignore=left, copy_function=shutil.copyfile)


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them: a number of numpy's is a number, a path its text."""
    return json.loads(
        json.dumps(parameters, default=lambda value: value.item() if hasattr(value, "item") else str(value))
    )
