"""Files of every format, and one line for everything that can be wrong with one."""

import bz2
import gzip
import json
import lzma
import os
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from threephase.data.files import columns_of, read_file
from threephase.data.places import files_of, hash_of_files, local_copy, local_paths
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.errors import ConfigError, DataError
from threephase.settings.dataset import DatasetSettings, RepeatedFolds, Source

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
    elif ending.startswith(".json"):
        file.write_text(json.dumps(frame.to_dict("records"), indent=1))
        if ending.endswith(".gz"):
            file.write_bytes(gzip.compress(file.read_bytes()))
    elif ending == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_parquet(path / "plain.parquet")
        file.write_bytes(gzip.compress((path / "plain.parquet").read_bytes()))
    return file


@pytest.mark.parametrize(
    "ending", [kind + gz for kind in (".csv", ".tsv", ".jsonl", ".json", ".parquet") for gz in ("", ".gz")]
)
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
    assert [path.name for path in files_of(tmp_path / "?.csv")] == ["a.csv", "b.csv"]


def test_a_folder_with_a_file_for_each_column(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text("play it\nwill it rain\n")
    (tmp_path / "label").write_text("PlayMusic\nGetWeather\n")
    found = read_source(Source(train=str(tmp_path), text="seq.in")).splits["train"]
    assert found[["text", "label"]].values.tolist() == [["play it", "PlayMusic"], ["will it rain", "GetWeather"]]
    (tmp_path / "label").write_text("PlayMusic\n")
    with pytest.raises(DataError, match=r"different numbers of lines \(seq.in 2, label 1\)"):
        read_source(Source(train=str(tmp_path), text="seq.in"))


@pytest.mark.parametrize("text", ["<html> is a tag", "<!DOCTYPE html>", "%PDF-1.4 it said", "PAR1 binds", "BZh91AY&SY"])
def test_a_plain_text_may_begin_as_a_web_page_does(tmp_path: Path, text: str) -> None:
    for file, content in {
        "x/1.txt": text,
        "y/1.txt": "y",
        "columns/text": f"{text}\ny\n",
        "columns/label": "x\ny\n",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(content)
    for folder in (tmp_path / "columns", tmp_path):
        rows = read_source(Source(train=str(folder))).splits["train"]
        assert rows[["text", "label"]].values.tolist() == [[text, "x"], ["y", "y"]]
    for content in (b"version https://git-lfs.github.com/spec/v1\n", gzip.compress(b"x")):
        (tmp_path / "x/1.txt").write_bytes(content)
        with pytest.raises(DataError, match=r"1\.txt: is (a pointer of Git LFS|packed with gzip)"):
            read_source(Source(train=str(tmp_path), encodings=["utf-8", "cp1252"]))


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
        (HEAD + GOOD + "x,\ny,\n", "my.csv: line 20: no label in 'label' (and 1 more such rows); fill it, or say"),
        (HEAD + "x,a\n" * 9, "every training row has the label 'a' in 'label'; a classifier needs two classes"),
        (HEAD + GOOD + "x,rare\n", "my.csv: line 20: class 'rare' has 1 row, and 3 are needed to be in train,"),
        (HEAD + GOOD + "x,0.5\n", "my.csv: line 20: label '0.5' in 'label' is a number with a fraction, not a class"),
        (HEAD + "x,nan\ny,0\n", "my.csv: line 2: label 'nan' in 'label' is what programs write where there is no num"),
        (HEAD + "x,1.0\ny,0.5\n", "my.csv: line 3: label '0.5' in 'label' is a number with a fraction"),
        (HEAD + GOOD + "x,1\n", "my.csv: line 2: label 'a' in 'label' is a name, but '1' (my.csv: line 20) a number"),
        (HEAD + GOOD + "a\0b,a\n", "my.csv: line 20: a NUL byte"),
        (HEAD + "one, two,a\n", "my.csv: line 2: 3 fields under a header of 2; put a text that holds ','"),
        (
            HEAD + 'x,a\n"never closed,b\n' + GOOD,
            "my.csv: line 3: a quote opens and is never closed; double the quotes",
        ),
        (HEAD + 'x,a\n"cut off in the mid', "my.csv: line 3: a quote opens and is never closed"),
        (HEAD + GOOD + '"he said \\"sit\\" to",a\n', "my.csv: line 20: a quote closes in the middle of a field"),
        (HEAD + '"a,b"c,a\n' + GOOD, "my.csv: line 2: a quote closes in the middle of a field"),
        (HEAD + GOOD + '"good dog,a\nbread,b\nso good",b\n', "my.csv: line 20: the quote that opens here swallows"),
        ('"text,label\nx,a\ny,b\n', "my.csv: line 1: a quote opens and is never closed"),
        (HEAD + "x,a\n" + "y" * 1_000_001 + ",b\n", "my.csv: line 3: a field of more than 1,000,000 characters"),
    ],
)
def test_bad_tables_get_one_line_with_place_and_remedy(tmp_path: Path, content: str, said: str) -> None:
    assert refuse(tmp_path, content.encode()).startswith(said)


