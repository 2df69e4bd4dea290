"""Cleaning of texts: short tags and line ends go."""

import re
from typing import Literal

_SHORT_TAG = re.compile(r"<.{0,4}>")
_SHORT_TAG_AS_RELEASED = re.compile(r"<.{0,6}>")
_LINE_ENDS = re.compile(r"[\r\n]+")


def clean(text: str, cleaning: Literal["paper", "released"] = "paper") -> str:
    """The text without short tags and without line ends, and without blanks around it.

    "paper": tags of up to 6 characters (`<` and `>` counted) leave nothing behind, which gives IMDB the lengths of
    Table 2; a line end leaves a blank, so that the words on either side of it stay two words. "released": a line
    feed leaves nothing either, which makes one word of two, and then tags of up to 8 characters go.
    """
    if cleaning == "released":
        return _SHORT_TAG_AS_RELEASED.sub("", text.replace("\n", "")).strip()
    return _LINE_ENDS.sub(" ", _SHORT_TAG.sub("", text)).strip()
