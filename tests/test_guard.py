"""The test split cannot be opened where something is trained."""

from pathlib import Path

import pandas as pd
import pytest

from threephase.data.store import read_split
from threephase.errors import GuardError
from threephase.guard import refuse_test_split


def test_the_test_split_cannot_be_opened_and_the_others_can(dataset: Path) -> None:
    with refuse_test_split(dataset.parent):
        assert len(read_split(dataset, "train")) > 0
    for attempt in (
        lambda: read_split(dataset, "test"),
        lambda: pd.read_parquet(dataset / "test.parquet"),
        lambda: (dataset / "test.parquet").read_bytes(),
    ):
        with pytest.raises(GuardError, match="only `evaluate` may"), refuse_test_split(dataset.parent):
            attempt()
    assert len(read_split(dataset, "test")) > 0


def test_a_link_is_no_way_round(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to(dataset / "test.parquet")
    with pytest.raises(GuardError), refuse_test_split(dataset.parent):
        (tmp_path / "innocent").read_bytes()


def test_swallowing_the_refusal_does_not_help(dataset: Path) -> None:
    def swallow() -> None:
        try:
            read_split(dataset, "test")
        except Exception:
            return

    with pytest.raises(GuardError), refuse_test_split(dataset.parent):
        swallow()