def read_rows(file: Path, **source: Any) -> list[list[str]]:
    """Texts and labels of a file."""
    given = Source(train=str(file), **source)
    return read_source(given).splits["train"][["text", *given.label_columns]].values.tolist()


UNQUOTED = 'label\ttext\nfood\tsoup\npets\t"good dog , said the vet\nfood\tbread\nfood\tnot "great" at all\n'


def test_an_unquoted_file_with_quotes_in_it_is_refused_or_read_as_it_is(tmp_path: Path) -> None:
    said = refuse(tmp_path, UNQUOTED.encode(), "my.tsv")
    assert said.startswith("my.tsv: line 3: a quote closes in the middle of a field")
    assert "`quotes: none`" in said
    rows = [["soup", "food"], ['"good dog , said the vet', "pets"], ["bread", "food"], ['not "great" at all', "food"]]
    assert read_rows(tmp_path / "my.tsv", quotes="none") == rows
    closed = 'label\ttext\npets\t"good dog\nfood\tbread\nfood\tquite good"\npets\ta leash\n'
    assert "line 2: the quote that opens here swallows what look like rows, to line 4" in refuse(
        tmp_path, closed.encode(), "my.tsv"
    )
    assert len(read_rows(tmp_path / "my.tsv", quotes="none")) == 4


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('text,label\n"Dear all,\nthis, that, and\nmore",a\ny,b\n', "Dear all,\nthis, that, and\nmore"),
        ('text,label\n"say ""x"", y\nthen",a\ny,b\n', 'say "x", y\nthen'),
        ('text,label\r\n"one\r\ntwo",a\r\ny,b\r\n', "one\r\ntwo"),
        ('label,text\na,"hm, well\nb is, good"\nb,y\n', "hm, well\nb is, good"),
        ('text,label\nsay "it" so,a\ny,b\n', 'say "it" so'),
    ],
)
def test_texts_with_quotes_separators_and_line_ends_are_read_as_they_are(
    tmp_path: Path, content: str, text: str
) -> None:
    file = tmp_path / "my.csv"
    file.write_text(content, newline="")
    assert read_rows(file) == [[text, "a"], ["y", "b"]]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_in_a_csv_is_found_in_its_header(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "my.csv"
    file.write_text(f"text{separator}label\nthis, that{separator}a\n", newline="")
    assert read_rows(file) == [["this, that", "a"]]
    assert columns_of(file, ["utf-8"]) == ["text", "label"]


def test_a_users_columns_never_meet_our_own_bookkeeping(tmp_path: Path) -> None:
    """`place`, `line`, `text` are names as any others, for texts and for labels, at one level or two."""
    for text, labels in [
        ("place", ["label"]), ("line", ["label"]), ("text", ["place"]), ("text", ["line"]), ("body", ["text"]),
        ("place", ["text", "line"]), ("label", ["place", "text"]), ("label_0", ["label_1", "0"]),
    ]:  # fmt: skip
        file = tmp_path / "my.csv"
        rows = [[f"words {n} of {c}", *[f"{c}{level}" for level in labels]] for n in range(9) for c in "ab"]
        pd.DataFrame(rows, columns=[text, *labels]).to_csv(file, index=False)
        settings = DatasetSettings(source=Source(train=str(file), text=text, labels=labels), test_size=4)
        data = split(read_source(settings.source).splits, settings)
        found = [data.splits[name].drop(columns="source", errors="ignore") for name in ("train", "validation", "test")]
        kept = [tuple(row) for rows_of_split in found for row in rows_of_split.values.tolist()]
        names = data.label_names
        assert names == [[f"{c}{level}" for c in "ab"] for level in labels]
        back = {(text, *(names[level][place] for level, place in enumerate(places))) for text, *places in kept}
        assert back == set(map(tuple, rows))
    for text, labels in [("text", ["text"]), ("text", ["x", "x"]), ("x", ["y", "x"])]:
        with pytest.raises(ValueError, match="is named twice, as text or label; name one column for the text"):
            Source(train="x.csv", text=text, labels=labels)


def test_what_is_hidden_anywhere_on_the_path_does_not_count(tmp_path: Path) -> None:
    for hidden in ("", ".ipynb_checkpoints/", "__MACOSX/", "a/.git/b/", "."):
        file = tmp_path / f"{hidden}rows.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("text,label\nx,a\n")
    for path in (tmp_path, tmp_path / "*", tmp_path / "**/*.csv"):
        assert [str(file) for file in files_of(path)] == [f"{tmp_path}/rows.csv"]
    classes = tmp_path / "classes"
    for name in ("pets", "food", ".ipynb_checkpoints", "__MACOSX"):
        (classes / name).mkdir(parents=True)
        (classes / name / "1.txt").write_text(f"text of {name}")
        (classes / name / ".2.txt").write_text("hidden")
    assert read_rows(classes) == [["text of food", "food"], ["text of pets", "pets"]]
    with pytest.raises(DataError, match="folders of classes have one level of labels"):
        read_rows(classes, labels=["coarse", "fine"])
    below = tmp_path / ".data"  # a place that the user names is looked at, hidden or not
    below.mkdir()
    (below / "rows.csv").write_text("text,label\nx,a\n")
    assert files_of(below) == [below / "rows.csv"] == files_of(tmp_path / ".da*/rows.csv")


def test_wrong_encodings_are_named_with_the_line_and_mended_by_a_setting(tmp_path: Path) -> None:
    content = (HEAD + GOOD + "caf\xe9,a\n").encode("cp1252")
    assert refuse(tmp_path, content).startswith("my.csv: line 20: not utf-8; name its encoding, as `encodings:")
    raw = read_source(Source(train=str(tmp_path / "my.csv"), encodings=["utf-8", "cp1252"]))
    assert raw.splits["train"]["text"].iloc[-1] == "café"
    assert raw.origin["later_encoding_files"] == 1
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
        (['{"text": "a\\ud800b", "label": "a"}'], "my.jsonl: line 1: half of a character (a lone surrogate)"),
        (['{"text": "x", "label": "a", "label": "b"}'], "my.jsonl: line 1: the key 'label' stands there twice"),
        (['{"text": "x", "label": NaN}'], "my.jsonl: line 1: no label in 'label'"),
        (['{"text": ' + "[" * 100_000, ""], "my.jsonl: line 1: not valid JSON"),
        (['{"text": "x", "label": ' + "1" * 5000 + "}"], "my.jsonl: line 1: not valid JSON"),
    ],
)
def test_bad_lines_of_json(tmp_path: Path, lines: list[str], said: str) -> None:
    assert refuse(tmp_path, "\n".join(lines).encode(), "my.jsonl").startswith(said)


