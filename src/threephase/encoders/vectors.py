"""Vectors of texts as simple classifiers and probes read them: in fp32, with length 1."""

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from threephase.encoders.engines import arithmetic, device_of, embed, resolve_engine, with_engine
from threephase.encoders.tokens import tokenise

BATCH = 32  # so small that fp32 fits wherever a training did


def unit_vectors(encoder: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """Vectors (n, d) of texts, computed in fp32, with length 1; on a GPU where there is one."""
    encode = with_engine(encoder, "auto")
    device = device_of(resolve_engine("auto", encoder))
    encode.to(device).eval()
    with torch.inference_mode(), arithmetic("fp32", device):
        return on_the_sphere(embed(encode, tokenise(encoder, texts), BATCH).cpu().numpy())


def on_the_sphere(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) with length 1, in double precision; a vector of zeros stays."""
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
