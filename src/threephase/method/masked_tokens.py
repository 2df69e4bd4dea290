"""Texts with masked tokens, as BERT was trained: the control beside the noise of phase 1."""

import numpy as np
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.encoders.tokens import Tokens, tokenise
from threephase.method.noised_tokens import mask_token
from threephase.seeding import generator

RATIO = 0.15  # of the tokens that are wanted; of these, in BERT's way,
MASKED, SWAPPED = 0.8, 0.1  # are masked, or become any token of the vocabulary; the rest stays


class MaskedTexts(Dataset):
    """Token ids of texts with masks, and the tokens wanted there (padding elsewhere).

    Masks are a function of (seed, purpose, epoch, row). At least one token is wanted, and none of the special ones.

    Args:
        encoder: whose tokeniser and length are used.
        texts: the texts.
        seed: the run's seed.
        purpose: keeps the masks of training and validation apart.

    Raises:
        ModelError: if the tokeniser has no mask token.
    """

    def __init__(self, encoder: SentenceTransformer, texts: list[str], seed: int, purpose: str) -> None:
        self.clean = tokenise(encoder, texts)
        self.mask = mask_token(encoder)
        self.padding = int(encoder.tokenizer.pad_token_id)
        self.special = np.array(encoder.tokenizer.all_special_ids)
        self.vocabulary = len(encoder.tokenizer)
        self.seed = seed
        self.purpose = purpose

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tokens, Tokens]:
        epoch, row = key
        return self.masked(self.clean[row], generator(self.seed, self.purpose, epoch, row))

    def masked(self, ids: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """Token ids (t,) with masks, and the wanted ones."""
        ordinary = np.flatnonzero(~np.isin(ids, self.special))
        wanted, masked = np.full_like(ids, self.padding), ids.copy()
        if len(ordinary):
            chosen = rng.permutation(ordinary)[: max(1, round(RATIO * len(ordinary)))]
            wanted[chosen] = ids[chosen]
            fate, swapped = rng.random(len(chosen)), rng.integers(self.vocabulary, size=len(chosen))
            masked[chosen] = np.where(
                fate < MASKED, self.mask, np.where(fate < MASKED + SWAPPED, swapped, ids[chosen])
            )  # fmt: skip
        return masked, wanted
