"""The audit by hand-made data, and the tables it goes into."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from threephase.data.audit import audit, findings, token_lengths
from threephase.data.remarks import differences, remarks
from threephase.data.splits import SplitData, split
from threephase.data_tables import write_table1, write_table2
from threephase.settings.dataset import DatasetSettings, Limits, Source


def data(**changes: Any) -> SplitData:
    raw = {
        "train": pd.DataFrame(
            {
                "text": ["one two three"] * 2
                + [f"a {n}" for n in range(8)]
                + ["Shared Text", "b <i class=x>1", "b &amp; 2"],
                "label": ["a"] * 10 + ["b"] * 3,
            }
        ),
        "validation": pd.DataFrame({"text": ["A  1", "v \ufffd"], "label": ["b", "a"]}),
        "test": pd.DataFrame({"text": ["shared  text", "SHARED text", "t"], "label": ["b", "b", "z"]}),
        "unlabelled": pd.DataFrame({"text": ["t", "u \x96 u"]}),
    }
    source = Source(train="x", validation="y", test="z", unlabelled="u")
    return split(raw, DatasetSettings(source=source, **changes))


FOUND = audit(data(), {"3-Phase": (1.5, 4.0), "wide": (1.0, 20.0)})


def test_repeats_leaks_and_double_labels() -> None:
    assert FOUND["repeated"]["train"] == {"exactly": 1, "but_for_case_and_blanks": 1}
    assert FOUND["repeated"]["test"] == {"exactly": 0, "but_for_case_and_blanks": 1}
    assert FOUND["shared"]["train and test"] == {"texts": 1, "rows": 1, "rows_of_other": 2}
    assert FOUND["shared"]["test and unlabelled"] == {"texts": 1, "rows": 1, "rows_of_other": 1}
    assert FOUND["shared"]["train and validation"]["texts"] == 1
    assert FOUND["two_labels"] == {"texts": 1, "examples": ["a 1"]}  # a in train, b in validation
    assert FOUND["only_in_test"] == [["z"]]


def test_classes_and_what_the_correction_would_do() -> None:
    assert FOUND["classes"][0]["train"] == {"a": 10, "b": 3, "z": 0}
    # f(3) = 4 · ln(10/3) / ln(10) = 2.0915: 3 rows become round(6.27) = 6
    imbalance = FOUND["imbalance"]
    assert (imbalance["largest"], imbalance["smallest"], imbalance["ratio"]) == (10, 3, 3.33)
    assert imbalance["corrections"]["3-Phase"]["largest_f"] == pytest.approx(4 * np.log(10 / 3) / np.log(10), abs=5e-4)
    assert imbalance["corrections"]["3-Phase"]["resized"] == {"b": [3, 6]}
    assert imbalance["corrections"]["wide"]["resized"] == {"b": [3, 31]}


def test_lengths_residue_and_undecodable_characters() -> None:
    # one two three ×2, a n ×8, Shared Text, b <i class=x>1, b &amp; 2: 3+3+16+2+3+3 = 30 words in 13 rows
    assert FOUND["words"]["train"] == {"rows": 13, "mean": 2.31, "median": 2.0, "p95": 3.0, "max": 3}
    assert FOUND["html"]["rows"] == {"train": 2, "validation": 0, "test": 0, "unlabelled": 0}
    assert FOUND["html"]["examples"] == ["<i class=x>", "&amp;"]
    assert FOUND["undecodable"]["rows"] == {"train": 0, "validation": 1, "test": 0, "unlabelled": 1}
    tokens = token_lengths(data(), lambda texts: np.array([len(text) for text in texts]), 11)
    # over 11 characters: one two three (13) ×2, b <i class=x>1 (14), shared  text (12)
    assert (tokens["max"], tokens["share_cut"]) == (14, pytest.approx(4 / 20))


def test_findings_are_lines_for_people_and_none_where_all_is_well() -> None:
    lines = findings(FOUND, {"source": {"later_encoding_files": 2}})
    assert lines[0] == (
        "texts that the test split has too: 1 of train (2 test rows), 1 of unlabelled (1 test rows); "
        "`drop_leaks: true` takes them out"
    )
    assert "labels of level 1 that only the test split has: z" in lines
    assert "2 files needed a later one of the encodings" in lines
    clean = audit(data(drop_leaks=True), {})
    assert not [line for line in findings(clean, {"source": {}}) if line.startswith("texts that the test")]


def test_two_levels_are_counted_apart() -> None:
    rows = pd.DataFrame({"text": [f"t {n}" for n in range(40)], "c": ["x"] * 20 + ["y"] * 20, "f": (["p", "q"] * 20)})
    levels = split({"train": rows}, DatasetSettings(source=Source(train="x", labels=["c", "f"]), test_size=8))
    found = audit(levels, {})
    assert [set(level["train"]) for level in found["classes"]] == [{"x", "y"}, {"p", "q"}]


def described(limits: dict[str, int]) -> dict[str, Any]:
    report = data(limits=Limits(**limits)).report
    return report | {"source": {}}


def test_differences_and_caps_are_said() -> None:
    capped = described({"train": 5, "test": 2})
    assert differences(capped, {"train": 13, "test": 3, "validation": None, "unlabelled": 2}) == []
    assert differences(capped, {"train": 1300, "test": 3}) == ["train 13 of 1,300"]
    assert (
        remarks(described({"train": 5, "test": 2, "unlabelled": 1}), {"train": 1300, "unlabelled": 9})
        == "incomplete: train 13 of 1,300; capped: train 5 of 13, test 2 of 3"
    )
    assert remarks(described({}), {"train": 13}) == ""


def test_held_out_validation_counts_as_training_rows() -> None:
    rows = pd.DataFrame({"text": [f"t {n}" for n in range(50)], "label": ["x", "y"] * 25})
    report = split({"train": rows}, DatasetSettings(source=Source(train="x"), test_size=10)).report
    assert differences(report, {"train": 40, "test": 10}) == []


def test_tables_1_and_2_stand_beside_the_papers(tmp_path: Path) -> None:
    tokens = {"rows": 20, "mean": 9.04, "max": 14, "max_length": 11, "share_cut": 0.25}
    known = {
        "title": "D & Co", "expected": {"train": 1300, "test": 3}, "dataset": described({"train": 5}),
        "audit": FOUND | {"tokens": {"m": tokens}},
    }  # fmt: skip
    published = pd.DataFrame(
        [["d", 1300, 1300, 3, 9, 52]], columns=["dataset", "train", "validation", "test", "mean_words", "max_words"]
    )
    write_table1({"d": known, "own": known | {"expected": {}}}, published, tmp_path / "table1_splits")
    lines = (tmp_path / "table1_splits.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| D & Co")]
    assert cells[0] == ["D & Co", "5 of 13", "2", "3", "2", "2", "3.33", "1,300", "1,300", "3", "train 13 of 1,300"]
    assert cells[1][-4:] == ["–"] * 4
    numbers = pd.read_csv(tmp_path / "table1_splits.csv")
    assert numbers.query("dataset == 'd' and split == 'train'")[
        ["rows", "rows_before_limits", "paper"]
    ].values.tolist() == [[5, 13, 1300]]
    write_table2({"d": known}, {"m": "Model"}, published, tmp_path / "table2_lengths")
    lines = (tmp_path / "table2_lengths.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| D & Co"))
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "D & Co", "2.3", "3", "3", "9", "52", "9.0 / 14, 25.0% at 11"
    ]  # fmt: skip
    assert r"D \& Co" in (tmp_path / "table2_lengths.tex").read_text()
