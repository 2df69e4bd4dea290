"""What a user calls things is words in every file, whatever reads it."""

import csv
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase.artifacts.inert import as_csv, in_markdown, read_csv

# Any but NUL, which no data have: odd ones often.
WORDS = st.text(st.sampled_from("ab'\"\r\n\t,;=+-@ \u2028\x85") | st.characters(codec="utf-8", exclude_characters="\0"))


@pytest.mark.parametrize(
    ("word", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+cmd", "'+1+cmd"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("-0.5", "-0.5"),
        ("+1e3", "+1e3"),
        ("a=1", "a=1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("", ""),
    ],
)
def test_no_cell_of_words_is_a_formula_to_a_spreadsheet(word: str, cell: str) -> None:
    written = as_csv(pd.DataFrame({"variant": [word], "accuracy": [-0.25]}))
    assert list(csv.reader(StringIO(written))) == [["variant", "accuracy"], [cell, "-0.25"]]


@given(st.lists(st.tuples(WORDS, st.integers(-9, 9)), min_size=1))
def test_what_is_written_is_read_as_it_was_by_csv_and_by_pandas(rows: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text(as_csv(pd.DataFrame(rows, columns=["word", "number"])), encoding="utf-8")
        table = read_csv(file, ["word", "none"])
        with file.open(encoding="utf-8", newline="") as lines:
            plain = list(csv.reader(lines))
    assert list(zip(table["word"].fillna(""), table["number"], strict=True)) == rows
    assert [row[0].removeprefix("'") for row in plain[1:]] == [word.removeprefix("'") for word, _ in rows]


def test_names_that_look_like_numbers_or_like_nothing_are_names(tmp_path: Path) -> None:
    names = ["2024", "007", "1.50", "NA", "None", "nan", "True", "+DAE", "-1", "=x", ""]
    (tmp_path / "t.csv").write_text(as_csv(pd.DataFrame({"name": names, "n": range(11), "score": [None, *[0.5] * 10]})))
    table = read_csv(tmp_path / "t.csv", ["name"])
    assert table["name"].fillna("").tolist() == names
    assert (table["n"].tolist(), table["score"].isna().sum()) == (list(range(11)), 1)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("<script>alert(1)</script>", r"\<script>alert(1)\</script>"),
        ("<!-- -->", r"\<!-- -->"),
        ("p <0.001, a < b", "p <0.001, a < b"),
        ("[here](javascript:alert)", r"[here]\(javascript:alert)"),
        ("two\nlines\r\n# head", "two lines # head"),
    ],
)
def test_words_in_a_page_are_no_html_no_link_and_one_line(text: str, page: str) -> None:
    assert in_markdown(text) == page
