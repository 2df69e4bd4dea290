"""From raw rows to the four splits: clean, drop repeats and leaks, hold out test and validation, limit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from threephase.data.cleaning import clean
from threephase.errors import DataError
from threephase.seeding import generator
from threephase.settings.dataset import SPLITS, DatasetSettings


@dataclass(frozen=True)
class SplitData:
    """A dataset ready for the phases: splits with `text` and `label_0 … label_{L-1}` (places in `label_names`)."""

    splits: dict[str, pd.DataFrame]
    label_names: list[list[str]]
    report: dict[str, Any]


def split(raw: dict[str, pd.DataFrame], settings: DatasetSettings) -> SplitData:
    """Clean the rows and split them as the paper does (section 4.1, Table 1).

    Each split is a function of `split_seed` alone, never of a run's seed. Test rows come first out of the
    cleaned rows; but for a limit they are not touched afterwards. Raises DataError for a row without text, for
    a single class and for a class too small to be on both sides of a split.
    """
    labels = settings.source.labels
    report: dict[str, Any] = {"rows_read": _sizes(raw)}
    splits = {name: _cleaned(rows, settings.drop_empty) for name, rows in raw.items()}
    report["empty_dropped"] = _fewer(raw, splits)
    _refuse_one_class(splits["train"], labels[-1])
    if settings.drop_repeats:
        kept = {name: rows.drop_duplicates("text", ignore_index=True) for name, rows in splits.items()}
        report["repeats_dropped"] = _fewer(splits, kept)
        splits = kept
    if "test" not in splits:
        assert settings.test_size is not None  # the settings refuse a dataset with neither
        splits["train"], splits["test"] = _hold_out(splits["train"], settings.test_size, labels[-1], "test", settings)
    if settings.drop_leaks:
        kept = {
            name: _without_texts_of(splits["test"], rows) if name != "test" else rows for name, rows in splits.items()
        }
        report["leaks_dropped"] = _fewer(splits, kept)
        splits = kept
    if settings.class_sizes:
        splits["train"] = _shrink_classes(splits["train"], settings.class_sizes, labels[-1], settings.split_seed)
        report["class_sizes"] = dict(settings.class_sizes)
    report["validation_held_out"] = "validation" not in splits
    if report["validation_held_out"]:
        splits["train"], splits["validation"] = _hold_out(
            splits["train"], settings.validation_size, labels[-1], "validation", settings
        )
    splits.setdefault("unlabelled", pd.DataFrame({"text": pd.Series(dtype="str")}))
    report["rows_before_limits"] = _sizes(splits)
    splits = {name: _limited(splits[name], name, labels[-1], settings) for name in SPLITS}
    if settings.chunk_words:
        splits = {name: _chunked(rows, settings.chunk_words) for name, rows in splits.items()}
    names = [_label_names(splits, column) for column in labels]
    coded = {name: _coded(splits[name], labels, names) for name in SPLITS}
    report["counts"] = {name: _counts(coded[name], names) for name in SPLITS}
    return SplitData(coded, names, report)


def normal_form(texts: pd.Series) -> pd.Series:
    """Texts without regard to case and blanks, by which leaks are found."""
    return texts.str.casefold().str.split().str.join(" ")


def stratified_sample(classes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Places (size,) of a sample of rows with these `classes` (n,), in their order.

    Every class gets its share of `size` by largest remainders, and at least one row as long as `size` allows.
    """
    labels, members = np.unique(classes, return_inverse=True)
    counts = np.bincount(members)
    exact = counts * size / len(classes)
    wanted = np.floor(exact).astype(int)
    if size >= len(labels):
        wanted = np.maximum(wanted, 1)
    # Hand out what is missing to the largest remainders, take what is too much from the most generously served.
    while wanted.sum() < size:
        wanted[np.argmax(exact - wanted)] += 1
    while wanted.sum() > size:
        wanted[np.argmax(np.where(wanted > 1, wanted - exact, -np.inf))] -= 1
    chosen = [
        rng.choice(np.flatnonzero(members == place), size=count, replace=False) for place, count in enumerate(wanted)
    ]
    return np.sort(np.concatenate(chosen))


def _cleaned(rows: pd.DataFrame, drop_empty: bool) -> pd.DataFrame:
    rows = rows.assign(text=rows["text"].map(clean))
    empty = rows["text"] == ""
    if empty.all():
        raise DataError("no row has any text left after cleaning; check the source's text column")
    if empty.any() and not drop_empty:
        others = int(empty.sum()) - 1
        raise DataError(
            f"{_place(rows, empty)}: no text is left after cleaning"
            f"{f' (and in {others} more rows)' if others else ''}; fill it, or set `drop_empty: true` for this dataset"
        )
    return rows[~empty].reset_index(drop=True)


def _refuse_one_class(rows: pd.DataFrame, label: str) -> None:
    classes = rows[label].unique()
    if len(classes) < 2:
        raise DataError(f"every training row has the label '{classes[0]}' in '{label}'; a classifier needs two classes")


def _hold_out(
    rows: pd.DataFrame, size: int | float, label: str, split: str, settings: DatasetSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that stay and rows held out, stratified by class."""
    alone = ~rows[label].duplicated(keep=False)
    if alone.any():
        name = rows[label][alone.idxmax()]
        raise DataError(
            f"{_place(rows, alone)}: the only row of class '{name}' cannot be in train and in {split} "
            f"({int(alone.sum())} such classes); add rows, merge it by `source.label_map`, or name {split} rows"
        )
    try:
        stay, held = train_test_split(rows, test_size=size, stratify=rows[label], random_state=settings.split_seed)
    except ValueError as error:
        raise DataError(
            f"cannot hold out {size} of {len(rows)} rows for {split} with every class on both sides: {error}"
        ) from None
    return stay.sort_index().reset_index(drop=True), held.sort_index().reset_index(drop=True)


def _without_texts_of(test: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows[~normal_form(rows["text"]).isin(normal_form(test["text"]))]
    if kept.empty:
        raise DataError("every row of a split has the text of a test row; look at `source`, or drop `drop_leaks`")
    return kept.reset_index(drop=True)


def _limited(rows: pd.DataFrame, split: str, label: str, settings: DatasetSettings) -> pd.DataFrame:
    """The rows, or a sample of them if there are more than the limit of their split."""
    limit = getattr(settings.limits, split)
    if limit is None or len(rows) <= limit:
        return rows
    classes = rows[label].to_numpy() if label in rows else np.zeros(len(rows))
    rng = generator(settings.split_seed, "limits", SPLITS.index(split))
    return rows.iloc[stratified_sample(classes, limit, rng)].reset_index(drop=True)


def _chunked(rows: pd.DataFrame, words: int) -> pd.DataFrame:
    """Pieces of at most so many words, each a row with the labels of its text."""
    pieces = (
        rows["text"]
        .str.split()
        .map(lambda text: [" ".join(text[start : start + words]) for start in range(0, max(1, len(text)), words)])
    )
    return rows.assign(text=pieces).explode("text", ignore_index=True)


def _place(rows: pd.DataFrame, faulty: pd.Series) -> str:
    """Where the first faulty row stands, as the source knows it."""
    first = faulty.idxmax()
    return str(rows["place"][first]) if "place" in rows else f"row {first + 1}"


def _sizes(splits: dict[str, pd.DataFrame]) -> dict[str, int]:
    return {name: len(rows) for name, rows in splits.items()}


def _fewer(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> dict[str, int]:
    return {name: len(rows) - len(after[name]) for name, rows in before.items()}


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
