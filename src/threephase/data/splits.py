"""From raw rows to the four splits: clean, drop repeats, hold out test and validation, shrink classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from threephase.data.cleaning import clean
from threephase.data.sources import SPLITS
from threephase.errors import DataError
from threephase.seeding import generator
from threephase.settings.dataset import DatasetSettings


@dataclass(frozen=True)
class SplitData:
    """A dataset ready for the phases: splits with `text` and `label_0 … label_{L-1}` (places in `label_names`)."""

    splits: dict[str, pd.DataFrame]
    label_names: list[list[str]]
    report: dict[str, Any]


def split(raw: dict[str, pd.DataFrame], settings: DatasetSettings) -> SplitData:
    """Clean the rows and split them as the paper does (section 4.1, Table 1).

    Each split is a function of `split_seed` alone, never of a run's seed. Test rows come first out of the
    cleaned rows and are not touched afterwards. Raises DataError where a class is too small to split.
    """
    labels = settings.source.labels
    splits = {name: _cleaned(rows) for name, rows in raw.items()}
    report: dict[str, Any] = {"rows_read": {name: len(rows) for name, rows in splits.items()}}
    if settings.drop_repeats:
        splits = {name: rows.drop_duplicates("text", ignore_index=True) for name, rows in splits.items()}
        report["repeats_dropped"] = {name: report["rows_read"][name] - len(rows) for name, rows in splits.items()}
    if "test" not in splits:
        assert settings.test_size is not None  # the settings refuse a dataset with neither
        splits["train"], splits["test"] = _hold_out(splits["train"], settings.test_size, labels[-1], settings)
    if settings.class_sizes:
        splits["train"] = _shrink_classes(splits["train"], settings.class_sizes, labels[-1], settings.split_seed)
        report["class_sizes"] = dict(settings.class_sizes)
    if "validation" not in splits:
        splits["train"], splits["validation"] = _hold_out(
            splits["train"], settings.validation_size, labels[-1], settings
        )
    splits.setdefault("unlabelled", pd.DataFrame({"text": pd.Series(dtype="str")}))
    names = [_label_names(splits, column) for column in labels]
    coded = {name: _coded(splits[name], labels, names) for name in SPLITS}
    report["counts"] = {name: _counts(coded[name], names) for name in SPLITS}
    return SplitData(coded, names, report)


def _cleaned(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.assign(text=rows["text"].map(clean))
    rows = rows[rows["text"] != ""].reset_index(drop=True)
    if rows.empty:
        raise DataError("no row has any text left after cleaning; check the source's text column")
    return rows


def _hold_out(
    rows: pd.DataFrame, size: int | float, label: str, settings: DatasetSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that stay and rows held out, stratified by class."""
    try:
        stay, held = train_test_split(rows, test_size=size, stratify=rows[label], random_state=settings.split_seed)
    except ValueError as error:
        raise DataError(f"cannot hold out {size} of {len(rows)} rows with every class on both sides: {error}") from None
    return stay.sort_index().reset_index(drop=True), held.sort_index().reset_index(drop=True)


def _shrink_classes(rows: pd.DataFrame, sizes: dict[str, int], label: str, seed: int) -> pd.DataFrame:
    """The wanted number of rows of each class that `sizes` names; other classes stay whole."""
    available = rows[label].value_counts()
    chosen = []
    for place, name in enumerate(sorted(available.index)):
        members = np.flatnonzero(rows[label] == name)
        wanted = sizes.get(name, len(members))
        if wanted > len(members):
            raise DataError(f"class_sizes wants {wanted} rows of class '{name}', but only {len(members)} are left")
        chosen.append(generator(seed, "class-sizes", place).choice(members, size=wanted, replace=False))
    unknown = set(sizes) - set(available.index)
    if unknown:
        raise DataError(f"class_sizes names no class of the data: {', '.join(sorted(unknown))}")
    return rows.iloc[np.sort(np.concatenate(chosen))].reset_index(drop=True)


def _label_names(splits: dict[str, pd.DataFrame], column: str) -> list[str]:
    """Names of one level: those that training sees first, in alphabetical order, then any others."""
    trained = sorted(splits["train"][column].unique())
    others = {name for split in ("validation", "test") for name in splits[split][column].unique()} - set(trained)
    return trained + sorted(others)


def _coded(rows: pd.DataFrame, labels: list[str], names: list[list[str]]) -> pd.DataFrame:
    coded = {"text": rows["text"].astype("str")}
    for level, column in enumerate(labels):
        if column in rows:
            places = {name: place for place, name in enumerate(names[level])}
            coded[f"label_{level}"] = rows[column].map(places).astype("int64")
    return pd.DataFrame(coded)


def _counts(rows: pd.DataFrame, names: list[list[str]]) -> dict[str, Any]:
    levels = [column for column in rows.columns if column.startswith("label_")]
    return {
        "rows": len(rows),
        "classes": [
            {name: int((rows[column] == place).sum()) for place, name in enumerate(names[level])}
            for level, column in enumerate(levels)
        ],
    }
