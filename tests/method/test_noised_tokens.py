"""Noise on tokens gives the tokens of the noised text."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ODD, as_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from threephase.encoders.encoder import load_encoder
from threephase.encoders.tokens import count_tokens
from threephase.encoders.words import by_characters
from threephase.errors import DataError, ModelError
from threephase.method.noise import delete_words, mask_words
from threephase.method.noised_tokens import NoisedTexts, WordTokens, training_texts
from threephase.seeding import generator
from threephase.settings.common import Words
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


UNSPACED = ["小狗在公园里追着球跑", "子犬は公園でボールを追いかけて", "ลูกสุนัขวิ่งไล่ลูกบอลในสวน", "Iphone手机很好用 啊真的"]


@pytest.mark.parametrize("kind", ["auto", "characters"])
@pytest.mark.parametrize("mask", [False, True])
def test_noise_on_characters_gives_the_tokens_of_the_noised_text(
    encoder: SentenceTransformer, kind: Words, mask: bool
) -> None:
    encoder.max_seq_length = 64
    texts = [*UNSPACED, "the match of the team", "a 小狗 ran"]
    settings = DaeSettings(words=kind, word_noise="mask" if mask else "delete", noise_window="whole")
    noised = NoisedTexts(encoder, texts, settings, 1, "noise")
    for row, text in enumerate(texts):
        of_mask = encoder.tokenizer.mask_token if mask else ""
        expected = mask_words(text, 0.6, of_mask, generator(1, "noise", 2, row), by_characters(text, kind))
        assert noised[Key(2, row)][0].tolist() == as_text(encoder, expected)


def test_the_window_ends_within_a_text_without_blanks(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["roberta"])
    encoder.max_seq_length = 12
    text = UNSPACED[0] * 9
    noised = NoisedTexts(encoder, [text], DaeSettings(deletion_ratio=0.0), 1, "noise")
    # Ten tokens are bytes of a character, of which the last one may be there in part.
    assert noised.seen[0][0] == text[: -(-10 // 3)]


@pytest.mark.parametrize("kept", ["kept", "whole"])
def test_pieces_are_the_tokens_between_the_special_ones(encoder: SentenceTransformer, kept: str) -> None:
    encoder.max_seq_length = 12
    texts = ["the unforeseeable match of the team " * 9, "team", "", UNSPACED[0]]
    settings = DaeSettings(words="pieces", noise_window=kept)
    noised = NoisedTexts(encoder, texts, settings, 1, "noise")
    masked = NoisedTexts(encoder, texts, settings.model_copy(update={"word_noise": "mask"}), 1, "noise")
    for row, text in enumerate(texts):
        short, clean = noised[Key(0, row)]
        whole = encoder.tokenizer(text)["input_ids"][1:-1] if kept == "whole" else clean[1:-1].tolist()
        assert (short[0], short[-1]) == (clean[0], clean[-1])
        assert len(short) <= 12
        rest = iter(whole)
        assert all(token in rest for token in short[1:-1])
        if len(whole) > 5:
            assert len(short) < len(whole) + 2
            hidden = masked[Key(0, row)][0]
            assert len(hidden) == min(12, len(whole) + 2)
            assert encoder.tokenizer.mask_token_id in hidden


@pytest.mark.parametrize(
    ("words", "texts", "advice"),
    [
        ("blanks", [*UNSPACED[:3], "the team"], "would leave 75% of the texts whole.*say `words: auto`"),
        ("nltk", [*UNSPACED[:3], "the team"], "say `words: auto`"),
        ("auto", ["puppies", "kittens", "the team"], "67% .*say `words: pieces`"),
        ("pieces", ["", "", "the team"], "or variants without dae"),
    ],
)
def test_noise_that_leaves_most_texts_whole_is_refused(
    encoder: SentenceTransformer, words: Words, texts: list[str], advice: str
) -> None:
    encoder.max_seq_length = 32
    with pytest.raises(DataError, match=advice):
        training_texts(encoder, texts, DaeSettings(words=words), 1)
    assert len(training_texts(encoder, texts, DaeSettings(words=words, deletion_ratio=0.0), 1)) == len(texts)
    assert (
        training_texts(encoder, ["the team", *texts, "a song", "a band"], DaeSettings(words="auto"), 1).left_whole < 0.5
    )


def test_a_text_that_is_one_unknown_token_is_left_whole(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["bert"])  # whose tokeniser takes a run of such signs for one unknown word
    encoder.max_seq_length = 32
    with pytest.raises(DataError, match="a base model that knows their script"):
        training_texts(encoder, UNSPACED[:3], DaeSettings(words="auto"), 1)
