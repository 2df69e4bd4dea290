"""The data contract: `{train,validation,test,unlabelled}.parquet` and `dataset.json` in one folder."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.folders import DATASET, discard, file_hashes, read_json, write_json, writing
from threephase.data.splits import SplitData, stratified_sample
from threephase.errors import DataError
from threephase.seeding import generator
from threephase.settings.dataset import SHOWN_ONLY, DatasetSettings


def write_dataset(
    folder: Path,
    data: SplitData,
    settings: DatasetSettings,
    origin: dict[str, Any],
    code: str = "",
    raw: str | None = None,
) -> None:
    """Write the splits and `dataset.json`.

    It has the label names, counts, source, what cleaning did, hashes of the files here and of the user's own
    (`raw`), and the digest of the code.
    """
    with writing(folder, closing=DATASET) as partial:
        for name, rows in data.splits.items():
            rows.to_parquet(partial / f"{name}.parquet", index=False)
        write_json(
            partial / DATASET,
            {
                "label_names": data.label_names,
                **data.report,
                "source": origin,
                "settings": settings.model_dump(exclude=SHOWN_ONLY),
                "code": code,
                "raw": raw,
                "files": file_hashes(partial),
            },
        )


@dataclass(frozen=True)
class LabelledTexts:
    """Texts of one split; `labels` (n, L) are places in the label names, coarse to fine (L = 0: unlabelled).

    `sources` say where test rows stand in what was read; None where that is not known.
    """

    texts: list[str]
    labels: np.ndarray
    sources: list[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)


class Splits:
    """The splits in a dataset's folder as one job reads them: none before it is asked for, and each file once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, LabelledTexts] = {}

    @cached_property
    def described(self) -> dict[str, Any]:
        """What `dataset.json` says."""
        return read_json(self.folder / DATASET)

    def read(self, name: str) -> LabelledTexts:
        """One split, checked against the hash in `dataset.json`. Raises DataError if it was altered.

        Then `dataset.json` goes, so that the next run of the workflow makes the splits again.
        """
        if name not in self._read:
            self._read[name] = self._checked(self.folder / f"{name}.parquet")
        return self._read[name]

    def _checked(self, path: Path) -> LabelledTexts:
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self.described["files"][path.name]:
            discard(self.folder, DATASET)
            raise DataError(
                f"{path}: altered since it was written; run the same command again: it makes {self.folder} anew"
            )
        rows = pd.read_parquet(BytesIO(content))
        labels = [column for column in rows.columns if column.startswith("label_")]
        sources = rows["source"].tolist() if "source" in rows else None
        return LabelledTexts(rows["text"].tolist(), rows[labels].to_numpy(dtype=np.int64), sources)


def training_rows(data: Splits, label_fraction: float, seed: int, with_test: bool = False) -> LabelledTexts:
    """Labelled rows that a phase trains on: a stratified share of the training rows; with the leak, test rows too."""
    rows = _share(data.read("train"), label_fraction, seed, "label-fraction")
    if with_test:
        test = data.read("test")
        rows = LabelledTexts(rows.texts + test.texts, np.concatenate([rows.labels, test.labels]))
    return rows


def validation_rows(data: Splits, label_fraction: float, seed: int) -> LabelledTexts:
    """Labelled rows that a phase selects on: who has few labels has as few for validation, stratified."""
    return _share(data.read("validation"), label_fraction, seed, "label-fraction-validation")


def _share(rows: LabelledTexts, label_fraction: float, seed: int, purpose: str) -> LabelledTexts:
    """A stratified share of some rows, with each class once at the least."""
    if label_fraction == 1:
        return rows
    paths = np.unique(rows.labels, axis=0, return_inverse=True)[1].reshape(-1)
    size = max(len(np.unique(paths)), round(label_fraction * len(rows)))
    places = stratified_sample(paths, size, generator(seed, purpose))
    return LabelledTexts([rows.texts[place] for place in places], rows.labels[places])


def level_of(data: Splits, wanted: int | None) -> int:
    """Place of the label level that is classified, the deepest if none is `wanted` (1 is the coarsest).

    Raises DataError if the dataset has not so many.
    """
    levels = len(data.described["label_names"])
    if (wanted or levels) > levels:
        raise DataError(f"{data.folder}: has {levels} label level(s), but `label_level` is {wanted}; lower it")
    return (wanted or levels) - 1


def cleaning_of(data: Splits) -> dict[str, str]:
    """What texts went through before training, to be saved with the model: predicting does the same."""
    return {"cleaning": data.described["settings"]["cleaning"]}


def rows_of_phase_1(data: Splits) -> int:
    """Training and unlabelled rows of a dataset, as `dataset.json` counts them."""
    counts = data.described["counts"]
    return sum(int(counts[split]["rows"]) for split in ("train", "unlabelled"))
