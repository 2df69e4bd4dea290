"""From raw rows to the four splits: clean, drop repeats and leaks, hold out test and validation, limit."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from threephase.data.cleaning import clean
from threephase.errors import DataError
from threephase.seeding import generator
from threephase.settings.dataset import SPLITS, DatasetSettings, Fold, refuse_unknown_sizes

MERGED = "other"  # the class that `rare: merge` makes of the rare ones
EXAMPLES = 3
# Signs that show nothing: soft hyphen, joiners, marks of direction, byte order mark.
_NO_WIDTH = "[\u00ad\u200b-\u200f\u2060\ufeff]"


@dataclass(frozen=True)
class SplitData:
    """A dataset ready for the phases: splits with `text` and `label_0 … label_{L-1}` (places in `label_names`).

    Test rows have `source` too, where they stand in what was read, if that is known.
    """

    splits: dict[str, pd.DataFrame]
    label_names: list[list[str]]
    report: dict[str, Any]


def split(
    raw: dict[str, pd.DataFrame], settings: DatasetSettings, fold: Fold | None = None, tested: bool = True
) -> SplitData:
    """Clean the rows and split them as the paper does (section 4.1, Table 1).

    Each split is a function of `split_seed` alone, never of a run's seed; of repeated splits (`settings.splits`), of
    it and of the `fold` that is the test split. Test rows come first out of the cleaned rows; but for a limit they are
    not touched afterwards. Who does not measure (`tested` false) has an empty test split.

    Raises DataError for a row without text, for a single class, for a class too small to be on both sides of a split
    or in every fold, for levels of labels that are none, and for a split whose classes training does not know.
    """
    labels = settings.source.label_columns
    report: dict[str, Any] = {"rows_read": _sizes(raw)}
    splits = {name: _cleaned(rows, settings) for name, rows in raw.items()}
    if not tested:
        splits["test"] = splits["train"].iloc[:0]
    report["empty_dropped"] = _fewer(raw, splits)
    _refuse_one_class(splits["train"], labels[-1])
    _refuse_false_levels(splits["train"], labels)
    report["two_labels"] = _two_labels(splits, labels[-1])
    if settings.drop_repeats:
        kept = {name: rows.drop_duplicates("text", ignore_index=True) for name, rows in splits.items()}
        report["repeats_dropped"] = _fewer(splits, kept)
        splits = kept
    splits, few, report["rare"] = _with_policy_for_rare(splits, labels, settings)
    if fold is not None:
        splits["train"], splits["test"], few = _test_fold(splits["train"], fold, labels[-1], settings, few)
        report["split"] = fold._asdict()
        # What else is drawn of this fold's training rows is a function of the fold as well.
        seed = int(generator(settings.split_seed, "split", *fold).integers(2**32))
        settings = settings.model_copy(update={"split_seed": seed})
    elif "test" not in splits:
        assert settings.test_size is not None  # the settings refuse a dataset with neither
        splits["train"], splits["test"] = _hold_out(
            splits["train"], settings.test_size, labels[-1], "test", settings, few
        )
    _refuse_strangers(splits, labels[-1])
    if settings.drop_leaks:
        kept = {
            name: _without_texts_of(splits["test"], rows) if name != "test" else rows for name, rows in splits.items()
        }
        report["leaks_dropped"] = _fewer(splits, kept)
        splits = kept
    spare = []
    if settings.class_sizes:
        places = _of_class_sizes(splits["train"], settings.class_sizes, labels[-1], settings.split_seed)
        spare.append(splits["train"].drop(places))
        splits["train"] = splits["train"].loc[places].reset_index(drop=True)
        report["class_sizes"] = dict(settings.class_sizes)
    if settings.test_class_sizes:
        places = _of_class_sizes(splits["test"], settings.test_class_sizes, labels[-1], settings.split_seed)
        splits["test"] = splits["test"].loc[places].reset_index(drop=True)
        report["test_class_sizes"] = dict(settings.test_class_sizes)
    report["validation_held_out"] = "validation" not in splits
    if report["validation_held_out"]:
        splits["train"], splits["validation"] = _hold_out(
            splits["train"], settings.validation_size, labels[-1], "validation", settings, few
        )
    splits.setdefault("unlabelled", pd.DataFrame({"text": pd.Series(dtype="str")}))
    report["rows_before_limits"] = _sizes(splits)
    labelled = [name for name in SPLITS if name != "unlabelled"]
    stay = {name: _within_limit(splits[name], name, labels[-1], settings) for name in labelled}
    if settings.spare == "unlabelled":
        spare.append(splits["train"].drop(stay["train"]))
        splits["unlabelled"] = pd.concat([splits["unlabelled"], *(rows[["text"]] for rows in spare)], ignore_index=True)
        report["spare"] = len(splits["unlabelled"]) - report["rows_before_limits"]["unlabelled"]
        report["rows_before_limits"]["unlabelled"] += report["spare"]
    stay["unlabelled"] = _within_limit(splits["unlabelled"], "unlabelled", labels[-1], settings)
    splits = {name: splits[name].loc[stay[name]].reset_index(drop=True) for name in SPLITS}
    if settings.chunk_words:
        splits = {name: _chunked(rows, settings.chunk_words) for name, rows in splits.items()}
    names = [_label_names(splits, column) for column in labels]
    coded = {name: _coded(splits[name], labels, names) for name in SPLITS}
    if "source" in splits["test"]:
        coded["test"]["source"] = splits["test"]["source"].astype("str")
    report["counts"] = {name: _counts(coded[name], names) for name in SPLITS}
    return SplitData(coded, names, report)


def normal_form(texts: pd.Series) -> pd.Series:
    """Texts without regard to case, blanks, Unicode form and signs of no width, by which leaks are found."""
    compatible = texts.str.normalize("NFKC").str.casefold().str.normalize("NFKC")
    return compatible.str.replace(_NO_WIDTH, "", regex=True).str.split().str.join(" ")


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


def _cleaned(rows: pd.DataFrame, settings: DatasetSettings) -> pd.DataFrame:
    rows = rows.assign(text=rows["text"].map(lambda text: clean(text, settings.cleaning)))
    empty = rows["text"] == ""
    if empty.all():
        raise DataError("no row has any text left after cleaning; check the source's text column")
    if empty.any() and not settings.drop_empty:
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


def _refuse_false_levels(rows: pd.DataFrame, labels: list[str]) -> None:
    """Raise DataError where a column that should be the finer level cuts across all classes of the coarser one."""
    for coarse, fine in pairwise(labels):
        parents = rows.groupby(fine)[coarse].nunique()
        if (parents > 1).all():
            raise DataError(
                f"source.labels: no class of '{fine}' lies within one class of '{coarse}', so that it is no finer "
                "level of it; name the levels from coarse to fine, or make a dataset of each column"
            )


def _two_labels(splits: dict[str, pd.DataFrame], label: str) -> dict[str, Any]:
    """Texts that stand with more than one label in the labelled splits together, before any is dropped."""
    labelled = [rows for rows in splits.values() if label in rows]
    rows = pd.concat([part[["text", label]] for part in labelled], ignore_index=True)
    rows["form"] = normal_form(rows["text"])
    labels = rows.groupby("form", sort=False)[label].nunique()
    doubled = rows[rows["form"].isin(labels[labels > 1].index)]
    first = doubled.drop_duplicates("form")["text"]
    return {"texts": len(first), "rows": len(doubled), "examples": first.head(EXAMPLES).tolist()}


def _with_policy_for_rare(
    splits: dict[str, pd.DataFrame], labels: list[str], settings: DatasetSettings
) -> tuple[dict[str, pd.DataFrame], set[str], dict[str, int]]:
    """The splits after `rare`; the classes that are not held out; and the rows of the rare ones."""
    held_out = [name for name in ("validation", "test") if name not in splits]
    needed = 1 + len(held_out)
    least = settings.rare_below or needed
    label, sizes = labels[-1], splits["train"][labels[-1]].value_counts()
    rare = {str(name): int(size) for name, size in sorted(sizes.items()) if size < least}
    if held_out and len(sizes) - len(rare) < 2 and settings.rare == "keep_in_train":
        raise DataError(
            f"'{label}' has {len(sizes)} classes, of which {len(sizes) - len(rare)} have {least} rows or more; two are "
            "needed to hold out rows: is it the column of the labels?"
        )
    if settings.rare == "keep_in_train":
        return splits, set(rare), rare
    if rare and settings.rare == "drop":
        splits = {
            name: rows[~rows[label].isin(rare)].reset_index(drop=True) if label in rows else rows
            for name, rows in splits.items()
        }
    elif rare and settings.rare == "merge":
        _refuse_merging_into_a_class(splits, labels, set(rare))
        splits = {name: _merged(rows, labels, set(rare)) if label in rows else rows for name, rows in splits.items()}
    _refuse_one_class(splits["train"], label)
    sizes = splits["train"][label].value_counts()
    few = splits["train"][label].isin(sizes[sizes < needed].index)
    if few.any() or (rare and settings.rare == "error"):
        few |= splits["train"][label].isin(rare)
        name = splits["train"][label][few.idxmax()]
        others = splits["train"][label][few].nunique() - 1
        wanted = max(needed, least)
        raise DataError(
            f"{_place(splits['train'], few)}: class '{name}' has {_rows(int(sizes[name]))}, and {wanted} are needed to "
            f"be in {', '.join(['train', *held_out])}{f' (and {others} more such classes)' if others else ''}; add "
            "rows, merge it by `source.label_map`, or let `rare` say what becomes of it: keep_in_train, merge, drop"
        )
    return splits, set(), rare


def _merged(rows: pd.DataFrame, labels: list[str], rare: set[str]) -> pd.DataFrame:
    """Rows with one class in place of those that are rare, or one below each class of the coarser levels."""
    return rows.assign(**{labels[-1]: rows[labels[-1]].mask(rows[labels[-1]].isin(rare), _names_merged(rows, labels))})


def _names_merged(rows: pd.DataFrame, labels: list[str]) -> pd.Series:
    """What each row's class is called if it is a rare one."""
    parents = rows[labels[:-1]].agg(" / ".join, axis=1) + " / " if len(labels) > 1 else pd.Series("", index=rows.index)
    return parents + MERGED


