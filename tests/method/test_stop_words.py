"""Noise of phase 2: stop words go, and nothing else."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_noise import is_subsequence, words

from threephase.method.stop_words import delete_stop_words, negation_safe_stop_words, stop_words_of
from threephase.seeding import generator
from threephase.settings.contrastive import ContrastiveSettings

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


def test_a_list_of_ones_own_is_read_once_and_recorded(tmp_path: Path) -> None:
    file = tmp_path / "german.txt"
    file.write_text("der\n\nDie \ndas\nder\n", encoding="utf-8")
    resolved = ContrastiveSettings(stop_words=str(file)).model_dump()
    file.unlink()
    given = ContrastiveSettings(**resolved).stop_words
    assert given == ["das", "der", "die"]
    assert stop_words_of(given) == {"das", "der", "die"}
    assert stop_words_of("none") == frozenset()
    assert stop_words_of(ContrastiveSettings().stop_words) == negation_safe_stop_words()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is no file; say english, none"),
        (b"", "no list of words"),
        (b"two words\n", "one word"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_list_that_is_none_is_refused_when_the_config_is_read(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        ContrastiveSettings(stop_words=str(file))
