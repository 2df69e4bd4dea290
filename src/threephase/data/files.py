"""One file of rows, whatever its format, with the place of each row for errors that name it."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from threephase.errors import DataError

# A field of a .csv beyond this is an open quote that swallowed the rest of the file, not a text.
LARGEST_FIELD = 1_000_000


class FileRows(NamedTuple):
    """Rows of a file: the wanted columns as strings (None: missing) and `line`; whether a later encoding read it."""

    rows: pd.DataFrame
    later_encoding: bool


def read_file(path: Path, columns: list[str], encodings: list[str]) -> FileRows:
    """Read the wanted columns of a .csv, .tsv, .jsonl or .parquet file, also gzipped.

    `line` is the line on which a row begins (of .parquet: the row's number from 1). Raises DataError, with file
    and line, for what cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    content = _content(path)
    if not content:
        raise DataError(f"{path}: empty file; put rows in it, or take it out of the config")
    if name.endswith(".parquet"):
        return FileRows(_parquet(path, content, columns), later_encoding=False)
    text, later = decode(path, content, encodings)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}: line {line}: a NUL byte; save the file as plain text (UTF-16 has an encoding name)")
    if name.endswith(".jsonl"):
        found = list(_jsonl(path, text, columns))
    else:
        found = list(_separated(path, text, columns, "\t" if name.endswith(".tsv") else ","))
    if not found:
        raise DataError(f"{path}: a header and no rows; add rows, or take it out of the config")
    return FileRows(pd.DataFrame(found, columns=[*columns, "line"], dtype=object), later)


def columns_of(path: Path, encodings: list[str]) -> list[str]:
    """Names of a file's columns: its header, the keys of its first object, or its schema."""
    name = path.name.lower().removesuffix(".gz")
    content = _content(path)
    if not content:
        raise DataError(f"{path}: empty file; put rows in it")
    if name.endswith(".parquet"):
        import pyarrow.parquet as parquet

        return list(parquet.ParquetFile(io.BytesIO(content)).schema_arrow.names)
    text, _ = decode(path, content, encodings)
    if name.endswith(".jsonl"):
        first = next(_objects(path, text), None)
        return list(first[1]) if first else []
    csv.field_size_limit(LARGEST_FIELD)
    return next(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if name.endswith(".tsv") else ","), [])


def decode(path: Path, content: bytes, encodings: list[str]) -> tuple[str, bool]:
    """Bytes as text by the first encoding that fits, and whether that is not the first one."""
    fault = None
    for encoding in encodings:
        try:
            text = content.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding)
            return text, encoding != encodings[0]
        except UnicodeDecodeError as error:
            fault = fault or error
        except LookupError:
            raise DataError(f"{path}: there is no encoding '{encoding}'; correct `source.encodings`") from None
    assert fault is not None
    line = content.count(b"\n", 0, fault.start) + 1
    raise DataError(
        f"{path}: line {line}: not {' nor '.join(encodings)}; name its encoding, as `encodings: [utf-8, cp1252]` "
        "under the dataset's `source`"
    )


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.name.lower().endswith(".gz") else content
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); copy it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _separated(path: Path, text: str, columns: list[str], separator: str) -> Iterator[list[Any]]:
    csv.field_size_limit(LARGEST_FIELD)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    start = 1
    try:
        header = next(lines, [])
        places = _places(path, header, columns)
        start = lines.line_num + 1
        for row in lines:
            if row:
                if len(row) != len(header):
                    raise DataError(
                        f"{path}: line {start}: {len(row)} fields under a header of {len(header)}; "
                        f"put a text that holds '{separator}' or a quote in double quotes"
                    )
                yield [*(row[place] for place in places), start]
            start = lines.line_num + 1
    except csv.Error as error:
        if "field larger" in str(error):
            raise DataError(
                f"{path}: line {start}: a field of more than {LARGEST_FIELD:,} characters; close its quote"
            ) from None
        raise DataError(f"{path}: line {start}: not valid {separator!r}-separated text: {error}") from None


def _places(path: Path, header: list[str], columns: list[str]) -> list[int]:
    doubled = [name for name in columns if header.count(name) > 1]
    if doubled:
        raise DataError(f"{path}: two columns are named '{doubled[0]}'; rename one")
    _refuse_missing_columns(path, columns, header)
    return [header.index(name) for name in columns]


def _refuse_missing_columns(path: Path, columns: list[str], there: list[str]) -> None:
    for name in columns:
        if name not in there:
            shown = ", ".join(there[:20])
            raise DataError(f"{path}: no column '{name}'; it has: {shown}. Name yours under the dataset's `source`")


def _jsonl(path: Path, text: str, columns: list[str]) -> Iterator[list[Any]]:
    first = True
    for number, row in _objects(path, text):
        _refuse_missing_columns(path, columns if first else [], list(row))
        first = False
        yield [*(_plain(path, number, row.get(name)) for name in columns), number]


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a .jsonl file with their lines."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}: line {number}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f'{path}: line {number}: not an object like {{"text": …, "label": …}}')
        yield number, row


def _parquet(path: Path, content: bytes, columns: list[str]) -> pd.DataFrame:
    import pyarrow.parquet as parquet

    try:
        table = parquet.ParquetFile(io.BytesIO(content))
        _refuse_missing_columns(path, columns, table.schema_arrow.names)
        found = table.read(columns=columns).to_pylist()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a whole .parquet file: {error}") from None
    if not found:
        raise DataError(f"{path}: holds no rows; add rows, or take it out of the config")
    rows = [[*(_plain(path, line, row[name]) for name in columns), line] for line, row in enumerate(found, start=1)]
    return pd.DataFrame(rows, columns=[*columns, "line"], dtype=object)


def _plain(path: Path, line: int, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise DataError(f"{path}: line {line}: a {type(value).__name__} where a text or a label should be")