def _refuse_merging_into_a_class(splits: dict[str, pd.DataFrame], labels: list[str], rare: set[str]) -> None:
    """Raise DataError where a class that is not rare is called as the merged ones would be: they are not the same."""
    label = labels[-1]
    labelled = [rows for rows in splits.values() if label in rows]
    made = {name for rows in labelled for name in _names_merged(rows, labels)[rows[label].isin(rare)]}
    for rows in labelled:
        taken = rows[label].isin(made - rare)
        if taken.any():
            raise DataError(
                f"{_place(rows, taken)}: there is a class '{rows[label][taken.idxmax()]}' already, as `rare: merge` "
                f"would call the rare ones ({_some(rare)}); rename it by `source.label_map`, or map them to it"
            )


def _refuse_strangers(splits: dict[str, pd.DataFrame], label: str) -> None:
    """Raise DataError where no class of a split is one that training knows: no answer could be right."""
    known = set(splits["train"][label])
    for name in ("validation", "test"):
        if name in splits and len(splits[name]) and not known & (classes := set(splits[name][label])):
            raise DataError(
                f"no class of {name} in '{label}' ({_some(classes)}) is one of train ({_some(known)}); write labels in "
                "one way in all files, or map them under `source.label_map`"
            )


def _some(names: set[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in sorted(names)[:EXAMPLES])
    return f"{shown} …" if len(names) > EXAMPLES else shown


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _hold_out(
    rows: pd.DataFrame, size: int | float, label: str, split: str, settings: DatasetSettings, few: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that stay and rows held out, stratified by class, with every class on both sides but for the `few`."""
    sizes = rows[label].value_counts()
    alone = rows[label].isin(sizes[sizes < 2].index) & ~rows[label].isin(few)
    if alone.any() and settings.rare != "keep_in_train":
        raise DataError(
            f"{_place(rows, alone)}: the only row that is left of class '{rows[label][alone.idxmax()]}' cannot be in "
            f"train and in {split} ({int(alone.sum())} such classes); add rows, merge it by `source.label_map`, or set "
            "`rare: keep_in_train`"
        )
    stays = alone | rows[label].isin(few)
    shared = rows[~stays]
    if isinstance(size, float):  # a share holds each class at least once
        size = max(math.ceil(size * len(shared)), shared[label].nunique())
    try:
        _, held = train_test_split(shared, test_size=size, stratify=shared[label], random_state=settings.split_seed)
    except ValueError as error:
        raise DataError(
            f"cannot hold out {size} of {len(shared)} rows for {split} with every class on both sides: {error}"
        ) from None
    rng = generator(settings.split_seed, "every-class", SPLITS.index(split))
    out = with_every_class(shared[label].to_numpy(), shared.index.isin(held.index), rng)
    held = shared[out]
    return rows.drop(held.index).reset_index(drop=True), held.reset_index(drop=True)


def with_every_class(classes: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which rows are held out (n,), as many as before, where each class of two rows or more is on both sides.

    A draw by shares alone leaves small classes on one side. Each of these changes places with a row of the class that
    this side serves most generously. `classes` (n,) are those of the rows, `held` (n,) is the draw.
    """
    held = held.copy()
    for side in (True, False):
        for name in np.unique(classes):
            own = np.flatnonzero(classes == name)
            if len(own) < 2 or (held[own] == side).any():
                continue
            there = [(np.sum((classes == other) & (held == side)), other) for other in np.unique(classes[held == side])]
            count, generous = max(there, key=lambda pair: pair[0])
            if count < 2:
                continue
            held[rng.choice(np.flatnonzero((classes == generous) & (held == side)))] = not side
            held[rng.choice(own)] = side
    return held


def _test_fold(
    rows: pd.DataFrame, fold: Fold, label: str, settings: DatasetSettings, few: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """Rows of the other folds, rows of the test fold, stratified by class, and the classes that are not held out.

    The folds of a repeat are a function of `split_seed` and the repeat.
    """
    assert settings.splits is not None  # who names a fold has them
    folds = settings.splits.folds
    counts = rows[label].value_counts()
    small = sorted(set(counts[counts < folds].index) - few)
    if small and settings.rare != "keep_in_train":
        raise DataError(
            f"class '{small[0]}' has {counts[small[0]]} rows for the {folds} folds of `splits`, of which each tests "
            f"every class ({len(small)} such classes); lower `folds`, add rows, merge it by `source.label_map`, or set "
            "`rare: keep_in_train`"
        )
    few = few | set(small)
    shared = rows[~rows[label].isin(few)]
    seed = int(generator(settings.split_seed, "folds", fold.repeat).integers(2**32))
    divided = StratifiedKFold(folds, shuffle=True, random_state=seed).split(shared, shared[label])
    _, places = list(divided)[fold.fold - 1]
    held = shared.iloc[places]
    return rows.drop(held.index).reset_index(drop=True), held.reset_index(drop=True), few


def _without_texts_of(test: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows[~normal_form(rows["text"]).isin(normal_form(test["text"]))]
    if kept.empty:
        raise DataError("every row of a split has the text of a test row; look at `source`, or drop `drop_leaks`")
    return kept.reset_index(drop=True)


def _within_limit(rows: pd.DataFrame, split: str, label: str, settings: DatasetSettings) -> np.ndarray:
    """Places of the rows, or of a sample of them if there are more than the limit of their split."""
    limit = getattr(settings.limits, split)
    if limit is None or len(rows) <= limit:
        return np.arange(len(rows))
    classes = rows[label].to_numpy() if label in rows else np.zeros(len(rows))
    rng = generator(settings.split_seed, "limits", SPLITS.index(split))
    return stratified_sample(classes, limit, rng)


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


def _of_class_sizes(rows: pd.DataFrame, sizes: dict[str, int], label: str, seed: int) -> np.ndarray:
    """Places of the wanted number of rows of each class that `sizes` names; other classes stay whole."""
    available = rows[label].value_counts()
    refuse_unknown_sizes(sizes, available.index)
    chosen = []
    for place, name in enumerate(sorted(available.index)):
        members = np.flatnonzero(rows[label] == name)
        wanted = sizes.get(name, len(members))
        if wanted > len(members):
            raise DataError(f"class_sizes wants {wanted} rows of class '{name}', but only {len(members)} are left")
        chosen.append(generator(seed, "class-sizes", place).choice(members, size=wanted, replace=False))
    return np.sort(np.concatenate(chosen))


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
