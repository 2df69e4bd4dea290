"""From raw rows to splits: sources, cleaning, splitting, shrinking."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase.checkpoint import read_json
from threephase.data.cleaning import clean
from threephase.data.sources import read_source
from threephase.data.splits import SplitData, split, stratified_sample
from threephase.data.store import read_split, write_dataset
from threephase.errors import DataError
from threephase.settings.dataset import DatasetSettings, Source


def rows(**sizes: int) -> pd.DataFrame:
    return pd.DataFrame(
        [(f"{name} {n}", name) for name, size in sizes.items() for n in range(size)], columns=["text", "label"]
    )


def make(raw: dict[str, pd.DataFrame], labels: list[str] | None = None, **settings: Any) -> SplitData:
    source = Source(train="x", test="y" if "test" in raw else None, labels=labels or ["label"])
    return split(raw, DatasetSettings(source=source, **settings))


def texts(data: SplitData, name: str) -> set[str]:
    return set(data.splits[name]["text"])


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("good<br /><br />film", "goodfilm"),  # a tag of six characters leaves nothing behind
        ("a <b>bold</b> word", "a bold word"),
        ("a <strong>word", "a <strong>word"),  # eight characters: not a short tag
        ("title\r\n\n  text \n", "title   text"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_short_tags_and_line_ends_go(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_splits_share_no_row_and_lose_none_and_are_stratified() -> None:
    data = make({"train": rows(a=100, b=50, c=10)}, test_size=0.25)
    parts = [texts(data, name) for name in ("train", "validation", "test")]
    assert set.union(*parts) == set(rows(a=100, b=50, c=10)["text"])
    assert sum(map(len, parts)) == 160
    # test: a quarter of 160 = 40 (25, 12 or 13, 2 or 3); validation: a fifth of the other 120 = 24
    assert [len(part) for part in parts] == [96, 24, 40]
    assert data.report["counts"]["test"]["classes"][0]["a"] == 25
    assert data.splits["unlabelled"].empty


def test_official_splits_stay_and_only_the_missing_one_is_made() -> None:
    data = make({"train": rows(a=50, b=50), "test": rows(a=3, z=2)})
    assert texts(data, "test") == {"a 0", "a 1", "a 2", "z 0", "z 1"}
    assert (len(data.splits["train"]), len(data.splits["validation"])) == (80, 20)
    assert data.label_names == [["a", "b", "z"]]  # a label that only the test has comes last


def test_a_split_is_a_function_of_split_seed() -> None:
    raw = {"train": rows(a=60, b=40)}
    first, again, other = (make(raw, test_size=20, split_seed=seed) for seed in (0, 0, 1))
    assert texts(first, "test") == texts(again, "test") != texts(other, "test")


def test_repeats_are_dropped_before_splitting() -> None:
    raw = {"train": pd.concat([rows(a=30, b=30)] * 2, ignore_index=True)}
    assert len(make(raw, test_size=12).splits["test"]) == 12
    data = make(raw, test_size=12, drop_repeats=True)
    assert data.report["repeats_dropped"] == {"train": 60}
    assert not texts(data, "test") & (texts(data, "train") | texts(data, "validation"))


def test_class_sizes_shrink_training_and_leave_the_test_alone() -> None:
    raw = {"train": rows(a=100, b=100, c=100)}
    whole, shrunk = make(raw, test_size=60), make(raw, test_size=60, class_sizes={"a": 40, "b": 10})
    assert texts(whole, "test") == texts(shrunk, "test")
    counts = [shrunk.report["counts"][name]["classes"][0] for name in ("train", "validation")]
    assert {name: counts[0][name] + counts[1][name] for name in "abc"} == {"a": 40, "b": 10, "c": 80}
    assert counts[1] == {"a": 8, "b": 2, "c": 16}


@pytest.mark.parametrize(
    ("raw", "settings", "said"),
    [
        (rows(a=30, b=1), {"test_size": 5}, "row 31: the only row of class 'b' cannot be in train and in test"),
        (
            rows(a=30, b=2, c=2),
            {"test_size": 2},
            "cannot hold out 2 of 34 rows for test with every class on both sides",
        ),
        (
            rows(a=30, b=30),
            {"test_size": 10, "class_sizes": {"a": 90}},
            "wants 90 rows of class 'a', but only 25 are left",
        ),
        (rows(a=30, b=30), {"test_size": 10, "class_sizes": {"x": 9}}, "class_sizes names no class of the data: x"),
        (rows(a=9).assign(text=" <br/> "), {"test_size": 2}, "no row has any text left after cleaning"),
        (
            rows(a=30),
            {"test_size": 5},
            "every training row has the label 'a' in 'label'; a classifier needs two classes",
        ),
    ],
)
def test_what_cannot_be_split_is_said(raw: pd.DataFrame, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        make({"train": raw}, **settings)


def test_two_label_levels_are_two_columns() -> None:
    frame = rows(a=40, b=40).assign(
        fine=lambda given: given["label"] + (given["text"].str[-1].astype(int) % 2).astype(str)
    )
    data = make({"train": frame}, labels=["label", "fine"], test_size=20)
    assert [len(names) for names in data.label_names] == [2, 4]
    coarse, fine = data.splits["train"]["label_0"], data.splits["train"]["label_1"]
    assert all(data.label_names[1][f].startswith(data.label_names[0][c]) for c, f in zip(coarse, fine, strict=True))


def test_class_folders_are_read_with_the_encodings_in_order(tmp_path: Path) -> None:
    for name, content in {"pounds/1.txt": b"\xa320", "pounds/2.txt": "£30".encode(), "euros/1.txt": b"5"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    raw = read_source(Source(train=str(tmp_path), encodings=["utf-8", "cp1252"]))
    found = raw.splits["train"]
    assert found[["text", "label"]].values.tolist() == [["5", "euros"], ["£20", "pounds"], ["£30", "pounds"]]
    assert found["place"].tolist()[0] == f"{tmp_path}/euros/1.txt"
    assert raw.origin["later_encoding_files"] == 1
    with pytest.raises(DataError, match=r"1\.txt: line 1: not utf-8"):
        read_source(Source(train=str(tmp_path)))


def test_missing_files_columns_and_packages_are_named(tmp_path: Path, source_csv: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        read_source(Source(train=str(tmp_path / "nowhere.csv")))
    with pytest.raises(DataError, match="no column 'intent'; it has: text, label"):
        read_source(Source(train=str(source_csv), labels=["intent"]))
    with pytest.raises(DataError, match="package 'not_there' is not installed"):
        read_source(Source(package="not_there", train="x"))


def test_what_is_written_is_read_again_and_an_altered_file_is_refused(tmp_path: Path) -> None:
    data = make({"train": rows(a=30, b=20)}, test_size=10)
    settings = DatasetSettings(source=Source(train="x"), test_size=10)
    write_dataset(tmp_path / "d", data, settings, {"train": "x"})
    assert {path.name for path in (tmp_path / "d").iterdir()} == {
        "train.parquet", "validation.parquet", "test.parquet", "unlabelled.parquet", "dataset.json"
    }  # fmt: skip
    again = read_split(tmp_path / "d", "train")
    assert again.texts == data.splits["train"]["text"].tolist()
    assert np.array_equal(again.labels, data.splits["train"][["label_0"]])
    assert read_split(tmp_path / "d", "unlabelled").labels.shape == (0, 0)
    assert read_json(tmp_path / "d/dataset.json")["label_names"] == [["a", "b"]]
    (tmp_path / "d/train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"train\.parquet: altered"):
        read_split(tmp_path / "d", "train")


def test_a_row_without_text_is_named_or_dropped_on_demand() -> None:
    frame = rows(a=20, b=20)
    frame.loc[[3, 7], "text"] = "<br>"
    with pytest.raises(DataError, match=r"row 4: no text is left after cleaning \(and in 1 more rows\)"):
        make({"train": frame}, test_size=8)
    data = make({"train": frame}, test_size=8, drop_empty=True)
    assert data.report["empty_dropped"] == {"train": 2}
    assert sum(len(data.splits[name]) for name in ("train", "validation", "test")) == 38


def test_leaks_are_dropped_from_all_but_test_whatever_their_case_and_blanks() -> None:
    raw = {
        "train": pd.concat([rows(a=20, b=20), pd.DataFrame({"text": ["The  SAME", "other"], "label": ["a", "b"]})]),
        "validation": pd.DataFrame({"text": ["the same", "a v", "b v"], "label": ["a", "a", "b"]}),
        "test": pd.DataFrame({"text": ["the same ", "a t", "b t"], "label": ["a", "a", "b"]}),
        "unlabelled": pd.DataFrame({"text": ["B T", "u"]}),
    }
    source = Source(train="x", validation="y", test="z", unlabelled="u")
    data = split(raw, DatasetSettings(source=source, drop_leaks=True))
    assert data.report["leaks_dropped"] == {"train": 1, "validation": 1, "test": 0, "unlabelled": 1}
    assert texts(data, "test") == {"the same", "a t", "b t"}
    assert texts(data, "validation") == {"a v", "b v"}
    assert texts(data, "unlabelled") == {"u"}
    kept = split(raw, DatasetSettings(source=source))
    assert "leaks_dropped" not in kept.report
    assert "The  SAME" in texts(kept, "train")


def test_limits_are_stratified_seeded_and_leave_the_splits_apart() -> None:
    raw = {"train": rows(a=300, b=100, c=4), "unlabelled": pd.DataFrame({"text": [f"u {n}" for n in range(50)]})}
    source = Source(train="x", unlabelled="u")
    whole = split(raw, DatasetSettings(source=source, test_size=0.25))
    limits = {"train": 40, "test": 20, "unlabelled": 7}
    first, again = (split(raw, DatasetSettings(source=source, test_size=0.25, limits=limits)) for _ in range(2))
    for name, size in {"train": 40, "validation": 61, "test": 20, "unlabelled": 7}.items():
        assert len(first.splits[name]) == size
        assert texts(first, name) == texts(again, name) <= texts(whole, name)
    # 242 training rows: 180, 60 and 2 of a, b and c; of 40: 29.75, 9.92 and 0.33, which is one at least
    assert first.report["counts"]["train"]["classes"][0] == {"a": 29, "b": 10, "c": 1}
    assert first.report["rows_before_limits"] == {"train": 242, "test": 101, "unlabelled": 50, "validation": 61}
    assert texts(
        split(raw, DatasetSettings(source=source, test_size=0.25, limits=limits, split_seed=1)), "test"
    ) != texts(first, "test")


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    share=st.floats(0.01, 1.0),
    seed=st.integers(0, 5),
)
def test_a_stratified_sample_has_its_size_and_fair_shares(counts: list[int], share: float, seed: int) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    size = max(1, int(share * len(classes)))
    chosen = stratified_sample(classes, size, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == size
    taken = np.bincount(classes[chosen], minlength=len(counts))
    if size >= len(counts):
        assert taken.min() >= 1
    exact = np.array(counts) * size / len(classes)
    assert (taken <= np.maximum(np.ceil(exact), 1) + (size < len(counts))).all()
