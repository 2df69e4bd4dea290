"""Cleaning of texts as in the released code: short tags and line ends go."""

import re

_SHORT_TAG = re.compile(r"<.{0,4}>")
_LINE_ENDS = re.compile(r"[\r\n]+")


def clean(text: str) -> str:
    """The text without tags of up to 6 characters (`<` and `>` counted) and without line ends.

    A tag leaves nothing behind, which gives IMDB the lengths of Table 2; a line end leaves a blank, so that
    the words on either side of it stay two words.
    """
    return _LINE_ENDS.sub(" ", _SHORT_TAG.sub("", text)).strip()
