"""Rows in and out of files, a part at a time: what answers for a million texts holds some thousands of them."""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from threephase.api import FORMATS
from threephase.data.files import LARGEST_FIELD, Quotes, separator_of
from threephase.errors import DataError

PIPE = "-"
GZIPPED = b"\x1f\x8b"  # how such a file begins


class Row(NamedTuple):
    """A row and where it stands: the line on which it begins; of .parquet the row's number from 1."""

    line: int
    values: dict[str, Any]


def called(place: str) -> str:
    """What to call a place of rows in a message."""
    return "what was piped in" if place == PIPE else place


def format_of(place: str, given: str | None) -> str:
    """How a file's rows are written, by its name or as was said. Raises DataError where neither tells."""
    if given is not None:
        return given
    ending = place.lower().removesuffix(".gz").rpartition(".")[2]
    if ending in FORMATS:
        return ending
    if place == PIPE:
        return "csv"
    raise DataError(f"{place}: is no .{', .'.join(FORMATS)} (or .gz of these) by its name; say which by --format")


@contextmanager
def reading(place: str, kind: str, encoding: str = "utf-8-sig", quotes: Quotes = "double") -> Iterator[Iterator[Row]]:
    """The rows of a file, or of what is piped in (`-`), one after another; gzipped ones by how they begin.

    Raises DataError, with file and line, for what cannot be read.
    """
    piped, place = place == PIPE, called(place)
    try:
        stream: Any = sys.stdin.buffer if piped else _opened(Path(place))
    except OSError as error:
        raise _unreadable(place, error) from None
    with nullcontext() if piped else stream:
        plain = _unpacked(stream, place)
        if kind == "parquet":
            rows = _parquet(plain)
        else:
            text = io.TextIOWrapper(plain, encoding=encoding, newline="")
            rows = _jsonl(text) if kind == "jsonl" else _separated(place, text, kind, quotes)
        yield _guarded(place, rows)


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _unpacked(stream: Any, place: str) -> Any:
    packed = place.lower().endswith(".gz") or stream.peek(len(GZIPPED)).startswith(GZIPPED)
    return gzip.open(stream) if packed else stream


def _guarded(place: str, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not {error.encoding}; name its encoding, as --encoding cp1252") from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise _unreadable(place, error) from None


def _unreadable(place: str, error: Exception) -> DataError:
    what = getattr(error, "strerror", None) or (str(error).splitlines() or ["it ends too early"])[0]
    return DataError(f"{place}: cannot be read: {what}; name a file that can")


def _separated(place: str, text: io.TextIOWrapper, kind: str, quotes: Quotes) -> Iterator[Row]:
    first = text.readline()
    if not first:
        raise DataError(f"{place}: empty; put rows in it")
    path = Path(f"{place}.{kind}")
    separator = "\t" if kind == "tsv" else separator_of(path, first, quotes)
    csv.field_size_limit(LARGEST_FIELD)
    quoting: Any = {"quoting": csv.QUOTE_NONE} if quotes == "none" else {}
    header = next(csv.reader([first], delimiter=separator, **quoting), [])
    doubled = {name for name in header if header.count(name) > 1}
    if doubled:
        raise DataError(f"{place}: two columns are called '{sorted(doubled)[0]}'; rename one")
    reader = csv.reader(text, delimiter=separator, strict=True, **quoting)
    began = 1
    try:
        for fields in reader:
            line, began = began + 1, reader.line_num + 1
            if not fields:
                continue
            if len(fields) != len(header):
                yield Row(line, {"": f"{len(fields)} fields where the header has {len(header)}"})
            else:
                yield Row(line, dict(zip(header, fields, strict=True)))
    except csv.Error as error:
        raise DataError(f"{place}: line {began + 1}: {error}; is a quote never closed? See --quotes none") from None


def _jsonl(text: io.TextIOWrapper) -> Iterator[Row]:
    for line, written in enumerate(text, start=1):
        if not written.strip():
            continue
        try:
            values = json.loads(written)
        except (ValueError, RecursionError) as error:
            values = {"": f"no JSON ({str(error)[:80]})"}
        yield Row(line, values if isinstance(values, dict) else {"": "no object of JSON"})


def _parquet(stream: IO[bytes]) -> Iterator[Row]:
    file = pq.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    number = 0
    for batch in file.iter_batches(batch_size=1024):
        for values in batch.to_pylist():
            number += 1
            yield Row(number, values)


def in_parts(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """So many at once, the last ones what is left."""
    while part := list(islice(rows, size)):
        yield part


class Writer(Protocol):
    """Takes rows of the same columns, part by part."""

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write some rows behind those before."""


@contextmanager
def writing_rows(place: Path | None, kind: str) -> Iterator[Writer]:
    """A place for rows: a file, also gzipped by its name; None is what is piped out."""
    if kind == "parquet":
        target: Any = place if place else sys.stdout.buffer
        with _ParquetRows(target) as rows:
            yield rows
        return
    if place is None:
        yield _TextRows(sys.stdout, kind)
        sys.stdout.flush()
        return
    opened = gzip.open if place.name.lower().endswith(".gz") else open
    with opened(place, "wt", encoding="utf-8", newline="") as stream:
        yield _TextRows(stream, kind)


class _TextRows:
    def __init__(self, stream: Any, kind: str) -> None:
        self.stream, self.kind = stream, kind
        self.table: Any = None

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        if self.kind == "jsonl":
            for row in rows:
                self.stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            return
        if self.table is None:
            separator = "\t" if self.kind == "tsv" else ","
            self.table = csv.DictWriter(self.stream, list(rows[0]), delimiter=separator, lineterminator="\n")
            self.table.writeheader()
        self.table.writerows(rows)


class _ParquetRows:
    def __init__(self, target: Any) -> None:
        self.target = target
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_ParquetRows":
        return self

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        table = pa.Table.from_pylist(list(rows), schema=self.writer.schema if self.writer else None)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.target, table.schema)
        self.writer.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self.writer:
            self.writer.close()
