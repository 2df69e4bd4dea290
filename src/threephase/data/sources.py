"""Raw rows from where they lie, every fault named with file, line and remedy before anything is made of them."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from threephase.artifacts.folders import ORIGIN, read_json, verify
from threephase.data.files import FileRows, content_of, decode, read_file
from threephase.data.packages import package_folder, package_version
from threephase.data.places import ENDINGS_SHOWN, at_home, class_files, files_of, has_known_format, partition_of
from threephase.errors import DataError
from threephase.settings.dataset import Source

_WHOLE = re.compile(r"[+-]?\d+")
_WHOLE_AS_FLOAT = re.compile(r"([+-]?\d+)\.0+")
_NO_NUMBER = re.compile(r"[+-]?(nan|inf(inity)?)", re.IGNORECASE)
_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+|nan|inf(inity)?)", re.IGNORECASE)


class RawRows(NamedTuple):
    """Rows as they were found, by split: `text`, `source.label_columns` as strings, and `place` for errors.

    `source` is the place as it is on every machine: without the folder of a package or download, and with `~` for the
    home folder where the source names it so.
    """

    splits: dict[str, pd.DataFrame]
    origin: dict[str, Any]  # kind; package and version, repository and commit, or paths; files in a later encoding


def read_source(source: Source, downloaded: Path | None = None) -> RawRows:
    """Read every split that the source names.

    Args:
        source: where the rows lie.
        downloaded: folder that a hub's or URL's rows were downloaded into.

    Raises:
        DataError: for a missing file or column, a row without label, labels that are no classes, and all that
            `read_file` refuses.
    """
    origin: dict[str, Any] = {"kind": source.kind}
    root = Path()
    if source.package:
        root = package_folder(source.package)
        origin |= package_version(source.package)
    elif downloaded is not None:
        root = downloaded
        verify(downloaded, closing=ORIGIN)
        origin |= read_json(downloaded / ORIGIN)
    splits, later_files = {}, 0
    for split, name in source.named_splits.items():
        where = at_home(root / (f"{split}.parquet" if source.kind == "hub" else name))
        labels = [] if split == "unlabelled" else source.labels
        names = source.label_columns[: len(labels)]
        rows, later = _read(where, source, labels)
        rows = rows.set_axis(["text", *names, "place"], axis=1)
        splits[split] = rows.assign(source=_wherever_it_lies(rows["place"], root, name).astype("str"))
        later_files += later
        origin[split] = name
    if source.missing_labels != "error":
        splits, origin["without_label"] = _with_labels_alone(splits, source)
    splits = {
        split: _checked(rows, [name for name in source.label_columns if name in rows], source.label_map)
        for split, rows in splits.items()
    }
    labelled = pd.concat([rows for split, rows in splits.items() if split != "unlabelled"], ignore_index=True)
    for column in source.label_columns:
        _refuse_numbers(labelled, column)
    return RawRows(splits, origin | {"later_encoding_files": later_files})


def _wherever_it_lies(places: pd.Series, root: Path, name: str) -> pd.Series:
    """Places below the folder of a package or download, or below `~`, without what differs between machines."""
    if root != Path():
        return places.str.removeprefix(f"{root}/")
    first = Path(*Path(name).parts[:1])
    home = at_home(first)
    return places if home == first else f"{first}/" + places.str.removeprefix(str(home)).str.lstrip("/")


def _read(path: Path, source: Source, labels: list[str]) -> tuple[pd.DataFrame, int]:
    """Text, labels and place of each row of a file, of files, of class folders or of a file for each column.

    And how many files needed a later encoding.
    """
    columns = [source.text, *labels]
    if path.is_dir() and (path / source.text).is_file():
        return _read_columns(path, columns, source)
    if path.is_dir() and class_files(path):
        return _read_class_folders(path, labels, source)
    files = files_of(path)
    wrong = [file for file in files if not has_known_format(file)]
    if wrong:
        raise DataError(f"{wrong[0]}: not a {ENDINGS_SHOWN}; take it away, or name others")
    read = [_read_file(file, path, columns, source) for file in files]
    rows = [
        [*values, f"{file}: line {line}"]
        for file, table in zip(files, read, strict=True)
        for values, line in zip(table.values, table.lines, strict=True)
    ]
    return pd.DataFrame(rows, dtype=object), sum(table.later_encoding for table in read)


def _read_file(file: Path, path: Path, columns: list[str], source: Source) -> FileRows:
    """The rows of a file below a source's path, with what the folders on the way say of them all."""
    given = partition_of(file, path)
    inside = [name for name in columns if name not in given]
    if not inside:
        raise DataError(f"{file}: its folders name every column wanted; name the column of the text")
    table = read_file(file, inside, source.encodings, source.quotes)
    if len(inside) == len(columns):
        return table
    found = (dict(zip(inside, row, strict=True)) | given for row in table.values)
    return table._replace(values=[[row[name] for name in columns] for row in found])


