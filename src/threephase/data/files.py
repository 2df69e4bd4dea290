"""One file of rows, whatever its format, with the place of each row for errors that name it."""

import codecs
import csv
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from threephase.errors import DataError

# A field of a .csv beyond this is an open quote that swallowed the rest of the file, not a text.
LARGEST_FIELD = 1_000_000
KEYED = 1_000  # objects of a file that say which keys there are; one may lack a label
# Texts shrink to a tenth; what grows a hundredfold, and beyond this many bytes, was made to fill a memory.
LARGEST_EXPANSION, HARMLESS = 100, 200_000_000
OTHER_SEPARATORS = ";\t|"
# How files begin that are something else than their names say, what that is, and the ending that it may have.
_NO_TEXTS = (
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with `git lfs pull`", ""),
    (b"\x1f\x8b", "packed with gzip; let its name end in .gz", ""),
    (b"\xfd7zxz\0", "packed with xz; unpack it", ""),
    (b"(\xb5/\xfd", "packed with zstd; unpack it", ""),
    (b"pk\x03\x04", "a zip archive; unpack it, or let a sheet's name end in .xlsx", ".xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old sheet or document; save it as .csv or .xlsx", ""),
    (b"sqlite format 3\0", "a database; save its rows as .csv", ""),
)
# These are no tables, but a text may well begin so: a page of HTML, or a sentence on PAR1.
_NO_TABLES = (
    (b"<!doctype html", "a web page; fetch the file itself", ""),
    (b"<html", "a web page; fetch the file itself", ""),
    (b"%pdf-", "a PDF; save its rows as .csv", ""),
    (b"bzh91ay&sy", "packed with bzip2; unpack it", ""),
    (b"par1", "a .parquet file; let its name end so", ".parquet"),
)
LONGEST_BEGINNING = 100  # bytes that tell
_FOR_EXCEL = re.compile(r'"?sep=(.)?"?\s*')
Quotes = Literal["double", "none"]


class FileRows(NamedTuple):
    """Rows of a file: the values of the wanted columns, in their order, as strings (None: missing), and their lines."""

    values: list[list[str | None]]
    lines: list[int]
    later_encoding: bool = False  # whether another than the first encoding read it


class _Doubled(dict[str, Any]):
    """An object of JSON with a key that stands twice, the last of which `json` keeps."""

    key: str


def read_file(path: Path, columns: list[str], encodings: list[str], quotes: Quotes = "double") -> FileRows:
    """Read the wanted columns of a .csv, .tsv, .jsonl, .json, .parquet or .xlsx file, also gzipped.

    `columns` are the text's and then those of the labels. The line is the one on which a row begins (of .parquet and
    .json: the row's number from 1). Raises DataError, with file and line, for what cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    content = content_of(path)
    if not content:
        raise DataError(f"{path}: empty file; put rows in it, or take it out of the config")
    if name.endswith(".parquet"):
        return _parquet(path, content, columns)
    if name.endswith(".xlsx"):
        return _sheet(path, content, columns)
    text, later = _text_of(path, content, encodings)
    is_json = name.endswith((".jsonl", ".json"))
    rows = _json(path, text, columns) if is_json else _separated(path, text, columns, quotes)
    found = list(rows)
    if not found:
        raise DataError(f"{path}: a header and no rows; add rows, or take it out of the config")
    return FileRows([values for values, _ in found], [line for _, line in found], later)


def columns_of(path: Path, encodings: list[str], quotes: Quotes = "double") -> list[str]:
    """Names of a file's columns: its header, the keys of its first thousand objects, or its schema."""
    name = path.name.lower().removesuffix(".gz")
    content = content_of(path)
    if not content:
        raise DataError(f"{path}: empty file; put rows in it")
    if name.endswith(".parquet"):
        return list(_open_parquet(path, content).schema_arrow.names)
    if name.endswith(".xlsx"):
        return _cells(path, content)[0]
    text, _ = _text_of(path, content, encodings)
    if name.endswith((".jsonl", ".json")):
        return _keys(islice(_objects(path, text), KEYED))
    separator = separator_of(path, text, quotes)
    return _header(path, text, separator, quotes)


def _text_of(path: Path, content: bytes, encodings: list[str]) -> tuple[str, bool]:
    """What `decode` gives of a table, which holds no NUL. Raises DataError where it does."""
    text, later = decode(path, content, encodings)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        halves = {1: "utf-16-le", 0: "utf-16-be"}.get(content[:2].find(b"\0"))  # without the mark at its beginning
        remedy = _named_encoding(halves) if halves else "save the file as plain text"
        raise DataError(f"{path}: line {line}: a NUL byte; {remedy}")
    return text, later


