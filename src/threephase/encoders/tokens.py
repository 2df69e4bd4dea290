"""Texts as token ids, tokenised once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from sentence_transformers import SentenceTransformer

from threephase.encoders.words import by_characters, first_words
from threephase.settings.common import Words

BLOCK = 4096  # texts tokenised at once, so that memory does not grow with their number

Tokens = np.ndarray  # (t,) token ids of one text, special ones counted


class TokenisedTexts(Sequence[Tokens]):
    """Token ids of n texts in one flat array.

    Args:
        ids: (sum of t,) int32, one text after another.
        starts: (n + 1,) where each begins, and the end.
    """

    def __init__(self, ids: np.ndarray, starts: np.ndarray) -> None:
        self.ids = ids
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> Tokens:  # type: ignore[override]
        return self.ids[self.starts[row] : self.starts[row + 1]]


def tokenise(encoder: SentenceTransformer, texts: Sequence[str]) -> TokenisedTexts:
    """Token ids of each text, cut at the encoder's length."""
    return flat(token_ids(encoder, texts, encoder.max_seq_length))


def kept_words_of(
    encoder: SentenceTransformer, texts: Sequence[str], tokens: TokenisedTexts, words: Words = "blanks"
) -> list[str]:
    """Each text up to the last word that the encoder's length keeps whole; the first word where it keeps none.

    `tokens` are those of the texts. A text that is not cut stays as it is.
    """
    kept = list(texts)
    limit = encoder.max_seq_length
    long = [row for row in range(len(texts)) if len(tokens[row]) == limit]
    for start in range(0, len(long), BLOCK):
        rows = long[start : start + BLOCK]
        tokenised = encoder.tokenizer(
            [texts[row] for row in rows], truncation=True, max_length=limit, return_offsets_mapping=True,
            return_attention_mask=False, return_token_type_ids=False, verbose=False,
        )  # fmt: skip
        for row, offsets in zip(rows, tokenised["offset_mapping"], strict=True):
            stop = max((stop for _, stop in offsets), default=0)
            if texts[row][stop:].strip():
                kept[row] = first_words(texts[row], stop, by_characters(texts[row], words))
    return kept


def count_tokens(encoder: SentenceTransformer, texts: Sequence[str]) -> np.ndarray:
    """(n,) tokens of each text, special ones counted, nothing cut."""
    return np.fromiter(map(len, token_ids(encoder, texts, None)), dtype=np.int64, count=len(texts))


def token_ids(
    encoder: SentenceTransformer, texts: Iterable[str], cut: int | None, special: bool = True
) -> Iterator[Tokens]:
    """Token ids of each text, cut at so many, with or without the special ones; a block of texts at a time."""
    waiting = iter(texts)
    while block := list(islice(waiting, BLOCK)):
        tokenised = encoder.tokenizer(
            block, truncation=cut is not None, max_length=cut, add_special_tokens=special,
            return_attention_mask=False, return_token_type_ids=False, verbose=False,
        )  # fmt: skip
        for ids in tokenised["input_ids"]:
            yield np.array(ids, dtype=np.int32)


def flat(texts: Iterable[Tokens]) -> TokenisedTexts:
    """Texts in one array."""
    parts, lengths = [np.empty(0, dtype=np.int32)], [0]
    waiting: list[Tokens] = []
    for text in texts:
        waiting.append(text)
        lengths.append(len(text))
        if len(waiting) == BLOCK:
            parts.append(np.concatenate(waiting))
            waiting.clear()
    return TokenisedTexts(np.concatenate([*parts, *waiting]), np.cumsum(lengths))
