"""Raw rows from where they lie, every fault named with file, line and remedy before anything is made of them."""

import re
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from threephase.checkpoint import ORIGIN, read_json, verify
from threephase.data.files import decode, read_file
from threephase.data.places import files_of, has_known_format
from threephase.errors import DataError
from threephase.settings.dataset import Source

_WHOLE = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+|nan|inf(inity)?)", re.IGNORECASE)


class RawRows(NamedTuple):
    """Rows as they were found, by split: `text` and the source's label columns as strings, and `place` for errors."""

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
        where = root / (f"{split}.parquet" if source.kind == "hub" else name)
        labels = [] if split == "unlabelled" else source.labels
        rows, later = _read(where, source, labels)
        splits[split] = _checked(rows, labels, source.label_map)
        later_files += later
        origin[split] = name
    labelled = pd.concat([rows for split, rows in splits.items() if split != "unlabelled"], ignore_index=True)
    for column in source.labels:
        _refuse_numbers(labelled, column)
    return RawRows(splits, origin | {"later_encoding_files": later_files})


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}' is not installed; for the demo: pip install 'threephase[demo]'")
    return Path(spec.submodule_search_locations[0])


def package_version(package: str) -> dict[str, Any]:
    """Name and version of the distribution that an installed package came with."""
    distributions = packages_distributions().get(package, [])
    return {"package": package, "version": version(distributions[0]) if distributions else "unknown"}


def _read(path: Path, source: Source, labels: list[str]) -> tuple[pd.DataFrame, int]:
    """Rows of a file, of files, of class folders or of a file for each column; how many needed a later encoding."""
    columns = [source.text, *labels]
    if path.is_dir() and (path / source.text).is_file():
        return _read_columns(path, columns, source)
    if path.is_dir() and next(path.glob("*/*.txt"), None):
        return _read_class_folders(path, labels, source)
    files = files_of(path)
    wrong = [file for file in files if not has_known_format(file)]
    if wrong:
        raise DataError(f"{wrong[0]}: not a .csv, .tsv, .jsonl or .parquet file (or one of these as .gz)")
    read = [read_file(file, columns, source.encodings) for file in files]
    tables = [
        table.rows.assign(place=[f"{file}: line {line}" for line in table.rows["line"]])
        for file, table in zip(files, read, strict=True)
    ]
    rows = pd.concat(tables, ignore_index=True).drop(columns="line")
    return rows.rename(columns={source.text: "text"}), sum(table.later_encoding for table in read)


def _read_columns(path: Path, columns: list[str], source: Source) -> tuple[pd.DataFrame, int]:
    """One text file for each column; line n of each is row n."""
    found, later_files = {}, 0
    for column in columns:
        file = path / column
        if not file.is_file():
            raise DataError(f"{file}: no such file, though the column '{source.text}' lies beside it")
        text, later = decode(file, file.read_bytes(), source.encodings)
        found[column] = text.removesuffix("\n").split("\n")
        later_files += later
    if len({len(lines) for lines in found.values()}) > 1:
        counts = ", ".join(f"{column} {len(lines)}" for column, lines in found.items())
        raise DataError(f"{path}: its columns have different numbers of lines ({counts}); copy them again")
    places = [f"{path / source.text}: line {line}" for line in range(1, len(found[source.text]) + 1)]
    return pd.DataFrame(found, dtype=object).assign(place=places).rename(columns={source.text: "text"}), later_files


def _read_class_folders(path: Path, labels: list[str], source: Source) -> tuple[pd.DataFrame, int]:
    """One row for each file `class/name.txt`, in the order of their paths."""
    rows, later_files = [], 0
    for file in sorted(path.glob("*/*.txt")):
        text, later = decode(file, file.read_bytes(), source.encodings)
        later_files += later
        rows.append([text, *[file.parent.name][: len(labels)], str(file)])
    return pd.DataFrame(rows, columns=["text", *labels, "place"], dtype=object), later_files


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
                f"{rows['place'][missing.idxmax()]}: no label in '{column}'{_and_more(missing)}; fill it, or move "
                "rows without label to a file of their own, `unlabelled`"
            )
        rows[column] = names.map(lambda name: label_map.get(name, name)).astype("str")
    return rows


def _refuse_numbers(rows: pd.DataFrame, column: str) -> None:
    """Classes are names or whole numbers: measures, and numbers among names, are a mistake."""
    names = rows.drop_duplicates(column)
    floats = names[names[column].map(_matches(_FLOAT))]
    if len(floats):
        first = floats.iloc[0]
        raise DataError(
            f"{first['place']}: label '{first[column]}' in '{column}' is a number with a fraction, not a class; write "
            "whole numbers or names, or map it under `source.label_map`"
        )
    whole = names[column].map(_matches(_WHOLE))
    if whole.any() and not whole.all():
        number, name = names[whole].iloc[0], names[~whole].iloc[0]
        raise DataError(
            f"{name['place']}: label '{name[column]}' in '{column}' is a name, but '{number[column]}' "
            f"({number['place']}) a number; write all in one way, or map them under `source.label_map`"
        )


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda name: pattern.fullmatch(name) is not None


def _and_more(faulty: pd.Series) -> str:
    others = int(faulty.sum()) - 1
    return f" (and {others} more such rows)" if others else ""
