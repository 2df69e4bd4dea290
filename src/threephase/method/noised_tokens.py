"""The noise of phase 1 on token ids: texts tokenised once, from which words can be left out or masked."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.encoders.tokens import TokenisedTexts, Tokens, flat, kept_words_of, token_ids, tokenise
from threephase.encoders.words import by_characters, words_of
from threephase.errors import DataError, ModelError
from threephase.method import noise
from threephase.method.noise import kept_words
from threephase.seeding import generator
from threephase.settings.common import Words
from threephase.settings.dae import ReconstructionSettings

LOOKED_AT = 2000  # texts that are asked for their number of words


class WordTokens:
    """Texts from which words can be left out, as token ids: those of the words that stay, joined by blanks.

    Each distinct word is tokenised once, as the first of a text and as a later one (which RoBERTa tells apart). Where
    a text's tokens are not those of its words, its words are characters, or it has none, `of` tokenises what is left
    of it as text.

    Args:
        encoder: whose tokeniser and length are used.
        texts: the texts.
        masked: words are not left out: one mask token stands in place of each.
        words: what a word is: "blanks", "characters" or, text by text, one of these ("auto").

    Raises:
        ModelError: if the tokeniser has no mask token and `masked` needs one.
    """

    def __init__(
        self, encoder: SentenceTransformer, texts: Sequence[str], masked: bool = False, words: Words = "blanks"
    ) -> None:
        self._encoder = encoder
        self._texts = texts
        self._by_characters = frozenset(row for row, text in enumerate(texts) if by_characters(text, words))
        self._mask = np.array([mask_token(encoder)], dtype=np.int32) if masked else None
        places: dict[str, int] = {}
        self._words = flat(
            np.fromiter((places.setdefault(word, len(places)) for word in self._between_blanks(row)), dtype=np.int32)
            for row in range(len(texts))
        )
        distinct = list(places)
        self._first = flat(token_ids(encoder, distinct, None, special=False))
        self._later = self._after_another_word(distinct)
        self._before, self._after = _special_tokens(encoder)
        self._as_text = self._unlike_their_words()

    def __len__(self) -> int:
        return len(self._words)

    def words(self, row: int) -> int:
        """Number of words of a text."""
        if row in self._by_characters:
            return sum(map(len, words_of(self._texts[row], characters=True)))
        return int(self._words.starts[row + 1] - self._words.starts[row])

    @property
    def seen(self) -> tuple[Sequence[str] | np.ndarray, ...]:
        """What noise acts on, for a fingerprint."""
        return self._texts, np.array(sorted(self._by_characters), dtype=np.int64)

    def _between_blanks(self, row: int) -> list[str]:
        return [] if row in self._by_characters else self._texts[row].split()

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of `delete_words(text, deletion_ratio, rng)`, or of `mask_words` with `masked`."""
        words = self.words(row)
        return self.of(row, kept_words(words, deletion_ratio, rng) if words else np.ones(0, dtype=bool))

    def of(self, row: int, keep: np.ndarray) -> Tokens:
        """Token ids of a text with the words that `keep` (words,) marks, cut at the encoder's length."""
        if row in self._as_text:
            pieces = words_of(self._texts[row], row in self._by_characters)
            mask = "" if self._mask is None else self._encoder.tokenizer.mask_token
            text = noise.noised(pieces, keep, mask) or self._texts[row]
            return next(token_ids(self._encoder, [text], self._encoder.max_seq_length))
        room = self._encoder.max_seq_length - len(self._before) - len(self._after)
        words = self._words[row]
        if self._mask is None:
            noised = self._joined(words[keep])
        else:
            tokens = [self._first[words[0]], *(self._later[word] for word in words[1:])]
            noised = np.concatenate([own if stays else self._mask for own, stays in zip(tokens, keep, strict=True)])
        return np.concatenate([self._before, noised[:room], self._after])

    def _joined(self, words: np.ndarray) -> Tokens:
        return np.concatenate([self._first[words[0]], *(self._later[word] for word in words[1:])])

    def _after_another_word(self, words: list[str]) -> TokenisedTexts:
        """Tokens of each word where another one stands before it."""
        another = len(next(token_ids(self._encoder, ["a"], None, special=False)))
        behind = (f"a {word}" for word in words)
        return flat(ids[another:] for ids in token_ids(self._encoder, behind, None, special=False))

    def _unlike_their_words(self) -> frozenset[int]:
        whole = token_ids(self._encoder, (" ".join(text.split()) for text in self._texts), None, special=False)
        return frozenset(
            row
            for row, ids in enumerate(whole)
            if row in self._by_characters
            or not self.words(row)
            or not np.array_equal(ids, self._joined(self._words[row]))
        )


def mask_token(encoder: SentenceTransformer) -> int:
    """The id of the tokeniser's mask token. Raises ModelError where it has none."""
    if encoder.tokenizer.mask_token_id is None:
        raise ModelError(
            "the base model's tokeniser has no mask token, so no word can be masked; use `word_noise: delete` and "
            "`objective: reconstruction` for dae, or another base model"
        )
    return int(encoder.tokenizer.mask_token_id)


