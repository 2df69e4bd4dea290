"""Word embeddings of the tokens that occur, and no others, while a phase trains."""

from collections.abc import Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from threephase.encoders.tokens import TokenisedTexts
from threephase.settings.common import PhaseSettings


class CompactVocabulary:
    """Narrows an encoder's word embeddings to the tokens of some texts, whose ids it changes in place.

    Without weight decay this is exact: a row that no text has gets no gradient, so AdamW never moves it, and it adds
    nothing to the gradient's norm. With a decoder, whose softmax is over the whole vocabulary, it cannot be done.

    Args:
        encoder: for packed batches.
        texts: all texts that it will see until `restore`.
    """

    def __init__(self, encoder: SentenceTransformer, texts: Sequence[TokenisedTexts]) -> None:
        self._embeddings = encoder.transformers_model.embeddings
        self._full: nn.Embedding = self._embeddings.word_embeddings
        self._used = np.unique(np.concatenate([part.ids for part in texts]))
        for part in texts:
            part.ids = np.searchsorted(self._used, part.ids).astype(np.int32)
        padding = np.flatnonzero(self._used == self._full.padding_idx)
        self._embeddings.word_embeddings = nn.Embedding.from_pretrained(
            self._full.weight.detach()[torch.from_numpy(self._used)].clone(),
            freeze=False,
            padding_idx=int(padding[0]) if len(padding) else None,
        )

    def restore(self) -> None:
        """Give the encoder all its word embeddings again, those that were trained among them."""
        with torch.no_grad():
            self._full.weight[torch.from_numpy(self._used)] = self._embeddings.word_embeddings.weight
        self._embeddings.word_embeddings = self._full


def compact(settings: PhaseSettings, encoder: SentenceTransformer, *texts: TokenisedTexts) -> CompactVocabulary | None:
    """Narrow the vocabulary where the (resolved) settings want it and it is exact; None where not."""
    exact = settings.engine == "packed" and settings.weight_decay == 0
    return CompactVocabulary(encoder, texts) if settings.compact_vocabulary and exact else None
