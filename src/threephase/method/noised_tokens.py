"""The noise of phase 1 on token ids: texts tokenised once, from which words can be left out or masked."""

from collections.abc import Sequence

import numpy as np
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.encoders.tokens import TokenisedTexts, Tokens, flat, kept_words_of, token_ids, tokenise
from threephase.errors import ModelError
from threephase.method.noise import delete_nltk_words, kept_words
from threephase.seeding import generator
from threephase.settings.dae import ReconstructionSettings


class WordTokens:
    """Texts from which words can be left out, as token ids: those of the words that stay, joined by blanks.

    Each distinct word is tokenised once, as the first of a text and as a later one (which RoBERTa tells apart). Where
    a text's tokens are not those of its words, or the text has none, `of` tokenises what is left of it as text.

    Args:
        encoder: whose tokeniser and length are used.
        texts: the texts.
        masked: words are not left out: one mask token stands in place of each.

    Raises:
        ModelError: if the tokeniser has no mask token and `masked` needs one.
    """

    def __init__(self, encoder: SentenceTransformer, texts: Sequence[str], masked: bool = False) -> None:
        self._encoder = encoder
        self._texts = texts
        self._mask = np.array([mask_token(encoder)], dtype=np.int32) if masked else None
        places: dict[str, int] = {}
        self._words = flat(
            np.fromiter((places.setdefault(word, len(places)) for word in text.split()), dtype=np.int32)
            for text in texts
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
        return int(self._words.starts[row + 1] - self._words.starts[row])

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of `delete_words(text, deletion_ratio, rng)`, or of `mask_words` with `masked`."""
        words = self.words(row)
        return self.of(row, kept_words(words, deletion_ratio, rng) if words else np.ones(0, dtype=bool))

    def of(self, row: int, keep: np.ndarray) -> Tokens:
        """Token ids of a text with the words that `keep` (words,) marks, cut at the encoder's length."""
        if row in self._as_text:
            text = " ".join(self._noised_words(self._texts[row].split(), keep)) or self._texts[row]
            return next(token_ids(self._encoder, [text], self._encoder.max_seq_length))
        room = self._encoder.max_seq_length - len(self._before) - len(self._after)
        words = self._words[row]
        if self._mask is None:
            noised = self._joined(words[keep])
        else:
            tokens = [self._first[words[0]], *(self._later[word] for word in words[1:])]
            noised = np.concatenate([own if stays else self._mask for own, stays in zip(tokens, keep, strict=True)])
        return np.concatenate([self._before, noised[:room], self._after])

    def _noised_words(self, words: list[str], keep: np.ndarray) -> list[str]:
        mask = [] if self._mask is None else [self._encoder.tokenizer.mask_token]
        return [part for word, stays in zip(words, keep, strict=True) for part in ([word] if stays else mask)]

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
            if not self.words(row) or not np.array_equal(ids, self._joined(self._words[row]))
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

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of a text without the words that the draw deletes."""
        return tokenise(self.encoder, [delete_nltk_words(self.texts[row], deletion_ratio, rng)])[0]


class NoisedTexts(Dataset):
    """Token ids of texts with those of their noised form; the noise is a function of (seed, purpose, epoch, row)."""

    def __init__(
        self, encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int, purpose: str
    ) -> None:
        self.clean = tokenise(encoder, texts)
        self.window = kept_words_of(encoder, texts, self.clean) if settings.noise_window == "kept" else texts
        self.words = (
            WordTokens(encoder, self.window, settings.word_noise == "mask")
            if settings.words == "blanks"
            else NltkTokens(encoder, self.window)
        )
        self.deletion_ratio = settings.deletion_ratio
        self.seed = seed
        self.purpose = purpose

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tokens, Tokens]:
        epoch, row = key
        noised = self.words.noised(row, self.deletion_ratio, generator(self.seed, self.purpose, epoch, row))
        return noised, self.clean[row]


def validation_texts(
    encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int
) -> NoisedTexts:
    """The validation texts with the draw of noise that they keep, that of epoch 0."""
    return NoisedTexts(encoder, texts, settings, seed, "dae-validation-noise")