def _special_tokens(encoder: SentenceTransformer) -> tuple[Tokens, Tokens]:
    """What the tokeniser puts before and behind a text."""
    bare, dressed = (next(token_ids(encoder, ["a"], None, special)) for special in (False, True))
    for start in range(len(dressed) - len(bare) + 1):
        if np.array_equal(dressed[start : start + len(bare)], bare):
            return dressed[:start], dressed[start + len(bare) :]
    raise ValueError("the tokeniser changes a text's tokens when it adds special ones")


class NltkTokens:
    """Texts that lose NLTK's tokens, tokenised anew each time (a switch of the released protocol)."""

    def __init__(self, encoder: SentenceTransformer, texts: list[str]) -> None:
        self.encoder = encoder
        self.texts = texts

    def words(self, row: int) -> int:
        """Number of words of a text."""
        return len(noise.nltk_words(self.texts[row]))

    @property
    def seen(self) -> tuple[list[str], ...]:
        """What noise acts on, for a fingerprint."""
        return self.texts, ["nltk"]

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of a text without the words that the draw deletes."""
        return tokenise(self.encoder, [noise.delete_nltk_words(self.texts[row], deletion_ratio, rng)])[0]


class PieceTokens:
    """Texts that lose tokens, whatever words these are pieces of; with `masked`, a mask stands in place of each.

    Args:
        encoder: whose tokeniser and length are used.
        texts: the texts as token ids, cut at the encoder's length or not.
        masked: as above.
    """

    def __init__(self, encoder: SentenceTransformer, texts: TokenisedTexts, masked: bool = False) -> None:
        self._texts = texts
        self._limit = encoder.max_seq_length
        self._mask = mask_token(encoder) if masked else None
        self._before, self._after = _special_tokens(encoder)

    def words(self, row: int) -> int:
        """Number of tokens of a text, special ones not counted."""
        return len(self._texts[row]) - len(self._before) - len(self._after)

    @property
    def seen(self) -> tuple[np.ndarray | list[str], ...]:
        """What noise acts on, for a fingerprint."""
        return self._texts.ids, self._texts.starts, ["pieces"]

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of a text without those that the draw deletes, cut at the encoder's length."""
        pieces = self.words(row)
        if not pieces:
            return self._texts[row]
        left = self._texts[row][len(self._before) : len(self._before) + pieces]
        keep = kept_words(pieces, deletion_ratio, rng)
        left = left[keep] if self._mask is None else np.where(keep, left, np.int32(self._mask))
        room = self._limit - len(self._before) - len(self._after)
        return np.concatenate([self._before, left[:room], self._after])


class NoisedTexts(Dataset):
    """Token ids of texts with those of their noised form; the noise is a function of (seed, purpose, epoch, row).

    `seen` is what noise acts on, for a fingerprint.
    """

    def __init__(
        self, encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int, purpose: str
    ) -> None:
        self.clean = tokenise(encoder, texts)
        self.words = _words_of(encoder, texts, self.clean, settings)
        self.seen = self.words.seen
        self.special = len(next(token_ids(encoder, [""], None)))  # tokens that every text has
        self.deletion_ratio = settings.deletion_ratio
        self.seed = seed
        self.purpose = purpose

    @cached_property
    def left_whole(self) -> float:
        """The share of texts of which noise can delete nothing, since one word at the least stays.

        A text that is one token to the base model, be it an unknown one, is one word at the most.
        """
        rows = np.unique(np.linspace(0, len(self) - 1, min(len(self), LOOKED_AT), dtype=int))
        two = self.special + 2
        return float(np.mean([len(self.clean[row]) < two or self.words.words(int(row)) < 2 for row in rows]))

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tokens, Tokens]:
        epoch, row = key
        noised = self.words.noised(row, self.deletion_ratio, generator(self.seed, self.purpose, epoch, row))
        return noised, self.clean[row]


def _words_of(
    encoder: SentenceTransformer, texts: list[str], clean: TokenisedTexts, settings: ReconstructionSettings
) -> WordTokens | NltkTokens | PieceTokens:
    """The words of texts (and of these as token ids) that noise acts on: all, or those that the length keeps whole."""
    kept, masked = settings.noise_window == "kept", settings.word_noise == "mask"
    if settings.words == "pieces":
        return PieceTokens(encoder, clean if kept else flat(token_ids(encoder, texts, None)), masked)
    window = kept_words_of(encoder, texts, clean, settings.words) if kept else texts
    if settings.words == "nltk":
        return NltkTokens(encoder, window)
    return WordTokens(encoder, window, masked, settings.words)


def training_texts(
    encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int
) -> NoisedTexts:
    """The texts that phase 1 trains on. Raises DataError where noise would leave more than half of them whole."""
    noised = NoisedTexts(encoder, texts, settings, seed, "dae-noise")
    if settings.deletion_ratio and (share := noised.left_whole) > 0.5:
        other = "auto" if settings.words in ("blanks", "nltk") else "pieces"
        advice = "" if settings.words == "pieces" else f"say `words: {other}` under dae, "
        raise DataError(
            f"the noise of phase 1 would leave {share:.0%} of the texts whole: with `words: {settings.words}` they "
            f"have one word each, or one token, and one stays; {advice}take a base model that knows their script, or "
            "variants without dae and joint"
        )
    return noised


def validation_texts(
    encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int
) -> NoisedTexts:
    """The validation texts with the draw of noise that they keep, that of epoch 0."""
    return NoisedTexts(encoder, texts, settings, seed, "dae-validation-noise")
