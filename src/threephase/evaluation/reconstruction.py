"""Whether phase 1 rebuilds texts from their vectors: cross-entropy under the right vector, a wrong one, and none."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from threephase.encoders.engines import arithmetic, device_of, embed, resolve_engine
from threephase.encoders.tokens import TokenisedTexts, Tokens
from threephase.method.losses import ReconstructionLoss


def derangement(rows: int, rng: np.random.Generator) -> np.ndarray:
    """(rows,) another row for each row: all rows in one ring of random order. A single row has itself alone."""
    ring = rng.permutation(rows)
    other = np.empty(rows, dtype=np.int64)
    other[ring] = np.roll(ring, 1)
    return other


def reconstruction(
    loss: ReconstructionLoss, texts: Sequence[tuple[Tokens, Tokens]], other: np.ndarray, batch_size: int
) -> dict[str, float]:
    """Cross-entropy in nats per token of clean texts, in fp32, given as (noised, clean).

    `right`: under the vector of their own noised form. `wrong`: under that of the text `other` (n,). `gain`: wrong −
    right, what the vector tells of its text; a decoder that ignores its vector has none.
    """
    noised, clean = zip(*texts, strict=True)
    longest_first = np.argsort([-len(text) for text in clean], kind="stable")
    device = device_of(resolve_engine("auto", loss.encode.encoder))
    loss.to(device).eval()
    sums, tokens = np.zeros(2), 0
    with torch.inference_mode(), arithmetic("fp32", device):
        vectors = embed(loss.encode, noised, batch_size)
        for start in range(0, len(clean), batch_size):
            places = longest_first[start : start + batch_size]
            target = loss.encode.batch([clean[place] for place in places])
            scored = sum(len(clean[place]) - 1 for place in places)
            sums += [scored * loss.rebuild(vectors[rows], target).item() for rows in (places, other[places])]
            tokens += scored
    right, wrong = (sums / tokens).tolist()
    return {"right": right, "wrong": wrong, "gain": wrong - right}


def unigram(train: TokenisedTexts, texts: Sequence[Tokens], vocabulary: int) -> float:
    """Cross-entropy in nats per token of texts under the token frequencies of the training texts, add-one smoothed.

    Counted and scored is what a decoder must say: all tokens but the first of each text.
    """
    said = np.delete(train.ids, train.starts[:-1])
    counts = 1 + np.bincount(said, minlength=vocabulary)
    log_p = np.log(counts / counts.sum())
    return float(-log_p[list(chain.from_iterable(text[1:] for text in texts))].mean())
