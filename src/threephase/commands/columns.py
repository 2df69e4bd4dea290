"""Which column of somebody's file is the text, and which one the label: by their names, else by what they hold."""

from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from threephase.data.files import read_file
from threephase.data.sources import as_class, is_fraction
from threephase.errors import DataError

# Names that columns usually have, likeliest first.
_TEXT_NAMES = ("text", "sentence", "review", "body", "content", "message", "utterance", "query", "question", "comment")
_LABEL_NAMES = ("label", "class", "category", "intent", "sentiment", "target", "topic", "tag", "stars", "rating")
_USUAL = {"text": _TEXT_NAMES, "label": _LABEL_NAMES}
LOOKED_AT = 2000  # rows, when a name does not tell
WORDS = 3  # that a text has at the least, in the mean
MOST_CLASSES, LONGEST_LABEL = 200, 60
LONGEST_NAME = 60


class Columns(NamedTuple):
    """The two columns, and what was assumed of them."""

    text: str
    label: str
    remarks: list[str]


def columns_among(
    file: Path, names: list[str], given: list[str], encodings: list[str], text: str | None, label: str | None
) -> Columns:
    """The columns that were named, that have the likeliest names, or that hold what a text or a label looks like.

    `names` are the columns there are, `given` those of them whose values stand in folders' names. Raises DataError
    where none or several could be the one.
    """
    remarks: list[str] = []
    named_text = text if text is not None else next(iter(columns_called("text", names)), None)
    rest = [name for name in names if name != named_text]
    named_label = label if label is not None else next(iter([*columns_called("label", rest), *given]), None)
    values: dict[str, pd.Series] = {}
    if named_text is None or named_label is None:
        values = _values(file, [name for name in names if name not in given], encodings)
    if named_text is None:
        texts = {name: column.str.len().mean() for name, column in values.items() if _is_text(column)}
        texts.pop(named_label or "", None)
        if not texts:
            raise _unknown("text", names)
        named_text = max(texts, key=lambda name: texts[name])
        remarks.append(f"'{shown_name(named_text)}' is taken for the text: it holds the longest ones (--text)")
    if named_label is None:
        labels = [name for name, column in values.items() if name != named_text and _is_label(column)]
        if len(labels) != 1:
            raise _unknown("label", [name for name in names if name != named_text], labels)
        named_label = labels[0]
        remarks.append(f"'{shown_name(named_label)}' is taken for the label: it alone holds classes (--label)")
    if named_text == named_label:
        raise DataError(f"column '{named_text}' cannot be text and label; name two with --text and --label")
    return Columns(named_text, named_label, remarks)


def column_of(what: Literal["text", "label"], given: str | None, columns: list[str]) -> str:
    """The column of the texts or labels: the one that was named, or the one with the likeliest name."""
    found = given or next(iter(columns_called(what, columns)), None)
    if found is None:
        raise _unknown(what, columns)
    return found


def columns_called(what: Literal["text", "label"], columns: list[str]) -> list[str]:
    """The columns that have a usual name of texts or labels, the likeliest first."""
    by_name, usual = {name.strip().casefold(): name for name in columns}, _USUAL[what]
    return [by_name[name] for name in (*usual, *(f"{name}s" for name in usual)) if name in by_name]


def _unknown(what: str, columns: list[str], likely: list[str] | None = None) -> DataError:
    shown = ", ".join(map(shown_name, columns)) or "none"
    quoted = " and ".join(f"'{shown_name(name)}'" for name in likely or [])
    could = f"{quoted} could be" if likely else "None has a usual name"
    return DataError(f"which column is the {what}? {could}; name it with --{what} (columns: {shown})")


def _values(file: Path, columns: list[str], encodings: list[str]) -> dict[str, pd.Series]:
    """The values of each column that can be read as texts, without those that are missing."""
    try:
        rows = read_file(file, columns, encodings).values[:LOOKED_AT]
        found = dict(zip(columns, zip(*rows, strict=True), strict=True))
    except DataError:  # of one column, as a list in an object of JSON
        found = {name: read for name in columns if (read := _column(file, name, encodings))}
    return {name: pd.Series([value for value in column if value], dtype="str") for name, column in found.items()}


def _column(file: Path, name: str, encodings: list[str]) -> tuple[str | None, ...]:
    try:
        return tuple(value for (value,) in read_file(file, [name], encodings).values[:LOOKED_AT])
    except DataError:
        return ()


def _is_text(column: pd.Series) -> bool:
    return len(column) > 0 and column.str.split().str.len().mean() >= WORDS and column.nunique() >= len(column) / 2


def _is_label(column: pd.Series) -> bool:
    classes = column.str.strip().unique()
    few = 2 <= len(classes) <= min(MOST_CLASSES, len(column) / 3)
    return few and all(len(name) <= LONGEST_LABEL and not is_fraction(as_class(name)) for name in classes)


def shown_name(name: str) -> str:
    """A name out of somebody's data for a line of text: no line ends, no signs that a terminal obeys, not too long."""
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"
