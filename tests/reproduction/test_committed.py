"""What is committed of the reproduction and the document that shows it are the same."""

import json
from pathlib import Path

import pandas as pd
import pytest

from threephase.reproduction.document import differences
from threephase.reproduction.packing import CONFIG

PROJECT = Path(__file__).parents[2]
COMMITTED = PROJECT / "reproduction"


@pytest.mark.skipif(not (COMMITTED / CONFIG).exists(), reason="no run of the reproduction is committed yet")
def test_the_document_is_what_the_committed_results_give() -> None:
    assert differences(COMMITTED, PROJECT / "config", PROJECT / "docs") == []
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 20e6


def test_no_text_is_committed_as_an_example() -> None:
    records = pd.read_parquet(COMMITTED / "records.parquet")["content"]
    found = [json.loads(content)["two_labels"] for content in records if '"two_labels": {' in content]
    assert len(found) >= 2
    assert not any(each["examples"] for each in found)


def test_no_document_without_results() -> None:
    assert (COMMITTED / CONFIG).exists() == (PROJECT / "docs/reproduction.md").exists()
