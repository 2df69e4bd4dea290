"""The data contract: `{train,validation,test,unlabelled}.parquet` and `dataset.json` in one folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.checkpoint import DATASET, discard, file_hashes, read_json, sha256, write_json, writing
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
    """Texts of one split; `labels` (n, L) are places in the label names, coarse to fine (L = 0: unlabelled)."""

    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def read_split(folder: Path, name: str) -> LabelledTexts:
    """Read one split, checked against the hash in `dataset.json`. Raises DataError if it was altered.

    Then `dataset.json` goes, so that the next run of the workflow makes the splits again.
    """
    path = folder / f"{name}.parquet"
    recorded = read_json(folder / DATASET)["files"][path.name]
    if not path.is_file() or sha256(path) != recorded:
        discard(folder, DATASET)
        raise DataError(f"{path}: altered since it was written; run the same command again: it makes {folder} anew")
    rows = pd.read_parquet(path)
    labels = [column for column in rows.columns if column.startswith("label_")]
    return LabelledTexts(rows["text"].tolist(), rows[labels].to_numpy(dtype=np.int64))


def training_rows(folder: Path, label_fraction: float, seed: int, with_test: bool = False) -> LabelledTexts:
    """Labelled rows that a phase trains on: a stratified share of the training rows; with the leak, test rows too."""
    rows = read_split(folder, "train")
    if label_fraction < 1:
        paths = np.unique(rows.labels, axis=0, return_inverse=True)[1].reshape(-1)
        size = max(len(np.unique(paths)), round(label_fraction * len(rows)))
        places = stratified_sample(paths, size, generator(seed, "label-fraction"))
        rows = LabelledTexts([rows.texts[place] for place in places], rows.labels[places])
    if with_test:
        test = read_split(folder, "test")
        rows = LabelledTexts(rows.texts + test.texts, np.concatenate([rows.labels, test.labels]))
    return rows
