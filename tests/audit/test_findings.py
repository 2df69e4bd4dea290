"""The audit by hand-made data, and the tables it goes into."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from threephase.audit.findings import _MISREAD, audit, doubts_about_labels, findings, token_lengths
from threephase.audit.remarks import differences, remarks
from threephase.data.splits import SplitData, split
from threephase.settings.dataset import DatasetSettings, Fold, Limits, RepeatedFolds, Source
from threephase.tables.datasets import write_table1, write_table2


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
    # a in train, b in validation; "a 1" and "A  1"
    assert FOUND["two_labels"] == {"texts": 1, "rows": 2, "examples": ["a 1"]}
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


@pytest.mark.parametrize("text", ["café", "naïve", "ça va", "über", "it’s", "– so", "20°", "“no”", "señor", "£5"])
def test_utf8_that_was_read_as_cp1252_is_remarked_and_what_is_right_is_not(text: str) -> None:
    misread = text.encode().decode("cp1252", errors="ignore")
    assert _MISREAD.search(f"well {misread} then"), misread
    for right in (f"well {text} then", "NÃO SÃO", "FORÊT « ÂGE »", "voilà\u00a0»", "100 €"):
        assert not _MISREAD.search(right)


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


def labelled(labels: list[str], test: list[str] | None = None, **changes: Any) -> list[str]:
    """What is remarked of rows with these labels."""
    raw = {"train": pd.DataFrame({"text": [f"t {n}" for n in range(len(labels))], "label": labels})}
    if test:
        raw["test"] = pd.DataFrame({"text": [f"u {n}" for n in range(len(test))], "label": test})
    source = Source(train="x", test="y" if test else None)
    return doubts_about_labels(audit(split(raw, DatasetSettings(source=source, **changes)), {}))


@pytest.mark.parametrize(
    "names",
    [
        ("Spam", "spam"), ("caf\u00e9", "cafe\u0301"), ("a  b", "a b"), ("a\u00a0b", "a b"), ("a\u200bb", "ab"),
        ("True", "true"), ("true", "1"), ("01", "1"), ("+1", "1"), ("\uff21", "A"), ("STRASSE", "stra\u00dfe"),
        ("non-fiction", "non\u2013fiction"), ("non_fiction", "Non fiction"), ("spam.", "spam"),
        ("oca", "\u043e\u0441\u0430"), ("Sports", "Sp\u043erts"), ("sport", "sp\u03bfrt"),
    ],
)  # fmt: skip
def test_classes_that_are_hardly_two_are_remarked(names: tuple[str, str]) -> None:
    together = labelled([*names, "z"] * 9, test_size=0.3)
    between = labelled([names[0], "z"] * 9, test=[names[1], "z", names[0]])
    for said in (together[0], between[0]):
        told, _, remedy = said.partition("; ")
        what, _, shown = told.partition(": ")
        assert what == "labels of level 1 that are hardly two classes"
        assert set(shown.split(" and ")) == set(map(ascii, names))
        assert remedy == "write them in one way, or map them under `source.label_map`"


def test_classes_that_are_two_are_not_remarked() -> None:
    assert labelled(["1", "10", "0", "-10", "one", "ONE TWO"] * 9, test_size=0.3) == []
    assert labelled(["c", "c++", "c#", "e-mail", "email", "_", "b.c", "b"] * 9, test_size=0.3) == []


def test_labels_that_mean_none_and_classes_that_no_score_knows_are_remarked() -> None:
    lines = labelled(["0", "1", "-1"] * 9, test_size=0.3)
    assert lines == [
        "label -1 of level 1 (9 rows) often means that a row has none; such rows belong in `source.unlabelled`"
    ]
    lines = labelled(["['a']", "b", "['a', 'b']"] * 9, test_size=0.3)
    assert lines == [
        "labels of level 1 that look like lists: ['a', 'b'], ['a']; a row has one class, and each list is taken for a "
        "class of its own"
    ]
    lines = labelled(["a", "b", "c"] * 9, test=["a", "b"])
    assert lines == ["classes that train has and test has not: c; no score there knows them"]
    lines = labelled(["a", "b"] * 9 + ["c"], test_size=0.3, rare="keep_in_train")
    assert lines[-1] == "rare classes: c (1); `rare` says what becomes of them"
    frame = pd.DataFrame(
        {"text": [f"t {n}" for n in range(40)], "c": ["x", "y"] * 20, "f": ["p", "q"] * 18 + ["r"] * 4}
    )
    levels = split({"train": frame}, DatasetSettings(source=Source(train="x", labels=["c", "f"]), test_size=8))
    assert "labels of level 2 that lie in several classes of the level above: r (1 of 3); are these levels?" in (
        doubts_about_labels(audit(levels, {}))
    )


def test_texts_without_blanks_are_remarked_for_phase_1() -> None:
    texts = [
        "小狗在公园里追着球跑", "子犬は公園でボールを追いかけて", "ลูกสุนัขวิ่งไล่ลูกบอลในสวน",
        "小狗 在 公园 里", "the puppy 小狗 ran", "Iphone手机很好用啊真的", "a", "puppies",
    ]  # fmt: skip
    raw = pd.DataFrame(
        {"text": [f"{text} {'' if n else '!'}".strip() for n in range(3) for text in texts], "label": list("ab") * 12}
    )
    found = audit(split({"train": raw}, DatasetSettings(source=Source(train="x"), test_size=0.25)), {})
    assert sum(found["unspaced"].values()) == 12  # the first three and the sixth
    said = [line for line in findings(found, {"source": {}}) if line.startswith("texts without blanks between words")]
    assert "to phase 1's noise each of their characters is a word" in said[0]


def test_the_share_of_texts_that_noise_leaves_whole_is_counted() -> None:
    one, two, unspaced = ["puppies", "a"], ["the puppy", "小狗 ran"], ["小狗在公园里", "ลูกสุนัขวิ่งไล่"]
    texts = [f"{text}{sign}" for text in one + two + unspaced + unspaced for sign in "?!.,"]
    raw = pd.DataFrame({"text": texts, "label": list("ab") * 16})
    settings = DatasetSettings(source=Source(train="x", test="y", validation="z"))
    found = audit(split({"train": raw, "test": raw, "validation": raw}, settings), {})
    assert found["left_whole"]["train"] == {"auto": 0.25, "blanks": 0.75}  # the first two of eight; six of eight
    assert found["left_whole"]["unlabelled"] == {"auto": 0.0, "blanks": 0.0}
    said = "texts of one word, which phase 1's noise leaves whole: train 25.0%, validation 25.0%, test 25.0%"
    assert any(line.startswith(said) for line in findings(found, {"source": {}}))


@pytest.mark.parametrize(
    ("sentence", "share"),
    [
        ("the puppy ran and then it came back", 1.0),
        ("der Hund lief durch den Park und kam zurück", 0.0),
        ("el perro de la casa con un hueso grande", 0.0),
        ("小狗在公园里追着球跑", 0.0),
        ("too short", None),
    ],
)
def test_texts_that_do_not_look_english_are_noted(sentence: str, share: float | None) -> None:
    raw = pd.DataFrame({"text": [f"{sentence} {n}" for n in range(80)], "label": list("ab") * 40})
    found = audit(split({"train": raw}, DatasetSettings(source=Source(train="x"), test_size=0.25)), {})
    assert found["english"] == share
    assert any("do not look English" in line for line in findings(found, {"source": {}})) == (share == 0.0)


def test_two_levels_are_counted_apart() -> None:
    rows = pd.DataFrame({"text": [f"t {n}" for n in range(40)], "c": ["x"] * 20 + ["y"] * 20})
    rows["f"] = rows["c"].map({"x": "p", "y": "q"}) + (rows.index % 2).astype(str)
    levels = split({"train": rows}, DatasetSettings(source=Source(train="x", labels=["c", "f"]), test_size=8))
    found = audit(levels, {})
    assert [set(level["train"]) for level in found["classes"]] == [{"x", "y"}, {"p0", "p1", "q0", "q1"}]


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
    repeated = DatasetSettings(source=Source(train="x"), splits=RepeatedFolds(folds=5, repeats=2))
    report = split({"train": rows}, repeated, Fold(1, 3)).report  # of repeated splits the test rows as well
    assert differences(report, {"train": 50, "test": 7}) == []
    assert differences(report, {"train": 60}) == ["train 50 of 60"]


def test_tables_1_and_2_stand_beside_the_papers(tmp_path: Path) -> None:
    tokens = {"rows": 20, "mean": 9.04, "max": 14, "max_length": 11, "share_cut": 0.25}
    known = {
        "title": "D & Co", "expected": {"train": 1300, "test": 3}, "dataset": described({"train": 5}),
        "audit": FOUND | {"tokens": {"m": tokens}},
    }  # fmt: skip
    published = pd.DataFrame(
        [["d", 1300, 1300, 3, 9, 52]], columns=["dataset", "train", "validation", "test", "mean_words", "max_words"]
    )
    write_table1({"d": known, "own": known | {"expected": {}}}, {}, published, tmp_path / "table1_splits")
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


def test_tables_of_ones_own_data_have_no_column_and_no_number_of_the_paper(tmp_path: Path) -> None:
    known = {"title": "Own", "expected": {}, "dataset": described({}), "audit": FOUND | {"tokens": {}}}
    published = pd.DataFrame([["d", 9]], columns=["dataset", "mean_words"])
    write_table1({"own": known}, {}, published, tmp_path / "table1_splits")
    write_table2({"own": known}, {}, published, tmp_path / "table2_lengths")
    for table, heads in (
        (
            "table1_splits",
            ["Dataset", "Train", "Validation", "Test", "Unlabelled", "Classes", "Imbalance", "Difference"],
        ),
        ("table2_lengths", ["Dataset", "Words: mean", "max", "max of all"]),
    ):
        caption, _, head, *_ = (tmp_path / f"{table}.md").read_text().splitlines()
        assert [cell.strip() for cell in head.split("|")[1:-1]] == heads
        assert "Table" not in caption
        assert "paper" not in caption
        assert "paper" not in (tmp_path / f"{table}.csv").read_text()
