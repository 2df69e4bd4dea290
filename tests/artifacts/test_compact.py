"""Results in compact form: byte for byte what closes a folder, to half precision what was predicted."""

from pathlib import Path

import pandas as pd
import pytest

from threephase.artifacts.compact import FRAMES, RECORDS, is_compact, pack, unpack
from threephase.errors import CheckpointError

RECORD = '{"a": "ä\\n", \n "b": 1.0}\n'
FRAME = pd.DataFrame(
    {"row": [0, 70_000, 2], "label": ["b", "a", "b"], "predicted": ["c", "a", "b"], "confidence": [0.5, 1.0, 0.3333]}
)


def packed(folder: Path) -> Path:
    folder.mkdir()
    pack({"x/settings.json": RECORD}, [("x/predictions.parquet", FRAME), ("w/predictions.parquet", FRAME)], folder)
    return folder


def test_records_come_back_to_the_byte_and_frames_as_they_were(tmp_path: Path) -> None:
    root = tmp_path / "results"
    unpack(packed(tmp_path / "compact"), root)
    assert (root / "x/settings.json").read_bytes() == RECORD.encode()
    frame = pd.read_parquet(root / "x/predictions.parquet")
    assert frame.drop(columns="confidence").equals(FRAME.drop(columns="confidence").astype(frame.dtypes[:-1].to_dict()))
    assert frame["confidence"].tolist() == pytest.approx(FRAME["confidence"].tolist(), abs=2**-12)
    assert is_compact(root)


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = packed(tmp_path / "first"), packed(tmp_path / "second")
    for name in (RECORDS, FRAMES):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (packed(tmp_path / "compact") / FRAMES).unlink()
    with pytest.raises(CheckpointError, match=r"frames\.parquet: missing"):
        unpack(tmp_path / "compact", tmp_path / "results")
