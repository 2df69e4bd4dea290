"""Texts, labels and seeds as callers hold them: lists, and columns of numpy, pandas, polars and arrow."""

from collections.abc import Iterable
from operator import index
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from threephase.data.files import has_half_character
from threephase.errors import GivenError

SHOWN = 3
MOST_SEEDS = 2**32
LARGEST = np.iinfo(np.int64).max  # beyond it numpy takes whole numbers for fractions, and they are others


def texts_of(given: Any, name: str = "X") -> list[str]:
    """The texts of a column.

    Raises GivenError for a single text, which is no column, and where an entry is missing, no text, or holds half of a
    character, by its place.
    """
    if _is_single(given):
        raise GivenError(f"{name}: a single text where a list of texts is expected; write [text]")
    values = _values(given, name)
    _refuse_missing(values, name)
    for place, value in enumerate(values):
        if not isinstance(value, str):
            raise GivenError(f"{name}: entry {place} is no text but {type(value).__name__}; give texts alone")
    _refuse_halves(values, name)
    return [str(value) for value in values]


def labels_of(given: Any, texts: int, name: str = "y") -> np.ndarray:
    """The labels (n,) of so many texts. Raises GivenError where there are others, or one is missing."""
    if _is_single(given):
        raise GivenError(f"{name}: a single label where a list of labels is expected; write [label]")
    values = _values(given, name)
    if len(values) != texts:
        raise GivenError(f"{name}: {len(values)} labels for {texts} texts; give one for each")
    _refuse_missing(values, name)
    kinds = sorted({type(value).__name__ for value in values})
    if kinds == ["int"] and max(map(abs, values)) > LARGEST:
        raise GivenError(f"{name}: holds {max(values, key=abs)}, more than 64 bits have; give such numbers as texts")
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise GivenError(f"{name}: an entry holds several labels; give one for each text")
    if labels.dtype.kind == "f" and not (labels == labels.round()).all():
        raise GivenError(f"{name}: Unknown label type: holds fractions, as of a measure; give classes")
    mixed = len(kinds) > 1 and (labels.dtype.kind == "U" or "bool" in kinds)
    if labels.dtype.kind not in "iubfU" or mixed:
        raise GivenError(
            f"{name}: holds {' and '.join(kinds)}; give labels of one kind: texts, whole numbers, booleans"
        )
    if labels.dtype.kind == "U":
        _refuse_halves(values, name)
    return labels + 0.0 if labels.dtype.kind == "f" else labels  # -0.0 and 0.0 are one class of two spellings


def split_pair(given: Any, name: str) -> tuple[Any, Any]:
    """Texts and their labels, given as two. Raises GivenError for anything else."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise GivenError(f"{name}: is no pair; give (texts, labels)")
    return given[0], given[1]


def seed_of(given: Any) -> int:
    """A seed as scikit-learn means `random_state`: a number, or what one is drawn from; None is numpy's own generator.

    Raises GivenError for anything else.
    """
    if given is None or isinstance(given, np.random.RandomState):
        return int(check_random_state(given).randint(MOST_SEEDS, dtype=np.int64))
    if isinstance(given, np.random.Generator):
        return int(given.integers(MOST_SEEDS))
    try:
        seed = index(given)
    except TypeError:
        seed = -1
    if not 0 <= seed < MOST_SEEDS:
        raise GivenError(f"random_state: {given!r} is no seed; give a whole number from 0 to {MOST_SEEDS - 1}, or None")
    return seed


def _is_single(given: Any) -> bool:
    """Whether it is one text and no column, also as numpy wraps it."""
    return isinstance(given, str | bytes) or (isinstance(given, np.ndarray) and given.ndim == 0)


def _values(given: Any, name: str) -> list[Any]:
    """The entries of a column of whatever library; a table of one column is one."""
    if given is None:
        raise GivenError(f"{name}: nothing is given; give a list")
    columns = getattr(given, "shape", (0,))[1:]
    if len(columns) > 1 or (columns and columns[0] != 1):
        raise GivenError(f"{name}: a table of {' x '.join(map(str, columns))} columns; give the one that is meant")
    if columns:
        given = np.asarray(given)[:, 0]
    for listing in ("to_pylist", "to_list", "tolist"):  # of arrow, of pandas and polars, of numpy
        if hasattr(given, listing):
            return list(getattr(given, listing)())
    if isinstance(given, dict | set | frozenset) or not isinstance(given, Iterable):  # a set has no order
        raise GivenError(f"{name}: {type(given).__name__} is no list; give a list or a column")
    return list(given)


def _refuse_missing(values: list[Any], name: str) -> None:
    missing = [place for place, value in enumerate(values) if _is_missing(value)]
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise GivenError(
            f"{name}: nothing stands at {', '.join(map(str, missing[:SHOWN]))}{more} (counted from 0); fill or drop"
        )


def _refuse_halves(values: list[str], name: str) -> None:
    for place, value in enumerate(values):
        if has_half_character(value):
            raise GivenError(f"{name}: entry {place} holds half of a character (a lone surrogate); write it anew")


def _is_missing(value: Any) -> bool:
    """None, and what is not equal to itself or does not say: NaN, pandas' NA."""
    if value is None:
        return True
    if isinstance(value, str | bytes | list | tuple | dict | np.ndarray):
        return False
    try:
        return not bool(value == value)
    except TypeError:
        return True
