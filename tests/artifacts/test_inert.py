"""What a user calls things is words in every file, whatever reads it."""

import csv
from io import StringIO

import pandas as pd
import pytest

from threephase.artifacts.inert import as_csv, in_markdown


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
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_no_cell_of_words_is_a_formula_to_a_spreadsheet(word: str, cell: str) -> None:
    written = as_csv(pd.DataFrame({"variant": [word], "accuracy": [-0.25]}))
    assert list(csv.reader(StringIO(written))) == [["variant", "accuracy"], [cell, "-0.25"]]


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