def test_broken_archives_and_unknown_endings(tmp_path: Path) -> None:
    whole = gzip.compress((HEAD + GOOD).encode())
    assert "my.csv.gz: not a whole gzip file" in refuse(tmp_path, whole[:-9], "my.csv.gz")
    assert "my.csv.gz: not a whole gzip file" in refuse(tmp_path, b"text,label", "my.csv.gz")
    assert "my.parquet: not a whole .parquet file" in refuse(tmp_path, b"PAR1 and no more", "my.parquet")
    assert "my.ods: not a .csv, .tsv, .jsonl, .json, .parquet or .xlsx file" in refuse(tmp_path, b"x", "my.ods")


def both_readers(file: Path) -> list[Callable[[], object]]:
    return [lambda: read_file(file, ["text"], ["utf-8"]), lambda: columns_of(file, ["utf-8"])]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("my.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
        ("my.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        ("my.csv", b"\xef\xbb\xbf\n <!DOCTYPE html><title>404</title>", "a web page; fetch the file itself"),
        ("my.jsonl", b"<html><body>Sign in", "a web page"),
        ("my.csv", gzip.compress(GOOD.encode(), mtime=0), "packed with gzip; let its name end in .gz"),
        ("my.csv.gz", gzip.compress(gzip.compress(GOOD.encode(), mtime=0), mtime=0), "packed with gzip"),
        ("my.tsv", bz2.compress(GOOD.encode()), "packed with bzip2; unpack it"),
        ("my.csv", lzma.compress(GOOD.encode()), "packed with xz; unpack it"),
        ("my.csv", b"PK\x03\x04xxxx", "a zip archive; unpack it, or let a sheet's name end in .xlsx"),
        ("my.xlsx", b"\xd0\xcf\x11\xe0xxxx", "an old sheet or document; save it as .csv or .xlsx"),
        ("my.csv", b"PAR1xxxx", "a .parquet file; let its name end so"),
    ],
)
def test_a_file_that_is_something_else_than_its_name_says_is_called_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for reads in both_readers(tmp_path / name):
        with pytest.raises(DataError, match=re.escape(f"{name}: is {said}")):
            reads()


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=,"\r\n', "sep=\t\n"])
def test_a_line_for_excel_alone_is_no_header(tmp_path: Path, first: str) -> None:
    (tmp_path / "my.csv").write_text(f"{first}text;label\nx;a\n")
    for reads in both_readers(tmp_path / "my.csv"):
        with pytest.raises(DataError, match=r"my\.csv: line 1: '.*' is for Excel alone; delete that line"):
            reads()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_characters_are_called_by_their_encoding_with_a_mark_or_without(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "my.csv").write_bytes("text,label\nx,a\n".encode(encoding))
    for reads in both_readers(tmp_path / "my.csv"):
        with pytest.raises(DataError, match=rf"name its encoding, as `encodings: \[{encoding}\]`"):
            reads()
    assert columns_of(tmp_path / "my.csv", [encoding]) == ["text", "label"]


