"""Results without weights and texts: what tables are made of as two small files, and as a results folder again.

Records are files of JSON or text, kept byte for byte, so that the hashes of the folder that they closed still hold.
Frames are tables of one line a row (predictions): of these numbers and class names stay.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.folders import FAILED, ORIGIN, writing_file
from threephase.errors import CheckpointError

RECORDS, FRAMES = "records.parquet", "frames.parquet"
MARK = "compact.json"  # in a results folder that was made of them
# The files of a closed folder that stay, byte for byte, beside the one that closes it.
KEPT = frozenset({"settings.json", "provenance.json", "metrics.json", "probe.json", ORIGIN, FAILED})
_CODEC: dict[str, Any] = {"compression": "zstd", "compression_level": 19}


def is_compact(root: Path) -> bool:
    """Whether a results folder was made of compact files, and holds neither weights nor texts."""
    return (root / MARK).exists()


def pack(records: Mapping[str, str], frames: Iterable[tuple[str, pd.DataFrame]], folder: Path) -> None:
    """Write both files; the same bytes for the same content. Records come last: without them nothing is there.

    Args:
        records: content by path below the results folder.
        frames: the same of frames, whose columns are whole numbers, class names or shares.
        folder: where the two files go.
    """
    import pyarrow as pa

    columns = [line for path, frame in sorted(frames, key=lambda each: each[0]) for line in _columns(path, frame)]
    fields = {
        "path": pa.string(), "column": pa.string(), "names": pa.list_(pa.string()), "codes": pa.list_(pa.uint16()),
        "whole": pa.list_(pa.int32()), "shares": pa.list_(pa.float16()),
    }  # fmt: skip
    _write(pa.Table.from_pylist(columns, pa.schema(fields)), folder / FRAMES)
    listed = sorted(records.items())
    texts = {"path": [path for path, _ in listed], "content": [content for _, content in listed]}
    _write(pa.table(texts), folder / RECORDS)


def unpack(folder: Path, root: Path) -> None:
    """Make a results folder of both files. Raises CheckpointError where one of them is missing."""
    for path, content in records_of(folder).items():
        _written(root / path).write_bytes(content.encode())
    for path, columns in _read(folder / FRAMES).groupby("path", sort=False):
        made = {line["column"]: _values(line) for line in columns.to_dict("records")}
        pd.DataFrame(made).to_parquet(_written(root / str(path)), index=False)
    (root / MARK).write_text("{}\n", encoding="utf-8")


def is_there(folder: Path) -> bool:
    """Whether a folder holds a compact form."""
    return (folder / RECORDS).is_file()


def records_of(folder: Path) -> dict[str, str]:
    """The records alone, by path."""
    table = _read(folder / RECORDS)
    return dict(zip(table["path"], table["content"], strict=True))


def _write(table: Any, path: Path) -> None:
    from pyarrow import parquet

    # No dictionaries: what repeats from one run to the next, the codec finds in plain bytes.
    with writing_file(path) as beside:
        parquet.write_table(table, beside, use_dictionary=False, data_page_size=2**24, **_CODEC)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise CheckpointError(f"{path}: missing; pack a grid's results first, or take a whole copy of its folder")
    return pd.read_parquet(path)


def _written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _columns(path: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{"path": path, "column": name, **_coded(frame[name])} for name in frame]


def _coded(values: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_float_dtype(values):
        return {"shares": values.to_numpy(np.float16)}
    if pd.api.types.is_integer_dtype(values):
        return {"whole": values.to_numpy(np.int32)}
    codes, names = pd.factorize(values, sort=True)
    return {"codes": codes.astype(np.uint16), "names": list(names)}


def _values(line: Mapping[Any, Any]) -> np.ndarray:
    if line["shares"] is not None:
        return np.asarray(line["shares"], np.float64)
    if line["whole"] is not None:
        return np.asarray(line["whole"], np.int64)
    return np.asarray(line["names"], object)[np.asarray(line["codes"], np.int64)]
