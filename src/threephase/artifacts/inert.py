"""Words of a user's in files that other programs read, so that none takes them for more than words."""

import io
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

# A spreadsheet takes what begins like this for a formula, and may run a program for it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_HTML = re.compile(r"<(?=[A-Za-z/!?])")


class Lines(io.TextIOBase):
    r"""What a writer of csv writes rows to that end in `\r\n`; they end in `\n` in the stream.

    The writer quotes what holds a character that ends its own rows, while every reader takes `\r` and `\n` for an end.
    So a text with either of them is in quotes, and the rows end as lines do everywhere else here.
    """

    END = "\r\n"

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, row: str) -> int:
        """Write one row, as the writer hands them over."""
        return self._stream.write(row.removesuffix(self.END) + "\n")


def as_csv(table: pd.DataFrame, float_format: str | None = None) -> str:
    """A table as csv without its index; words that a spreadsheet would compute stand behind an apostrophe.

    So do words that begin with apostrophes and then as such a formula does: `read_csv` takes one away from each.
    """
    written = io.StringIO()
    lines: Any = Lines(written)
    table.map(_no_formula).to_csv(lines, index=False, float_format=float_format, lineterminator=Lines.END)
    return written.getvalue()


def read_csv(path: Path, words: Collection[str]) -> pd.DataFrame:
    """A table that `as_csv` wrote: `words` are columns of names and are read as they were, whatever they look like.

    A dataset may be called 2024, 007 or NA. Of the other columns each is of the type that its cells have. An empty cell
    is a missing one, and a column of `words` may be missing too.
    """
    table = pd.read_csv(path, dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=[""])
    there = [name for name in words if name in table]
    return table.assign(**{name: table[name].map(_as_it_was, na_action="ignore") for name in there})


def in_markdown(text: str) -> str:
    """Plain text for a page of Markdown: no HTML, no link, no second line."""
    return _HTML.sub(r"\\<", " ".join(text.split())).replace("](", r"]\(")


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip("'").startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _as_it_was(word: str) -> str:
    return word[1:] if word.startswith("'") and word.lstrip("'").startswith(FORMULA) else word
