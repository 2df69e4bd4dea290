"""Files of every format, and one line for everything that can be wrong with one."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from threephase.data.places import local_copy, local_files
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.errors import ConfigError, DataError
from threephase.settings.dataset import DatasetSettings, Source

ROWS = [('good, "quoted"\nsecond line', "pos"), ("schlecht – é", "neg"), ("\ttabbed", "pos")]


def write_rows(path: Path, ending: str) -> Path:
    """The same rows in any format."""
    frame = pd.DataFrame(ROWS, columns=["review", "stars"])
    file = path / f"rows{ending}"
    if ending.startswith(".csv"):
        frame.to_csv(file, index=False)
    elif ending.startswith(".tsv"):
        frame.to_csv(file, index=False, sep="\t")
    elif ending.startswith(".jsonl"):
        frame.to_json(file, orient="records", lines=True)
    elif ending == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_parquet(path / "plain.parquet")
        file.write_bytes(gzip.compress((path / "plain.parquet").read_bytes()))
    return file


@pytest.mark.parametrize("ending", [kind + gz for kind in (".csv", ".tsv", ".jsonl", ".parquet") for gz in ("", ".gz")])
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    file = write_rows(tmp_path, ending)
    source = Source(train=str(file), text="review", labels=["stars"], label_map={"pos": "good"})
    found = read_source(source).splits["train"]
    assert found[["text", "stars"]].values.tolist() == [
        [text, {"pos": "good"}.get(label, label)] for text, label in ROWS
    ]


def test_a_pattern_and_a_folder_are_all_their_files_in_order(tmp_path: Path) -> None:
    for number, name in enumerate(["b.csv", "a.csv", "c.tsv"]):
        separator = "\t" if name.endswith("tsv") else ","
        (tmp_path / name).write_text(f"text{separator}label\nrow {number}{separator}x\n")
    pattern = read_source(Source(train=str(tmp_path / "*.csv"))).splits["train"]
    assert pattern["text"].tolist() == ["row 1", "row 0"]
    assert pattern["place"].tolist() == [f"{tmp_path}/a.csv: line 2", f"{tmp_path}/b.csv: line 2"]
    assert read_source(Source(train=str(tmp_path))).splits["train"]["text"].tolist() == ["row 1", "row 0", "row 2"]
    assert [path.name for path in local_files(Source(train=str(tmp_path / "?.csv")))] == ["a.csv", "b.csv"]


def test_a_folder_with_a_file_for_each_column(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text("play it\nwill it rain\n")
    (tmp_path / "label").write_text("PlayMusic\nGetWeather\n")
    found = read_source(Source(train=str(tmp_path), text="seq.in")).splits["train"]
    assert found[["text", "label"]].values.tolist() == [["play it", "PlayMusic"], ["will it rain", "GetWeather"]]
    (tmp_path / "label").write_text("PlayMusic\n")
    with pytest.raises(DataError, match=r"different numbers of lines \(seq.in 2, label 1\)"):
        read_source(Source(train=str(tmp_path), text="seq.in"))


def refuse(tmp_path: Path, content: bytes, name: str = "my.csv", **source: Any) -> str:
    """What is said of a file on its way to the splits; one line that names the file."""
    file = tmp_path / name
    file.write_bytes(content)
    settings = DatasetSettings(source=Source(train=str(file), **source), test_size=2)
    with pytest.raises(DataError) as caught:
        split(read_source(settings.source).splits, settings)
    said = str(caught.value)
    assert "\n" not in said
    return said.replace(f"{tmp_path}/", "")


GOOD = "".join(f"text {n},{name}\n" for name in "ab" for n in range(9))
HEAD = "text,label\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "my.csv: empty file; put rows in it"),
        (HEAD, "my.csv: a header and no rows; add rows"),
        ("body,label\nx,a\n", "my.csv: no column 'text'; it has: body, label. Name yours under the dataset's `source`"),
        ("text,label,label\nx,a,b\n", "my.csv: two columns are named 'label'; rename one"),
        (HEAD + GOOD + ",a\n", "my.csv: line 20: no text is left after cleaning; fill it, or set `drop_empty: true`"),
        (HEAD + "<br>,a\n \n,b\n", "my.csv: line 3: 1 fields under a header of 2"),
        (HEAD + "<br>,a\n,b\n", "no row has any text left after cleaning"),
        (HEAD + GOOD + "x,\ny,\n", "my.csv: line 20: no label in 'label' (and 1 more such rows); fill it, or move"),
        (HEAD + "x,a\n" * 9, "every training row has the label 'a' in 'label'; a classifier needs two classes"),
        (HEAD + GOOD + "x,rare\n", "my.csv: line 20: the only row of class 'rare' cannot be in train and in test"),
        (HEAD + GOOD + "x,0.5\n", "my.csv: line 20: label '0.5' in 'label' is a number with a fraction, not a class"),
        (HEAD + "x,1.0\ny,0.0\n", "my.csv: line 2: label '1.0' in 'label' is a number with a fraction"),
        (HEAD + GOOD + "x,1\n", "my.csv: line 2: label 'a' in 'label' is a name, but '1' (my.csv: line 20) a number"),
        (HEAD + GOOD + "a\0b,a\n", "my.csv: line 20: a NUL byte"),
        (HEAD + "one, two,a\n", "my.csv: line 2: 3 fields under a header of 2; put a text that holds ','"),
        (HEAD + 'x,a\n"never closed,b\n' + GOOD, "my.csv: line 3: 1 fields under a header of 2"),
        (HEAD + "x,a\n" + "y" * 1_000_001 + ",b\n", "my.csv: line 3: a field of more than 1,000,000 characters"),
    ],
)
def test_bad_tables_get_one_line_with_place_and_remedy(tmp_path: Path, content: str, said: str) -> None:
    assert refuse(tmp_path, content.encode()).startswith(said)


def test_wrong_encodings_are_named_with_the_line_and_mended_by_a_setting(tmp_path: Path) -> None:
    content = (HEAD + GOOD + "caf\xe9,a\n").encode("cp1252")
    assert refuse(tmp_path, content).startswith("my.csv: line 20: not utf-8; name its encoding, as `encodings:")
    raw = read_source(Source(train=str(tmp_path / "my.csv"), encodings=["utf-8", "cp1252"]))
    assert raw.splits["train"]["text"].iloc[-1] == "café"
    assert raw.origin["later_encoding_files"] == 1
    assert "there is no encoding 'cp-1252x'" in refuse(tmp_path, content, encodings=["cp-1252x"])
    excel = "\ufefftext,label\nx,a\n"
    (tmp_path / "my.csv").write_text(excel, encoding="utf-8")
    assert read_source(Source(train=str(tmp_path / "my.csv"))).splits["train"]["text"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"text": "x", "label": 1}', "not json"], "my.jsonl: line 2: not valid JSON"),
        (['["x", 1]'], "my.jsonl: line 1: not an object like"),
        (['{"text": "x"}'], "my.jsonl: no column 'label'; it has: text"),
        (['{"text": "x", "label": "a"}', '{"text": "y", "label": null}'], "my.jsonl: line 2: no label in 'label'"),
        (['{"text": ["x"], "label": "a"}'], "my.jsonl: line 1: a list where a text or a label should be"),
        (['{"text": "x", "label": 0.5}'], "my.jsonl: line 1: label '0.5' in 'label' is a number with a fraction"),
        (['{"text": "x", "label": true}', '{"text": "y", "label": 3}'], "my.jsonl: line 1: label 'true'"),
        (['{"text": "a\\u0000b", "label": "a"}'], "my.jsonl: line 1: a NUL byte in the text"),
    ],
)
def test_bad_lines_of_json(tmp_path: Path, lines: list[str], said: str) -> None:
    assert refuse(tmp_path, "\n".join(lines).encode(), "my.jsonl").startswith(said)


def test_broken_archives_and_unknown_endings(tmp_path: Path) -> None:
    whole = gzip.compress((HEAD + GOOD).encode())
    assert "my.csv.gz: not a whole gzip file" in refuse(tmp_path, whole[:-9], "my.csv.gz")
    assert "my.csv.gz: not a whole gzip file" in refuse(tmp_path, b"text,label", "my.csv.gz")
    assert "my.parquet: not a whole .parquet file" in refuse(tmp_path, b"PAR1 and no more", "my.parquet")
    assert "my.xlsx: not a .csv, .tsv, .jsonl or .parquet file" in refuse(tmp_path, b"x", "my.xlsx")


def test_data_root_finds_copies_by_split_and_says_what_is_missing(tmp_path: Path) -> None:
    given = DatasetSettings(
        source=Source(hub="o/n", train="train", labels=["c", "f"], copy_columns={"labels": ["label", "fine"]}),
        test_size=9,
    )
    with pytest.raises(ConfigError, match=r"data_root: .*/d: no such folder; copies there: none"):
        local_copy(tmp_path, "d", given)
    (tmp_path / "d").mkdir()
    with pytest.raises(ConfigError, match="holds no train file"):
        local_copy(tmp_path, "d", given)
    for name in ("train.csv.gz", "test.jsonl", "notes.csv"):
        (tmp_path / "d" / name).write_bytes(b"x")
    found = local_copy(tmp_path, "d", given)
    assert found.named_splits == {"train": f"{tmp_path}/d/train.csv.gz", "test": f"{tmp_path}/d/test.jsonl"}
    assert (found.kind, found.labels) == ("local", ["label", "fine"])
    (tmp_path / "d/test.csv").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"test\.csv and test\.jsonl are both 'test'; keep one"):
        local_copy(tmp_path, "d", given)


def test_places_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none-\*\.csv: no such file"):
        local_files(Source(train=str(tmp_path / "none-*.csv")))
    assert json.loads(json.dumps(Source(train="x").model_dump()))["encodings"] == ["utf-8"]
