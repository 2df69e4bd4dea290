"""Noise of phase 2: stop words go, and nothing else."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_noise import is_subsequence, words

from threephase.method.stop_words import delete_stop_words, negation_safe_stop_words
from threephase.seeding import generator

STOP = frozenset({"the", "of", "and"})


@given(words, st.floats(0.01, 1), st.integers(1, 8), st.integers(0, 2**32))
def test_only_stop_words_go_at_least_one_and_never_all_words(
    text: list[str], probability: float, min_words: int, seed: int
) -> None:
    kept = delete_stop_words(" ".join(text), probability, min_words, STOP, np.random.default_rng(seed)).split()
    content = [word for word in text if word.lower() not in STOP]
    assert kept
    assert is_subsequence(kept, text)
    assert [word for word in kept if word.lower() not in STOP] == content
    stops = len(text) - len(content)
    if len(text) < min_words or stops == 0 or len(text) == 1:
        assert kept == text
    else:
        assert len(kept) < len(text)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, "the cat and the dog of it"), (1.0, "cat dog it")])
def test_the_extremes_by_hand(probability: float, expected: str) -> None:
    assert delete_stop_words("the cat and the dog of it", probability, 6, STOP, generator(0, "test")) == expected


def test_the_stop_word_list_is_the_one_we_know_and_spares_negations() -> None:
    stop_words = negation_safe_stop_words()
    assert len(stop_words) == 315  # scikit-learn's 318 without three
    assert not stop_words & {"not", "no", "nor"}
    digest = hashlib.sha256(" ".join(sorted(stop_words)).encode()).hexdigest()
    assert digest.startswith("e1d3dee9c8a20557")
