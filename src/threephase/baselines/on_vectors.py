"""An encoder with a linear classifier on its vectors: what several baselines are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from threephase.baselines.linear import Linear, load_linear
from threephase.encoders.encoder import load_encoder, save_encoder
from threephase.encoders.vectors import unit_vectors


@dataclass(frozen=True)
class OnVectors:
    """An encoder with a linear classifier on its vectors, which have length 1."""

    encoder: SentenceTransformer
    linear: Linear

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """(n, K) probabilities of the classes for each text."""
        return self.linear.probabilities(unit_vectors(self.encoder, texts))

    def save(self, folder: Path) -> None:
        """Write the encoder, as a checkpoint has it, and its classifier."""
        save_encoder(self.encoder, folder)
        self.linear.save(folder)


def load_on_vectors(folder: Path) -> OnVectors:
    """An encoder and its classifier from their folder."""
    return OnVectors(load_encoder(folder), load_linear(folder))