def _with_labels_alone(splits: dict[str, pd.DataFrame], source: Source) -> tuple[dict[str, pd.DataFrame], int]:
    """The splits with training rows without a label among the unlabelled ones, or left out; how many those are."""
    rows = splits["train"]
    missing = (rows[source.label_columns].fillna("").astype("str").apply(lambda names: names.str.strip()) == "").any(
        axis=1
    )
    splits = splits | {"train": rows[~missing].reset_index(drop=True)}
    if missing.all():
        raise DataError(f"{rows['place'].iloc[0]}: no training row has a label in '{source.labels[-1]}'; fill some")
    if missing.any() and source.missing_labels == "unlabelled":
        parts = [splits["unlabelled"]] if "unlabelled" in splits else []
        parts.append(rows.loc[missing, ["text", "place", "source"]])
        splits["unlabelled"] = pd.concat(parts, ignore_index=True)
    return splits, int(missing.sum())


def _read_columns(path: Path, columns: list[str], source: Source) -> tuple[pd.DataFrame, int]:
    """One text file for each column; line n of each is row n."""
    found, later_files = {}, 0
    for column in columns:
        file = path / column
        if not file.is_file():
            raise DataError(f"{file}: no such file, though the column '{source.text}' lies beside it; put it there")
        text, later = decode(file, content_of(file, plain_text=True), source.encodings)
        found[column] = text.removesuffix("\n").split("\n")
        later_files += later
    if len({len(lines) for lines in found.values()}) > 1:
        counts = ", ".join(f"{column} {len(lines)}" for column, lines in found.items())
        raise DataError(f"{path}: its columns have different numbers of lines ({counts}); copy them again")
    places = [f"{path / source.text}: line {line}" for line in range(1, len(found[source.text]) + 1)]
    return pd.DataFrame([list(row) for row in zip(*found.values(), places, strict=True)], dtype=object), later_files


def _read_class_folders(path: Path, labels: list[str], source: Source) -> tuple[pd.DataFrame, int]:
    """One row for each file `class/name.txt`, in the order of their paths."""
    rows, later_files = [], 0
    if len(labels) > 1:
        raise DataError(f"{path}: folders of classes have one level of labels, not {', '.join(labels)}; name one")
    for file in class_files(path):
        text, later = decode(file, content_of(file, plain_text=True), source.encodings)
        later_files += later
        rows.append([text, *[file.parent.name][: len(labels)], str(file)])
    return pd.DataFrame(rows, dtype=object), later_files


def _checked(rows: pd.DataFrame, labels: list[str], label_map: dict[str, str]) -> pd.DataFrame:
    """The rows with mapped labels and no missing values; a missing text is an empty one."""
    rows = rows.assign(text=rows["text"].fillna("").astype("str"))
    nul = rows["text"].str.contains("\0", regex=False)
    if nul.any():
        raise DataError(f"{rows['place'][nul.idxmax()]}: a NUL byte in the text; take it out")
    for column in labels:
        names = rows[column].fillna("").astype("str").str.strip()
        missing = names == ""
        if missing.any():
            raise DataError(
                f"{rows['place'][missing.idxmax()]}: no label in '{column}'{_and_more(missing)}; fill it, or say "
                "by `source.missing_labels` what becomes of training rows without: unlabelled, drop"
            )
        rows[column] = names.map(lambda name: label_map.get(name) or label_map.get(as_class(name), as_class(name)))
        rows[column] = rows[column].astype("str")
    return rows


def _refuse_numbers(rows: pd.DataFrame, column: str) -> None:
    """Classes are names or whole numbers: measures, and numbers among names, are a mistake."""
    names = rows.drop_duplicates(column)
    floats = names[names[column].map(is_fraction)]
    if len(floats):
        first = floats.iloc[0]
        if _NO_NUMBER.fullmatch(first[column]):
            raise DataError(
                f"{first['place']}: label '{first[column]}' in '{column}' is what programs write where there is no "
                "number; map it under `source.label_map`, or leave it empty and set `source.missing_labels`"
            )
        raise DataError(
            f"{first['place']}: label '{first[column]}' in '{column}' is a number with a fraction, not a class; write "
            "whole numbers or names, or map it under `source.label_map`"
        )
    whole = names[column].map(lambda name: _WHOLE.fullmatch(name) is not None)
    if whole.any() and not whole.all():
        number, name = names[whole].iloc[0], names[~whole].iloc[0]
        raise DataError(
            f"{name['place']}: label '{name[column]}' in '{column}' is a name, but '{number[column]}' "
            f"({number['place']}) a number; write all in one way, or map them under `source.label_map`"
        )


def as_class(name: str) -> str:
    """A label as a class's name: `1.0` is what programs make of a whole number in a column with empty cells."""
    whole = _WHOLE_AS_FLOAT.fullmatch(name)
    return whole[1] if whole else name


def is_fraction(name: str) -> bool:
    """Whether a label is a number with a fraction, which is a measure and no class."""
    return _FLOAT.fullmatch(name) is not None


def _and_more(faulty: pd.Series) -> str:
    others = int(faulty.sum()) - 1
    return f" (and {others} more such rows)" if others else ""
