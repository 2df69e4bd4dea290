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


def delete_stop_words(
    text: str, probability: float, min_words: int, stop_words: frozenset[str], rng: np.random.Generator
) -> str:
    """The text with each stop word deleted with `probability`, at least one of them.

    The noise on the copies that imbalance correction adds (section 3.2.1). Texts of fewer than `min_words`
    words, texts without stop words, and probability 0 leave the text as it is; a text of stop words alone
    keeps one. Case does not matter; a stop word with punctuation attached is not one.
    """
    words = text.split()
    stops = [place for place, word in enumerate(words) if word.lower() in stop_words]
    if len(words) < min_words or not stops or probability == 0:
        return text
    delete = rng.random(len(stops)) < probability
    if not delete.any():
        delete[rng.integers(len(stops))] = True
    if delete.sum() == len(words):
        delete[rng.integers(len(stops))] = False
    deleted = {place for place, drop in zip(stops, delete, strict=True) if drop}
    return " ".join(word for place, word in enumerate(words) if place not in deleted)


def negation_safe_stop_words() -> frozenset[str]:
    """scikit-learn's English stop words without "not", "no" and "nor", whose loss would turn a text's meaning."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) - {"not", "no", "nor"}