def test_what_was_made_to_fill_a_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threephase.data.files.HARMLESS", 1_000_000)
    bomb = gzip.compress(b"text,label\n" + b"x,a\n" * 3_000_000)
    assert "my.csv.gz: grows to more than 100 times its size; if that is right, unpack it (gunzip)" in refuse(
        tmp_path, bomb, "my.csv.gz"
    )
    pd.DataFrame({"text": ["x"] * 3_000_000, "label": "a"}).to_parquet(tmp_path / "other.parquet")
    assert "my.parquet: grows to more than 100 times its size" in refuse(
        tmp_path, (tmp_path / "other.parquet").read_bytes(), "my.parquet"
    )
    two = gzip.compress((HEAD + "x,a\n").encode()) + gzip.compress(b"y,b\n") + b"\0" * 9
    (tmp_path / "two.csv.gz").write_bytes(two)  # members one after the other are one file
    assert read_rows(tmp_path / "two.csv.gz") == [["x", "a"], ["y", "b"]]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "my.csv.gz", "my.csv.gz: not a whole gzip file"),
        (b"t" * 1_100_000 + b",label\n", "my.csv", "my.csv: line 1: a field of more than 1,000,000 characters"),
        (b"PAR1" * 9, "my.parquet", "my.parquet: not a whole .parquet file"),
    ],
)
def test_raw_errors_of_formats_are_one_line_for_columns_too(
    tmp_path: Path, content: bytes, name: str, said: str
) -> None:
    assert refuse(tmp_path, content, name).startswith(said)
    with pytest.raises(DataError) as caught:
        columns_of(tmp_path / name, ["utf-8"])
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(said)


