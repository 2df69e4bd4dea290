"""Words of a user's in files that other programs read, so that none takes them for more than words."""

import re
from typing import Any

import pandas as pd

# A spreadsheet takes what begins like this for a formula, and may run a program for it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_HTML = re.compile(r"<(?=[A-Za-z/!?])")


def as_csv(table: pd.DataFrame, float_format: str | None = None) -> str:
    """A table as csv without its index; words that a spreadsheet would compute stand behind an apostrophe."""
    return str(table.map(_no_formula).to_csv(index=False, float_format=float_format))


def in_markdown(text: str) -> str:
    """Plain text for a page of Markdown: no HTML, no link, no second line."""
    return _HTML.sub(r"\\<", " ".join(text.split())).replace("](", r"]\(")


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