def _named_encoding(likely: str) -> str:
    return f"name its encoding, as `encodings: [{likely}]` under the dataset's `source`"


def decode(path: Path, content: bytes, encodings: list[str]) -> tuple[str, bool]:
    """Bytes as text by the first encoding that fits, and whether that is not the first one."""
    fault = None
    for encoding in encodings:
        try:
            text = content.decode(without_mark(encoding))
            return text, encoding != encodings[0]
        except UnicodeDecodeError as error:
            fault = fault or error
        except (LookupError, UnicodeError, ValueError):
            raise DataError(f"{path}: there is no encoding {encoding!r}; correct `source.encodings`") from None
    assert fault is not None
    line = content.count(b"\n", 0, fault.start) + 1
    likely = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8, cp1252"
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        likely = "utf-32"
    raise DataError(f"{path}: line {line}: not {' nor '.join(encodings)}; {_named_encoding(likely)}")


def without_mark(encoding: str) -> str:
    """An encoding that takes the mark at a file's beginning, which Excel writes, for no character of the first column.

    Raises LookupError or ValueError where there is no encoding of that name.
    """
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def content_of(path: Path, plain_text: bool = False) -> bytes:
    """A file's bytes, unpacked; of a table, or of a plain text, which may begin as it likes.

    Raises DataError for what cannot be read, is something else than its name says, or grows beyond measure.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is no file that can be read twice (a folder, a pipe or a device); name a file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; name a file that can") from None
    content = _unpacked(path, content) if path.name.lower().endswith(".gz") else content
    refuse_other_kind(path, content[:LONGEST_BEGINNING], plain_text)
    return content


def refuse_other_kind(path: Path, beginning: bytes, plain_text: bool = False) -> None:
    """Raise DataError for a file that is something else than its name says, by its first bytes."""
    name = path.name.lower().removesuffix(".gz")
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    for sign, what, ending in _NO_TEXTS if plain_text else _NO_TEXTS + _NO_TABLES:
        if start.startswith(sign) and not (ending and name.endswith(ending)):
            raise DataError(f"{path}: is {what}")


def _unpacked(path: Path, packed: bytes) -> bytes:
    """All members of a gzip file, one after the other."""
    parts, size = list[bytes](), 0
    room = max(HARMLESS, LARGEST_EXPANSION * len(packed))
    try:
        while packed.strip(b"\0"):
            unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
            parts.append(unpacking.decompress(packed, room - size + 1))
            size += len(parts[-1])
            if size > room:
                raise DataError(
                    f"{path}: grows to more than {LARGEST_EXPANSION} times its size; if that is right, unpack it "
                    "(gunzip) and name the plain file"
                )
            if not unpacking.eof:
                raise EOFError("it ends too early")
            packed = unpacking.unused_data
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); copy it again") from None
    return b"".join(parts)


def separator_of(path: Path, text: str, quotes: Quotes = "double") -> str:
    """What separates the columns: a tab in a .tsv; a comma in a .csv, or what its header has instead."""
    first = text[:LARGEST_FIELD].partition("\n")[0]
    if _FOR_EXCEL.fullmatch(first):
        raise DataError(f"{path}: line 1: '{first.strip()}' is for Excel alone; delete that line")
    if path.name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    others = [separator for separator in OTHER_SEPARATORS if separator in first]
    return others[0] if others and len(_header(path, text, ",", quotes)) == 1 else ","


def _reader(text: str, separator: str, quotes: Quotes) -> Any:
    csv.field_size_limit(LARGEST_FIELD)
    lines = io.StringIO(text, newline="")
    if quotes == "none":
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=separator, strict=True)


def _header(path: Path, text: str, separator: str, quotes: Quotes) -> list[str]:
    try:
        return next(_reader(text, separator, quotes), [])
    except csv.Error as error:
        raise _broken(path, 1, error) from None


def _separated(path: Path, text: str, columns: list[str], quotes: Quotes) -> list[tuple[list[str | None], int]]:
    """Rows with their lines, read strictly: what stands in quotes ends with a quote and goes to the next separator."""
    separator = separator_of(path, text, quotes)
    rows = _reader(text, separator, quotes)
    found: list[tuple[list[str | None], int]] = []
    several: list[tuple[int, int]] = []  # first and last line of rows over several lines
    start = 1
    try:
        header: list[str] = next(rows, [])
        places = _places(path, header, columns)
        start = rows.line_num + 1
        for row in rows:
            if row:
                if len(row) != len(header):
                    raise DataError(
                        f"{path}: line {start}: {len(row)} fields under a header of {len(header)}; "
                        f"put a text that holds '{separator}' or a quote in double quotes"
                    )
                found.append(([row[place] for place in places], start))
                if rows.line_num > start:
                    several.append((start, rows.line_num))
            start = rows.line_num + 1
    except csv.Error as error:
        raise _broken(path, start, error) from None
    if several:
        labels = [{values[place] for values, _ in found} for place in range(1, len(columns))]
        _refuse_swallowed(path, text, several, _row_like(separator, len(header), places[1:], labels))
    return found


def _broken(path: Path, line: int, error: csv.Error) -> DataError:
    if "field larger" in str(error):
        return DataError(f"{path}: line {line}: a field of more than {LARGEST_FIELD:,} characters; close its quote")
    if "unexpected end" in str(error):
        fault = "a quote opens and is never closed"
    elif "expected after" in str(error):
        fault = "a quote closes in the middle of a field"
    else:
        return DataError(f"{path}: line {line}: cannot be read ({error}); save it as plain text with quoted fields")
    return DataError(
        f"{path}: line {line}: {fault}; double the quotes within a quoted text, or set `quotes: none` under the "
        "dataset's `source` where the file quotes nothing"
    )


def _row_like(separator: str, fields: int, places: list[int], labels: list[set[str | None]]) -> Callable[[str], bool]:
    """Whether a line of a quoted text looks like a row by itself: as many fields, with labels that other rows have."""

    def looks(line: str) -> bool:
        parts = line.split(separator)
        if len(parts) != fields or fields == 1:
            return False
        if separator == "\t":  # which texts hardly have
            return True
        known = [parts[place] in names for place, names in zip(places, labels, strict=True)]
        return all(known) and bool(known)

    return looks


def _refuse_swallowed(path: Path, text: str, several: list[tuple[int, int]], looks: Callable[[str], bool]) -> None:
    """Two stray quotes make one text of the rows between them, and only what these look like tells."""
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    for first, last in several:
        if all(map(looks, lines[first - 1 : last])):
            raise DataError(
                f"{path}: line {first}: the quote that opens here swallows what look like rows, to line {last}; double "
                "the quotes within a quoted text, or set `quotes: none` under the dataset's `source` where the file "
                "quotes nothing"
            )


def _places(path: Path, header: list[str], columns: list[str]) -> list[int]:
    doubled = [name for name in columns if header.count(name) > 1]
    if doubled:
        raise DataError(f"{path}: two columns are named '{doubled[0]}'; rename one")
    _refuse_missing_columns(path, columns, header)
    return [header.index(name) for name in columns]


def _refuse_missing_columns(path: Path, columns: list[str], there: list[str]) -> None:
    for name in columns:
        if name not in there:
            shown = ", ".join(column if len(column) <= 60 else f"{column[:59]}…" for column in there[:20])
            shown = " ".join(shown.split())
            raise DataError(f"{path}: no column '{name}'; it has: {shown}. Name yours under the dataset's `source`")


def _json(path: Path, text: str, columns: list[str]) -> Iterator[tuple[list[str | None], int]]:
    objects = _objects(path, text)
    first = list(islice(objects, KEYED))
    if first:
        _refuse_missing_columns(path, columns, _keys(first))
    for number, row in chain(first, objects):
        yield [_plain(path, number, row.get(name)) for name in columns], number


def _keys(objects: Iterable[tuple[int, dict[str, Any]]]) -> list[str]:
    return list(dict.fromkeys(key for _, row in objects for key in row))


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with their lines, or with their numbers where it is one array of them."""
    array = not path.name.lower().removesuffix(".gz").endswith(".jsonl") and not text.lstrip().startswith("{")
    rows = _array(path, text) if array else _lines(path, text)
    for number, row in rows:
        where = f"{path}: {'row' if array else 'line'} {number}"
        if not isinstance(row, dict):
            raise DataError(f'{where}: not an object like {{"text": …, "label": …}}')
        if isinstance(row, _Doubled):
            raise DataError(f"{where}: the key '{row.key}' stands there twice; drop one")
        yield number, row


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _value(f"{path}: line {number}", line)


