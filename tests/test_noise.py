"""Noise on texts: what may go, what must stay."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase.noise import delete_stop_words, delete_words, negation_safe_stop_words
from threephase.seeding import generator

STOP = frozenset({"the", "of", "and"})
words = st.lists(st.sampled_from(["the", "of", "and", "The", "cat", "not", "sat", "mat,"]), min_size=1, max_size=20)


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in part)


@given(words, st.floats(0, 1), st.integers(0, 2**32))
def test_deletion_keeps_order_and_at_least_one_word(text: list[str], ratio: float, seed: int) -> None:
    kept = delete_words(" ".join(text), ratio, np.random.default_rng(seed)).split()
    assert kept
    assert is_subsequence(kept, text)


def test_the_ratio_is_the_share_that_is_dropped() -> None:
    text = " ".join(["word"] * 20_000)
    kept = len(delete_words(text, 0.6, generator(0, "test")).split())
    # binomial with mean 8000 and standard deviation 69: five of them on either side
    assert abs(kept - 8000) < 350


def test_ratio_0_keeps_all_ratio_1_keeps_one_and_no_words_stay_no_words() -> None:
    assert delete_words("a  b\tc", 0.0, generator(0, "test")) == "a b c"
    assert delete_words("a b c", 1.0, generator(0, "test")) in {"a", "b", "c"}
    assert delete_words("", 0.6, generator(0, "test")) == ""


def test_a_draw_depends_on_its_place_and_nothing_else() -> None:
    text = " ".join(map(str, range(50)))
    assert delete_words(text, 0.5, generator(1, "noise", 2, 3)) == delete_words(text, 0.5, generator(1, "noise", 2, 3))
    others = [
        generator(2, "noise", 2, 3),
        generator(1, "noise", 3, 3),
        generator(1, "noise", 2, 4),
        generator(1, "x", 2, 3),
    ]
    assert delete_words(text, 0.5, generator(1, "noise", 2, 3)) not in [delete_words(text, 0.5, rng) for rng in others]


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