@pytest.mark.parametrize("encoding", ["undefined", "utf\0", "base64", "rot13", "", "cp-1252x"])
def test_odd_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ValueError, match="there is no encoding"):
        Source(train="x.csv", encodings=["utf-8", encoding])
    (tmp_path / "my.csv").write_text("text,label\ncafé,a\n")
    with pytest.raises(DataError, match=r"there is no encoding .*; correct `source.encodings`"):
        columns_of(tmp_path / "my.csv", [encoding])


def test_pipes_devices_and_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(DataError, match="a pipe, a socket or a device"):
            files_of(path)
        with pytest.raises(DataError, match="no file that can be read twice"):
            read_file(path, ["text"], ["utf-8"])
    for name in ("x\0y.csv", "x" * 300):
        with pytest.raises(DataError):
            files_of(Path(name))
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.csv")).write_text("text,label\nx,a\n")
    with pytest.raises(DataError, match="a name that is not UTF-8; rename the file"):
        files_of(folder)


def test_numbers_of_classes_get_the_names_that_the_files_metadata_has(tmp_path: Path) -> None:
    """As the library `datasets` writes them; its -1 stands for no label."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    names = {"_type": "ClassLabel", "names": ["neg", "pos"]}
    features = {"info": {"features": {"text": {"_type": "Value"}, "label": names}}}
    table = arrow.table({"text": ["x", "y"], "label": [1, 0]})
    known = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    parquet.write_table(known, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet") == [["x", "pos"], ["y", "neg"]]
    for label, said in ((-1, "line 2: no label in 'label'"), (2, "line 2: class 2 has no name among the 2")):
        other = arrow.table({"text": ["x", "y"], "label": [1, label]}).replace_schema_metadata(known.schema.metadata)
        parquet.write_table(other, tmp_path / "rows.parquet")
        with pytest.raises(DataError, match=said):
            read_rows(tmp_path / "rows.parquet")
    for odd in (b"[", b"[]", b'{"info": null}', b'{"info": {"features": {"label": 3}}}'):
        parquet.write_table(table.replace_schema_metadata({"huggingface": odd}), tmp_path / "rows.parquet")
        assert read_rows(tmp_path / "rows.parquet") == [["x", "1"], ["y", "0"]]


def test_two_columns_of_one_name_in_a_parquet_are_refused(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    table = arrow.Table.from_arrays([arrow.array(["x"])] * 3, names=["text", "label", "label"])
    parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="two columns are named 'label'; rename one"):
        read_rows(tmp_path / "rows.parquet")


def test_data_root_finds_copies_by_split_and_says_what_is_missing(tmp_path: Path) -> None:
    given = DatasetSettings(
        source=Source(
            hub="o/n",
            train="train",
            labels=["c", "f"],
            copy_columns={"labels": ["label", "fine"]},
            quotes="none",
            encodings=["cp1252"],
            label_map={"0": "no"},
        ),
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
    assert (found.quotes, found.encodings, found.label_map) == ("none", ["cp1252"], {"0": "no"})
    repeated = given.model_copy(update={"test_size": None, "splits": RepeatedFolds(folds=5)})
    with pytest.raises(ConfigError, match=r"d/test\.jsonl: test rows, where `splits` has folds of train; move it away"):
        local_copy(tmp_path, "d", repeated)
    (tmp_path / "d/test.csv").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"test\.csv and test\.jsonl are both 'test'; keep one"):
        local_copy(tmp_path, "d", given)


def test_a_relative_path_that_is_not_there_is_named_with_the_folder_it_was_followed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, where in {"data/rows.csv": f" (looked for from {tmp_path})", f"{tmp_path}/rows.csv": ""}.items():
        with pytest.raises(DataError) as caught:
            files_of(Path(path))
        assert str(caught.value) == f"{path}: no such file; check the dataset's `source` in the config{where}"
    with pytest.raises(ConfigError, match=re.escape(f"or drop data_root (looked for from {tmp_path})")):
        local_copy(Path("copies"), "d", DatasetSettings(source=Source(hub="owner/d", train="train", test="test")))


def test_places_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none-\*\.csv: no such file"):
        files_of(tmp_path / "none-*.csv")
    assert json.loads(json.dumps(Source(train="x").model_dump()))["encodings"] == ["utf-8"]


def test_whole_numbers_that_a_program_wrote_with_a_point_are_whole_numbers(tmp_path: Path) -> None:
    labels = pd.Series([1, 0, None, 10])  # pandas has no whole numbers beside a missing one
    pd.DataFrame({"text": list("abcd"), "label": labels}).to_csv(tmp_path / "my.csv", index=False)
    assert ",1.0\n" in (tmp_path / "my.csv").read_text()
    pd.DataFrame({"text": list("ef"), "label": [1, 0]}).to_csv(tmp_path / "test.csv", index=False)
    source = Source(train=str(tmp_path / "my.csv"), test=str(tmp_path / "test.csv"), missing_labels="drop")
    found = read_source(source).splits
    assert (found["train"]["label"].tolist(), found["test"]["label"].tolist()) == (["1", "0", "10"], ["1", "0"])
    mapped = source.model_copy(update={"test": None, "label_map": {"1": "yes", "0.0": "no", "10": "ten"}})
    assert read_source(mapped).splits["train"]["label"].tolist() == ["yes", "no", "ten"]


def test_the_first_object_may_lack_a_key(tmp_path: Path) -> None:
    path = tmp_path / "my.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "label": "x"}\n')
    assert columns_of(path, ["utf-8"]) == ["text", "label"]
    assert read_file(path, ["text", "label"], ["utf-8"]).values == [["a", None], ["b", "x"]]
    with pytest.raises(DataError, match=r"no column 'class'; it has: text, label"):
        read_file(path, ["text", "class"], ["utf-8"])


def test_a_sheet_gives_the_same_rows_and_a_broken_one_a_line(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    book = openpyxl.Workbook()
    for row in [("id", "review", "stars"), (1, "good", 5), (None, None, None), (2, "bad", None), (3, None, 1)]:
        book.active.append(row)
    book.save(tmp_path / "rows.xlsx")
    assert columns_of(tmp_path / "rows.xlsx", ["utf-8"]) == ["id", "review", "stars"]
    found = read_file(tmp_path / "rows.xlsx", ["review", "stars"], ["utf-8"])
    assert (found.values, found.lines) == ([["good", "5"], ["bad", None], [None, "1"]], [2, 4, 5])
    with zipfile.ZipFile(tmp_path / "rows.xlsx") as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    with zipfile.ZipFile(tmp_path / "stale.xlsx", "w") as packed:  # as programs leave it that add rows
        for name, content in members.items():
            stale = (
                re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:B2"', content) if content == sheet else content
            )
            packed.writestr(name, stale)
    assert b'ref="A1:B2"' in zipfile.ZipFile(tmp_path / "stale.xlsx").read("xl/worksheets/sheet1.xml")
    assert read_file(tmp_path / "stale.xlsx", ["review", "stars"], ["utf-8"]) == found
    whole = (tmp_path / "rows.xlsx").read_bytes()
    for content in (b"no archive", whole[: len(whole) // 2], whole.replace(b"worksheets/sheet1", b"worksheets/sheet9")):
        (tmp_path / "rows.xlsx").write_bytes(content)
        with pytest.raises(DataError, match=r"rows\.xlsx: not a whole \.xlsx file: .*; save it again"):
            read_file(tmp_path / "rows.xlsx", ["review"], ["utf-8"])


def test_without_its_reader_a_sheet_is_a_line_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="needs openpyxl: pip install openpyxl; or save the sheet"):
        columns_of(tmp_path / "rows.xlsx", ["utf-8"])


def test_json_may_be_an_array_or_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    for content, said in {
        '[{"text": "a", "label": 1}, {"text": "b"}]': [["a", "1"], ["b", None]],
        '{"text": "a", "label": 1}\n{"text": "b"}': [["a", "1"], ["b", None]],
        '[{"text": "a", "label": 1}, 2]': "rows.json: row 2: not an object",
        '[{"text": "a", "label": 1, "label": 2}]': "rows.json: row 1: the key 'label' stands there twice",
        "7": "rows.json: not an array of objects",
        "[" * 100_000: "rows.json: not valid JSON",
        "[]": "rows.json: a header and no rows",
    }.items():
        file.write_text(content)
        if isinstance(said, str):
            with pytest.raises(DataError, match=said):
                read_file(file, ["text", "label"], ["utf-8"])
        else:
            assert read_file(file, ["text", "label"], ["utf-8"]).values == said


def test_folders_may_name_a_columns_value(tmp_path: Path) -> None:
    root = tmp_path / "run [1]"
    for folder in ("label=a%20b", "label=c", "label=__HIVE_DEFAULT_PARTITION__"):
        (root / folder).mkdir(parents=True)
        pd.DataFrame({"text": [f"in {folder}"]}).to_parquet(root / folder / "part-0.parquet")
    for name in ("_SUCCESS", "README.md", "LICENSE", "_metadata"):
        (root / name).write_text("about the data")
    for path in (root, root / "label=*/*.parquet"):
        rows = read_source(Source(train=str(path), missing_labels="drop"))
        assert rows.splits["train"][["text", "label"]].values.tolist() == [
            ["in label=a%20b", "a b"], ["in label=c", "c"]
        ]  # fmt: skip
        assert rows.origin["without_label"] == 1


def test_the_home_folder_is_meant_by_a_tilde_and_named_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "rows.csv").write_text("text,label\nx,a\ny,b\n")
    source = Source(train="~/rows.csv")
    rows = read_source(source)
    assert rows.splits["train"]["source"].tolist() == ["~/rows.csv: line 2", "~/rows.csv: line 3"]
    assert str(tmp_path) not in json.dumps(rows.origin)
    assert [files_of(path) for path in local_paths(source)] == [[tmp_path / "rows.csv"]]
    several = read_source(Source(train="~/*.csv")).splits["train"]
    assert several["source"].tolist() == ["~/rows.csv: line 2", "~/rows.csv: line 3"]


def test_rows_without_a_label_are_unlabelled_rows_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nx,a\ny,\nz,b\nw,  \n")
    (tmp_path / "more.csv").write_text("text\nv\n")
    source = Source(train=str(tmp_path / "train.csv"), unlabelled=str(tmp_path / "more.csv"))
    with pytest.raises(DataError, match=r"line 3: no label in 'label' \(and 1 more such rows\)"):
        read_source(source)
    found = read_source(source.model_copy(update={"missing_labels": "unlabelled"}))
    assert found.splits["train"]["text"].tolist() == ["x", "z"]
    assert found.splits["unlabelled"]["text"].tolist() == ["v", "y", "w"]
    assert list(found.splits["unlabelled"]) == ["text", "place", "source"]
    assert found.origin["without_label"] == 2
    (tmp_path / "train.csv").write_text("text,label\nx,\n")
    with pytest.raises(DataError, match=r"train\.csv: line 2: no training row has a label"):
        read_source(source.model_copy(update={"missing_labels": "drop"}))


def test_another_name_of_a_class_folder_is_another_hash(tmp_path: Path) -> None:
    for name in ("sport", "money"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(name)
    before = hash_of_files([tmp_path])
    assert hash_of_files([tmp_path]) == before
    (tmp_path / "README.md").write_text("about")
    assert hash_of_files([tmp_path]) == before
    (tmp_path / "sport").rename(tmp_path / "sports")
    assert hash_of_files([tmp_path]) != before
    assert hash_of_files([tmp_path / "*/1.txt"]) != before
