"""Texts as token ids, tokenised once: whole texts, and texts whose words can be left out."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from sentence_transformers import SentenceTransformer

from threephase.noise import kept_words

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
    return _flat(_ids(encoder, texts, encoder.max_seq_length))


def count_tokens(encoder: SentenceTransformer, texts: Sequence[str]) -> np.ndarray:
    """(n,) tokens of each text, special ones counted, nothing cut."""
    return np.fromiter(map(len, _ids(encoder, texts, None)), dtype=np.int64, count=len(texts))


def _ids(encoder: SentenceTransformer, texts: Iterable[str], cut: int | None, special: bool = True) -> Iterator[Tokens]:
    waiting = iter(texts)
    while block := list(islice(waiting, BLOCK)):
        tokenised = encoder.tokenizer(
            block, truncation=cut is not None, max_length=cut, add_special_tokens=special,
            return_attention_mask=False, return_token_type_ids=False, verbose=False,
        )  # fmt: skip
        for ids in tokenised["input_ids"]:
            yield np.array(ids, dtype=np.int32)


def _flat(texts: Iterable[Tokens]) -> TokenisedTexts:
    parts, lengths = [np.empty(0, dtype=np.int32)], [0]
    waiting: list[Tokens] = []
    for text in texts:
        waiting.append(text)
        lengths.append(len(text))
        if len(waiting) == BLOCK:
            parts.append(np.concatenate(waiting))
            waiting.clear()
    return TokenisedTexts(np.concatenate([*parts, *waiting]), np.cumsum(lengths))


class WordTokens:
    """Texts from which words can be left out, as token ids: those of the words that stay, joined by blanks.

    Each distinct word is tokenised once, as the first of a text and as a later one (which RoBERTa tells apart). Where
    a text's tokens are not those of its words, or the text has none, `of` tokenises what is left of it as text.
    """

    def __init__(self, encoder: SentenceTransformer, texts: Sequence[str]) -> None:
        self._encoder = encoder
        self._texts = texts
        places: dict[str, int] = {}
        self._words = _flat(
            np.fromiter((places.setdefault(word, len(places)) for word in text.split()), dtype=np.int32)
            for text in texts
        )
        distinct = list(places)
        self._first = _flat(_ids(encoder, distinct, None, special=False))
        self._later = self._after_another_word(distinct)
        self._before, self._after = _special_tokens(encoder)
        self._as_text = self._unlike_their_words()

    def __len__(self) -> int:
        return len(self._words)

    def words(self, row: int) -> int:
        """Number of words of a text."""
        return int(self._words.starts[row + 1] - self._words.starts[row])

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of `delete_words(text, deletion_ratio, rng)`."""
        words = self.words(row)
        return self.of(row, kept_words(words, deletion_ratio, rng) if words else np.ones(0, dtype=bool))

    def of(self, row: int, keep: np.ndarray) -> Tokens:
        """Token ids of a text with the words that `keep` (words,) marks, cut at the encoder's length."""
        if row in self._as_text:
            kept = [word for word, stays in zip(self._texts[row].split(), keep, strict=True) if stays]
            return next(_ids(self._encoder, [" ".join(kept) or self._texts[row]], self._encoder.max_seq_length))
        room = self._encoder.max_seq_length - len(self._before) - len(self._after)
        return np.concatenate([self._before, self._joined(self._words[row][keep])[:room], self._after])

    def _joined(self, words: np.ndarray) -> Tokens:
        return np.concatenate([self._first[words[0]], *(self._later[word] for word in words[1:])])

    def _after_another_word(self, words: list[str]) -> TokenisedTexts:
        """Tokens of each word where another one stands before it."""
        another = len(next(_ids(self._encoder, ["a"], None, special=False)))
        behind = (f"a {word}" for word in words)
        return _flat(ids[another:] for ids in _ids(self._encoder, behind, None, special=False))

    def _unlike_their_words(self) -> frozenset[int]:
        whole = _ids(self._encoder, (" ".join(text.split()) for text in self._texts), None, special=False)
        return frozenset(
            row
            for row, ids in enumerate(whole)
            if not self.words(row) or not np.array_equal(ids, self._joined(self._words[row]))
        )


def _special_tokens(encoder: SentenceTransformer) -> tuple[Tokens, Tokens]:
    """What the tokeniser puts before and behind a text."""
    bare, dressed = (next(_ids(encoder, ["a"], None, special)) for special in (False, True))
    for start in range(len(dressed) - len(bare) + 1):
        if np.array_equal(dressed[start : start + len(bare)], bare):
            return dressed[:start], dressed[start + len(bare) :]
    raise ValueError("the tokeniser changes a text's tokens when it adds special ones")
