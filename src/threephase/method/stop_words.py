"""Noise of phase 2: stop words that go from the copies which imbalance correction adds (section 3.2.1)."""

import numpy as np


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


def stop_words_of(given: str | list[str]) -> frozenset[str]:
    """The stop words that a setting names: "english", "none", or the words themselves."""
    if given == "english":
        return negation_safe_stop_words()
    return frozenset() if given == "none" else frozenset(given)


def lower_case(text: str) -> str:
    """The words of a text in lower case, a blank between them (released protocol)."""
    return " ".join(text.lower().split())


def with_and_without_stop_words(
    texts: list[str], resized: np.ndarray, stop_words: frozenset[str]
) -> tuple[list[str], np.ndarray]:
    """The noise of the released protocol: texts that are `resized` (n,) in lower case, and again without stop words.

    A text without stop words, or of nothing else, stands there once.

    Returns:
        The texts (m,), what is added last, and the row of `texts` that each comes from.
    """
    found = [lower_case(text) if grows else text for text, grows in zip(texts, resized, strict=True)]
    rows = list(range(len(texts)))
    for row in np.flatnonzero(resized).tolist():
        words = found[row].split()
        kept = [word for word in words if word not in stop_words]
        if 0 < len(kept) < len(words):
            found.append(" ".join(kept))
            rows.append(row)
    return found, np.array(rows)
