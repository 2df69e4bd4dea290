"""What a word of a text is, in scripts with blanks between words and in those without."""

import re
import unicodedata
from functools import cache
from itertools import chain, pairwise

from threephase.settings.common import Words

# Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
UNSPACED = re.compile(f"[{_SCRIPTS}]")
LEAST_UNSPACED = 4  # such signs for each piece between blanks, from which on what lies between blanks is no word

Pieces = list[list[str]]  # what lies between blanks, each piece as its words


@cache
def _characters() -> re.Pattern[str]:
    """A sign of these scripts with its marks, or what else lies between two of them.

    Marks are vowels and tones that stand above, below or behind a sign, and are no character without it. Found when
    first asked for: to look through 160,000 signs takes a tenth of a second, in every job.
    """
    marks = "".join(
        chr(sign)
        for first, _, last in re.findall("(.)(-)(.)", _SCRIPTS)
        for sign in range(ord(first), ord(last) + 1)
        if unicodedata.category(chr(sign)).startswith("M")
    )
    return re.compile(f"[{_SCRIPTS}][{marks}]*|[^{_SCRIPTS}]+")


def is_unspaced(text: str) -> bool:
    """Whether a text has so few blanks between its words that what lies between blanks are no words."""
    return len(UNSPACED.findall(text)) >= LEAST_UNSPACED * len(text.split()) > 0


def by_characters(text: str, words: Words) -> bool:
    """Whether a word of this text is a character, where its script has no blanks."""
    return words == "characters" or (words == "auto" and is_unspaced(text))


def words_of(text: str, characters: bool = False) -> Pieces:
    """The words of a text: its pieces between blanks. With `characters`, each sign of a script without blanks is a
    word, with the marks that belong to it; what else lies there stays together.
    """
    return [_characters().findall(piece) if characters else [piece] for piece in text.split()]


def first_words(text: str, stop: int, characters: bool = False) -> str:
    """The text's words up to a place in it, without one that goes on behind it, but the first at the least."""
    pieces = words_of(text, characters)
    before = chain.from_iterable(words_of(text[:stop], characters))
    whole = sum(kept == word for kept, word in zip(before, chain.from_iterable(pieces), strict=False))
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    return " ".join(
        "".join(piece[: max(1, whole) - start])
        for piece, (start, _) in zip(pieces, pairwise(ends), strict=True)
        if start < max(1, whole)
    )
