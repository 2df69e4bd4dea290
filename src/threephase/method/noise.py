"""Noise on texts. A word is what lies between blanks, in scripts without these a character; as a switch, NLTK's."""

from collections.abc import Iterable

import numpy as np

from threephase.encoders.words import Pieces, words_of


def delete_words(text: str, deletion_ratio: float, rng: np.random.Generator, characters: bool = False) -> str:
    """The text with each word deleted with probability `deletion_ratio`; at least one word stays.

    The noise X -> X~ of phase 1 (section 3.1, eq. 1). The ratio is that of words DROPPED. A text without
    words is returned as it is. With `characters`, each one of a script without blanks is a word.
    """
    return mask_words(text, deletion_ratio, "", rng, characters)


def mask_words(
    text: str, deletion_ratio: float, mask: str, rng: np.random.Generator, characters: bool = False
) -> str:  # fmt: skip
    """`delete_words` with a mask in place of each word that it would delete (section 3.1's example)."""
    pieces = words_of(text, characters)
    words = sum(map(len, pieces))
    return noised(pieces, kept_words(words, deletion_ratio, rng), mask) if words else text


def noised(pieces: Pieces, keep: Iterable[bool], mask: str = "") -> str:
    """A text with the words that `keep` marks, and a mask, which may be nothing, in place of each other one.

    A blank stands where one stood between two words.
    """
    stays = iter(keep)
    left = ("".join(word if next(stays) else mask for word in piece) for piece in pieces)
    return " ".join(piece for piece in left if piece)


def delete_nltk_words(text: str, deletion_ratio: float, rng: np.random.Generator) -> str:
    """`delete_words` as the released code does it: on NLTK's tokens, joined again by its detokeniser."""
    from nltk.tokenize.treebank import TreebankWordDetokenizer

    words = nltk_words(text)
    if not words:
        return text
    keep = kept_words(len(words), deletion_ratio, rng)
    return TreebankWordDetokenizer().detokenize([word for word, stays in zip(words, keep, strict=True) if stays])


def nltk_words(text: str) -> list[str]:
    """NLTK's tokens of a text."""
    from nltk.tokenize import NLTKWordTokenizer

    return list(NLTKWordTokenizer().tokenize(text))


def kept_words(words: int, deletion_ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Which of so many words (at least one) stay: a mask (words,) with at least one True."""
    keep = rng.random(words) >= deletion_ratio
    if not keep.any():
        keep[rng.integers(words)] = True
    return keep
