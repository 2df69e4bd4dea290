"""Which classes are found least, from predictions made by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threephase.evaluation.predictions import Predictions
from threephase.evaluation.statistics.bootstrap import Scoring
from threephase.tables import classes as module
from threephase.tables.classes import class_table, column_of, recalls, write_classes

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTIONS = Predictions(
    TRUTH,
    {
        ("3-Phase", 1): np.array([0, 0, 0, 1, 1, 1, 0, 0]),  # 3 of 4, 2 of 2, 0 of 2
        ("3-Phase", 2): np.array([0, 0, 1, 1, 1, 0, 2, 0]),  # 2 of 4, 1 of 2, 1 of 2
        ("FT", 1): np.array([0, 0, 0, 0, 0, 0, 2, 2]),  # 4 of 4, none of 2, 2 of 2
    },
    Scoring(4, (0, 1, 2), (1,)),
    names=("sport", "money", "music", "unseen"),
    trained=(40, 9, 20, 0),
)


def test_recall_of_a_class_is_the_mean_over_seeds_and_unknown_without_a_row() -> None:
    found = recalls(PREDICTIONS, "3-Phase")
    assert found[:3].tolist() == [0.625, 0.75, 0.25]
    assert math.isnan(found[3])


def test_the_classes_that_the_reference_finds_least_come_first_with_their_rows() -> None:
    """No test row is of the class that is called unseen."""
    table = class_table({("d", "m"): PREDICTIONS}, ["3-Phase", "FT", "Joint"], "3-Phase")
    assert table[["class", "train", "test"]].values.tolist() == [
        ["music", 20, 2], ["sport", 40, 4], ["money", 9, 2]
    ]  # fmt: skip
    assert table["3-Phase"].tolist() == [0.25, 0.625, 0.75]
    assert table["FT"].tolist() == [1.0, 1.0, 0.0]
    assert table["Joint"].isna().all()
    without = class_table({("d", "m"): PREDICTIONS}, ["FT", "3-Phase"], "Joint")
    assert without["class"].tolist() == ["money", "sport", "music"]


@pytest.mark.parametrize("name", ["test", "train", "class", "dataset", "model", "rare", "recall_test"])
def test_a_variant_that_is_called_like_a_column_leaves_that_column_alone(name: str) -> None:
    renamed = {(variant.replace("FT", name), seed): found for (variant, seed), found in PREDICTIONS.by_run.items()}
    table = class_table({("d", "m"): replace(PREDICTIONS, by_run=renamed)}, ["3-Phase", name], "3-Phase")
    assert table[["dataset", "model", "class", "train", "test"]].values.tolist() == [
        ["d", "m", "music", 20, 2], ["d", "m", "sport", 40, 4], ["d", "m", "money", 9, 2]
    ]  # fmt: skip
    assert table[column_of(name)].tolist() == [1.0, 1.0, 0.0]
    assert len({*map(column_of, ["test", "recall_test", "FT"])}) == 3


def test_both_stand_in_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = {(variant.replace("FT", "test"), seed): found for (variant, seed), found in PREDICTIONS.by_run.items()}
    results = pd.DataFrame({"dataset": "d", "variant": ["test"], "split": "", "saw_test": False, "failed": None})
    monkeypatch.setattr(module, "collect", lambda *_: results)
    monkeypatch.setattr(module, "read_predictions", lambda *_: {("d", "m"): replace(PREDICTIONS, by_run=renamed)})
    write_classes(
        [("d", "m", "test", 1, "ft")], {}, 0, ["3-Phase", "test"], "3-Phase", {}, stem=tmp_path / "classes"
    )  # fmt: skip
    assert (
        "| d         | m            | music   | 20      | 2      | 25.0      | 100.0  |"
        in (tmp_path / "classes.md").read_text()
    )
    assert (tmp_path / "classes.csv").read_text().splitlines()[:2] == [
        "dataset,model,class,train,test,3-Phase,recall_test", "d,m,music,20,2,0.25,1"
    ]  # fmt: skip


def test_over_repeated_splits_a_class_stands_once_with_the_means_of_the_splits_that_test_it() -> None:
    """By hand: the second split tests no music; its FT has failed, and its other recalls are 1 of 2 and 4 of 4."""
    other = replace(
        PREDICTIONS,
        truth=np.array([0, 0, 1, 1, 1, 1]),
        by_run={("3-Phase", 1): np.array([0, 2, 1, 1, 1, 1])},
        trained=(42, 7, 22, 0),
    )
    table = class_table({("d@r1f1", "m"): PREDICTIONS, ("d@r1f2", "m"): other}, ["3-Phase", "FT"], "3-Phase")
    assert table[["dataset", "class", "train", "test"]].values.tolist() == [
        ["d", "music", 21, 1], ["d", "sport", 41, 3], ["d", "money", 8, 3]
    ]  # fmt: skip
    assert table["3-Phase"].tolist() == [0.25, (0.625 + 0.5) / 2, (0.75 + 1) / 2]
    assert table["FT"].tolist() == [1.0, 1.0, 0.0]


def test_without_any_run_the_table_is_empty() -> None:
    assert class_table({}, ["FT"], "FT").empty
