"""Rows in and out of files, a part at a time: what answers for a million texts holds some thousands of them."""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from threephase.api import FORMATS
from threephase.artifacts.inert import Lines
from threephase.data.files import (
    LARGEST_FIELD,
    LONGEST_BEGINNING,
    Quotes,
    has_half_character,
    refuse_other_kind,
    separator_of,
    without_mark,
)
from threephase.errors import DataError

PIPE = "-"
TAKES_ANY = "write the answers as .jsonl, which takes any row"
GZIPPED = b"\x1f\x8b"  # how such a file begins


class Row(NamedTuple):
    """A row and where it stands: the line on which it begins; of .parquet the row's number from 1."""

    line: int
    values: dict[str, Any]
    fault: str | None = None  # why it has no values


@dataclass
class Rows(Iterator[Row]):
    """Rows one after another, and the kinds of their columns where the file says these."""

    each: Iterator[Row]
    schema: pa.Schema | None = None

    def __next__(self) -> Row:
        return next(self.each)


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
def reading(place: str, kind: str, encoding: str = "utf-8-sig", quotes: Quotes = "double") -> Iterator[Rows]:
    """The rows of a file, or of what is piped in (`-`), one after another; gzipped ones by how they begin.

    Raises DataError, with file and line, for what cannot be read.
    """
    piped, place = place == PIPE, called(place)
    try:
        stream: Any = sys.stdin.buffer if piped else _opened(Path(place))
    except OSError as error:
        raise _unreadable(place, error) from None
    with nullcontext() if piped else stream:
        plain = _unpacked(stream, place, kind)
        if kind == "parquet":
            file = _parquet_file(place, plain)
            yield Rows(_guarded(place, _parquet(file)), file.schema_arrow)
            return
        text = io.TextIOWrapper(plain, encoding=without_mark(encoding), newline="")
        yield Rows(_guarded(place, _jsonl(text) if kind == "jsonl" else _separated(place, text, kind, quotes)))


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _unpacked(stream: Any, place: str, kind: str) -> Any:
    """What is in a stream. Raises DataError for a file that is something else than its name says."""
    name, beginning = place.lower(), stream.peek(LONGEST_BEGINNING)[:LONGEST_BEGINNING]
    if name.endswith(".gz") or beginning.startswith(GZIPPED):
        return gzip.open(stream)
    if name.endswith(f".{kind}"):  # else --format says it, and is believed
        refuse_other_kind(Path(place), beginning)
    return stream


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
                yield Row(line, {}, f"{len(fields)} fields where the header has {len(header)}")
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
            yield Row(line, {}, f"no JSON ({str(error)[:80]})")
            continue
        if "\\u" in written and has_half_character(json.dumps(values, ensure_ascii=False)):
            yield Row(line, {}, "half of a character (a lone surrogate)")
            continue
        yield Row(line, values) if isinstance(values, dict) else Row(line, {}, "no object of JSON")


def _parquet_file(place: str, stream: IO[bytes]) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise _unreadable(place, error) from None


def _parquet(file: pq.ParquetFile) -> Iterator[Row]:
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
def writing_rows(place: Path | None, kind: str, given: str, schema: pa.Schema | None = None) -> Iterator[Writer]:
    """A place for rows: a file, also gzipped by its name; None is what is piped out.

    A table's columns, and in .parquet their kinds, are those of the first rows that are written, and of `schema`. Its
    writer raises DataError, which names `given`, for a later row with others; .jsonl takes any.
    """
    packed = place is not None and place.name.lower().endswith(".gz")
    if kind == "parquet":
        target: Any = place if place else sys.stdout.buffer
        with (
            gzip.open(target, "wb") if packed else nullcontext(target) as stream,
            _ParquetRows(stream, given, schema) as rows,
        ):
            yield rows
        return
    if place is None:
        yield _TextRows(sys.stdout, kind, given)
        sys.stdout.flush()
        return
    with (gzip.open if packed else open)(place, "wt", encoding="utf-8", newline="") as stream:
        yield _TextRows(stream, kind, given)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The columns that any of the rows has, as they first come."""
    return list(dict.fromkeys(chain.from_iterable(rows)))


def _refuse_others(rows: Sequence[dict[str, Any]], columns: Sequence[str], given: str) -> None:
    others = [name for name in _columns(rows) if name not in columns]
    if others:
        raise DataError(f"{given}: column '{others[0]}' begins after some thousand rows without it; {TAKES_ANY}")


class _TextRows:
    def __init__(self, stream: Any, kind: str, given: str) -> None:
        self.stream, self.kind, self.given = stream, kind, given
        self.table: Any = None

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        if self.kind == "jsonl":
            for row in rows:
                self.stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            return
        if self.table is None:
            separator = "\t" if self.kind == "tsv" else ","
            lines: Any = Lines(self.stream)
            self.table = csv.DictWriter(lines, _columns(rows), delimiter=separator, lineterminator=Lines.END)
            self.table.writeheader()
        _refuse_others(rows, self.table.fieldnames, self.given)
        self.table.writerows(rows)


class _ParquetRows:
    def __init__(self, target: Any, given: str, schema: pa.Schema | None) -> None:
        self.target, self.given, self.known = target, given, schema
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_ParquetRows":
        return self

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        if self.writer is None:
            fields = [self._field(name, rows) for name in _columns(rows)]
            self.writer = pq.ParquetWriter(self.target, pa.schema(fields))
        schema = self.writer.schema
        _refuse_others(rows, schema.names, self.given)
        columns = [self._column(field.name, rows, field.type) for field in schema]
        self.writer.write_table(pa.Table.from_arrays(columns, schema=schema))

    def _field(self, name: str, rows: Sequence[dict[str, Any]]) -> pa.Field:
        if self.known is not None and name in self.known.names:
            return pa.field(name, self.known.field(name).type)
        kind = self._column(name, rows, None).type
        return pa.field(name, pa.string() if pa.types.is_null(kind) else kind)  # a later row may have a text

    def _column(self, name: str, rows: Sequence[dict[str, Any]], kind: pa.DataType | None) -> pa.Array:
        values = [row.get(name) for row in rows]
        whole = kind is not None and pa.types.is_integer(kind)
        try:
            if whole and any(isinstance(value, float) for value in values):  # arrow would cut 2.5 to 2, silently
                raise pa.ArrowInvalid(name)
            return pa.array(values, type=kind)
        except (pa.ArrowException, OverflowError):
            raise DataError(f"{self.given}: column '{name}' holds values of several kinds; {TAKES_ANY}") from None

    def __exit__(self, *_: object) -> None:
        if self.writer:
            self.writer.close()