def _array(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    rows = _value(str(path), text)
    if not isinstance(rows, list):
        raise DataError(f'{path}: not an array of objects, [{{"text": …, "label": …}}, …]; write it so, or as lines')
    return enumerate(rows, start=1)


def _value(where: str, text: str) -> Any:
    """A value of JSON. NaN and infinities, which are no JSON, are missing values."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON: {_first_line(error)}; write it anew") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    doubled = _Doubled(found)
    doubled.key = next(name for name in names if names.count(name) > 1)
    return doubled


def _open_parquet(path: Path, content: bytes) -> Any:
    import pyarrow.parquet as parquet

    try:
        table = parquet.ParquetFile(io.BytesIO(content))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a whole .parquet file: {_first_line(error)}; copy it again") from None
    groups = (table.metadata.row_group(place) for place in range(table.metadata.num_row_groups))
    size = max(table.metadata.num_rows, sum(group.total_byte_size for group in groups))
    if size > max(HARMLESS, LARGEST_EXPANSION * len(content)):
        raise DataError(
            f"{path}: grows to more than {LARGEST_EXPANSION} times its size; if that is right, write it anew without "
            "compression"
        )
    return table


def _parquet(path: Path, content: bytes, columns: list[str]) -> FileRows:
    table = _open_parquet(path, content)
    _places(path, table.schema_arrow.names, columns)
    try:
        found = table.read(columns=columns).to_pylist()
    except (OSError, ValueError, UnicodeError) as error:
        raise DataError(f"{path}: not a whole .parquet file: {_first_line(error)}; copy it again") from None
    if not found:
        raise DataError(f"{path}: holds no rows; add rows, or take it out of the config")
    names = _class_names(table.schema_arrow.metadata or {})
    lines = list(range(1, len(found) + 1))
    values = [
        [_plain(path, line, _named(path, line, row[name], names.get(name))) for name in columns]
        for line, row in zip(lines, found, strict=True)
    ]
    return FileRows(values, lines)


def _sheet(path: Path, content: bytes, columns: list[str]) -> FileRows:
    """Rows of the first sheet, with their lines as a spreadsheet counts them."""
    header, rows = _cells(path, content)
    places = _places(path, header, columns)
    filled = [(line, row) for line, row in enumerate(rows, start=2) if any(value is not None for value in row)]
    if not filled:
        raise DataError(f"{path}: a header and no rows; add rows, or take it out of the config")
    values = [
        [_plain(path, line, row[place]) if place < len(row) else None for place in places] for line, row in filled
    ]
    return FileRows(values, [line for line, _ in filled])


def _cells(path: Path, content: bytes) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Header and rows of the first sheet of an .xlsx file, formulas by the values that were last seen."""
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{path}: reading .xlsx needs openpyxl: pip install openpyxl; or save the sheet as .csv in UTF-8"
        ) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise DataError(f"{path}: not a whole .xlsx file: {_first_line(error)}; save it again") from None
    if size > max(HARMLESS, LARGEST_EXPANSION * len(content)):
        raise DataError(
            f"{path}: grows to more than {LARGEST_EXPANSION} times its size; if that is right, save it as .csv"
        )
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # how many rows a file says that it has may be older than its rows
        rows = list(sheet.iter_rows(values_only=True))
    except Exception as error:  # whatever a damaged member of the archive raises in one of its many readers
        raise DataError(f"{path}: not a whole .xlsx file: {_first_line(error)}; save it again") from None
    if not rows:
        raise DataError(f"{path}: empty sheet; put rows in the first one")
    return ["" if name is None else str(name) for name in rows[0]], rows[1:]


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Names of the classes that the library `datasets` keeps as numbers, by column."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _named(path: Path, line: int, value: Any, names: list[str] | None) -> Any:
    """A class's name for its number; -1, which stands for no label there, is a missing one."""
    if names is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    if value >= len(names):
        raise DataError(f"{path}: line {line}: class {value} has no name among the {len(names)} of the file's metadata")
    return names[value] if value >= 0 else None


def _plain(path: Path, line: int, value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        if has_half_character(value):
            raise DataError(f"{path}: line {line}: half of a character (a lone surrogate); write the text anew")
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise DataError(f"{path}: line {line}: a {type(value).__name__} where a text or a label should be")


def has_half_character(text: str) -> bool:
    """Whether a text holds a lone surrogate, which no file in UTF-8 can hold and no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
