"""Noise of phase 1: what may go, what must stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from threephase.method.noise import delete_words, mask_words, noised
from threephase.seeding import generator

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


def test_characters_go_where_no_blanks_stand_and_blanks_stay_where_they_stood() -> None:
    assert noised([["小", "狗"], ["在", "iPhone", "里"]], [True, False, False, True, True]) == "小 iPhone里"
    assert noised([["小", "狗"], ["在"]], [True, False, False]) == "小"
    assert noised([["小", "狗"], ["a"]], [True, False, False], "_") == "小_ _"
    text = "小狗在公园里追着球跑然后回到主人身边" * 500
    kept = delete_words(text, 0.6, generator(0, "test"), characters=True)
    assert is_subsequence(list(kept), list(text))
    assert abs(len(kept) - 0.4 * len(text)) < 5 * (0.24 * len(text)) ** 0.5
    masked = mask_words(text, 0.6, "_", generator(0, "test"), characters=True)
    assert masked.replace("_", "") == kept
    assert len(masked) == len(text)
