"""Noise on tokens gives the tokens of the noised text."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ODD, as_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from threephase.encoders.tokens import count_tokens
from threephase.errors import ModelError
from threephase.method.noise import delete_words, mask_words
from threephase.method.noised_tokens import NoisedTexts, WordTokens
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings
from threephase.training.batches import Key

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(words, max_size=9).map(" ".join), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_noise_on_words_gives_the_tokens_of_the_noised_text(
    encoder: SentenceTransformer, texts: list[str], seed: int
) -> None:
    encoder.max_seq_length = 12
    noised = NoisedTexts(encoder, texts + ODD, DaeSettings(deletion_ratio=0.6, noise_window="whole"), seed, "noise")
    for row, text in enumerate(texts + ODD):
        rng = generator(seed, "noise", 3, row)
        expected = as_text(encoder, delete_words(text, 0.6, rng))
        short, clean = noised[Key(3, row)]
        assert short.tolist() == expected, text
        assert clean.tolist() == as_text(encoder, text)


def window(encoder: SentenceTransformer, text: str) -> str:
    """The longest run of first words whose tokens fit the encoder's length; no less than one."""
    runs = [text[: word.end()] for word in re.finditer(r"\S+", text)][::-1]
    return next((run for run in runs if count_tokens(encoder, [run])[0] <= encoder.max_seq_length), "".join(runs[-1:]))


COMMON = ["the", "match", "of", "a", "team,", "song's", "bank-market", "x", "y", "unforeseeable", "don't", "7.5"]
common = st.lists(st.sampled_from(COMMON), max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(common.map(" ".join), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_with_the_window_kept_noise_acts_on_the_words_that_the_length_keeps(
    encoder: SentenceTransformer, texts: list[str], seed: int
) -> None:
    encoder.max_seq_length = 12
    noised = NoisedTexts(encoder, texts + ODD, DaeSettings(noise_window="kept"), seed, "noise")
    for row, text in enumerate(texts + ODD):
        text = window(encoder, text) or text
        expected = as_text(encoder, delete_words(text, 0.6, generator(seed, "noise", 3, row)))
        assert noised[Key(3, row)][0].tolist() == expected, text


def test_a_long_texts_noise_comes_from_its_first_words_or_from_all(encoder: SentenceTransformer) -> None:
    encoder.max_seq_length = 12
    text = " ".join(["a"] * 10 + ["the"] * 90)  # the first ten words fit, and no more
    found = {}
    for kept in ("kept", "whole"):
        noised = NoisedTexts(encoder, [text], DaeSettings(noise_window=kept, deletion_ratio=0.9), 1, "noise")
        found[kept] = {token for epoch in range(20) for token in noised[Key(epoch, 0)][0].tolist()}
    assert found["kept"] == {*as_text(encoder, "a a")}
    assert found["whole"] > found["kept"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(words, max_size=9).map(" ".join), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_a_mask_stands_in_the_place_of_each_word(encoder: SentenceTransformer, texts: list[str], seed: int) -> None:
    """The tokens of the text with masks."""
    encoder.max_seq_length = 12
    noised = NoisedTexts(encoder, texts + ODD, DaeSettings(word_noise="mask", noise_window="whole"), seed, "noise")
    for row, text in enumerate(texts + ODD):
        masked = mask_words(text, 0.6, encoder.tokenizer.mask_token, generator(seed, "noise", 3, row))
        assert noised[Key(3, row)][0].tolist() == as_text(encoder, masked), text


def test_a_masked_word_has_one_mask_however_many_tokens_it_has(encoder: SentenceTransformer) -> None:
    encoder.max_seq_length = 12
    masked = WordTokens(encoder, ["the unforeseeable team"], masked=True)
    mask = encoder.tokenizer.mask_token_id
    middle = masked.of(0, np.array([True, False, True])).tolist()
    assert middle.count(mask) == 1
    assert [token for token in middle if token != mask] == as_text(encoder, "the team")
    assert masked.of(0, np.zeros(3, dtype=bool)).tolist()[1:-1] == [mask] * 3


def test_a_tokeniser_without_a_mask_token_is_said() -> None:
    without = SimpleNamespace(tokenizer=SimpleNamespace(mask_token_id=None))
    with pytest.raises(ModelError, match="has no mask token"):
        WordTokens(without, ["the team"], masked=True)  # type: ignore[arg-type]


def test_each_distinct_word_is_kept_once(encoder: SentenceTransformer) -> None:
    many = WordTokens(encoder, ["the match of the team"] * 1000)
    assert len(many._first) == 4
    assert many.of(7, np.array([True, False, False, False, True])).tolist() == as_text(encoder, "the team")
