"""Test rows cannot be opened where something is trained: neither the split nor the download it came from."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from threephase.data.store import Splits
from threephase.errors import GuardError
from threephase.jobs.guard import refuse_test_split


def test_the_test_split_cannot_be_opened_and_the_others_can(dataset: Path) -> None:
    with refuse_test_split(dataset.parent):
        assert len(Splits(dataset).read("train")) > 0
    for attempt in (
        lambda: Splits(dataset).read("test"),
        lambda: pd.read_parquet(dataset / "test.parquet"),
        lambda: (dataset / "test.parquet").read_bytes(),
    ):
        with pytest.raises(GuardError, match="only `evaluate` may"), refuse_test_split(dataset.parent):
            attempt()
    assert len(Splits(dataset).read("test")) > 0


def test_a_link_is_no_way_round(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to(dataset / "test.parquet")
    with pytest.raises(GuardError), refuse_test_split(dataset.parent):
        (tmp_path / "innocent").read_bytes()


def test_swallowing_the_refusal_does_not_help(dataset: Path) -> None:
    def swallow() -> None:
        try:
            Splits(dataset).read("test")
        except Exception:
            return

    with pytest.raises(GuardError), refuse_test_split(dataset.parent):
        swallow()


def test_a_folder_read_as_one_table_is_no_way_round(dataset: Path) -> None:
    with pytest.raises(GuardError), refuse_test_split(dataset.parent):
        pyarrow.parquet.read_table(dataset)


def test_a_download_cannot_be_opened_by_any_name_of_its_files(tmp_path: Path) -> None:
    download = tmp_path / "downloads/data/topics/nested"
    download.mkdir(parents=True)
    rows = pd.DataFrame({"text": ["a match"], "label": ["sport"]})
    rows.to_csv(download / "all.csv")
    rows.to_parquet(download / "train.parquet")
    data = tmp_path / "data"
    for attempt in (
        lambda: (download / "all.csv").read_text(),
        lambda: pd.read_csv(download / "all.csv"),
        lambda: pyarrow.parquet.ParquetFile(download / "train.parquet"),
        lambda: pyarrow.parquet.read_table(download),
    ):
        with pytest.raises(GuardError, match="download, which holds test rows"), refuse_test_split(data):
            attempt()
    assert len(pd.read_parquet(download / "train.parquet")) == 1


def test_a_download_of_a_base_model_is_none_of_its_business(tmp_path: Path) -> None:
    model = tmp_path / "downloads/models/tiny/config.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    with refuse_test_split(tmp_path / "data"):
        assert model.read_text() == "{}"
