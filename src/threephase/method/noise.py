"""Noise on texts. A word is a blank-separated piece, and NLTK's token in one switch of the released protocol."""

import numpy as np


def delete_words(text: str, deletion_ratio: float, rng: np.random.Generator) -> str:
    """The text with each word deleted with probability `deletion_ratio`; at least one word stays.

    The noise X -> X~ of phase 1 (section 3.1, eq. 1). The ratio is that of words DROPPED. A text without
    words is returned as it is.
    """
    words = text.split()
    if not words:
        return text
    return " ".join(
        word for word, stays in zip(words, kept_words(len(words), deletion_ratio, rng), strict=True) if stays
    )


def mask_words(text: str, deletion_ratio: float, mask: str, rng: np.random.Generator) -> str:
    """`delete_words` with a mask in place of each word that it would delete (section 3.1's example)."""
    words = text.split()
    if not words:
        return text
    keep = kept_words(len(words), deletion_ratio, rng)
    return " ".join(word if stays else mask for word, stays in zip(words, keep, strict=True))


def delete_nltk_words(text: str, deletion_ratio: float, rng: np.random.Generator) -> str:
    """`delete_words` as the released code does it: on NLTK's tokens, joined again by its detokeniser."""
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.tokenize.treebank import TreebankWordDetokenizer

    words = NLTKWordTokenizer().tokenize(text)
    if not words:
        return text
    keep = kept_words(len(words), deletion_ratio, rng)
    return TreebankWordDetokenizer().detokenize([word for word, stays in zip(words, keep, strict=True) if stays])


def kept_words(words: int, deletion_ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Which of so many words (at least one) stay: a mask (words,) with at least one True."""
    keep = rng.random(words) >= deletion_ratio
    if not keep.any():
        keep[rng.integers(words)] = True
    return keep
