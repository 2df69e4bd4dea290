"""Phase 1: a denoising autoencoder moves the encoder to the texts of the task (section 3.1)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint
from threephase.data.store import read_split
from threephase.encoder import add_dense
from threephase.engines import AnyEncoder, embed
from threephase.losses import ReconstructionLoss
from threephase.noise import delete_nltk_words
from threephase.phases.run import Phase, Prepared
from threephase.processes import own_part, summed
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings, ReconstructionSettings
from threephase.tokens import TokenisedTexts, Tokens, WordTokens, tokenise
from threephase.training import Task

TINY = 500  # texts


class NoisedTexts(Dataset):
    """Token ids of texts with those of their noised form; the noise is a function of (seed, purpose, epoch, row)."""

    def __init__(
        self, encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int, purpose: str
    ) -> None:
        self.clean = tokenise(encoder, texts)
        self.words = WordTokens(encoder, texts) if settings.words == "blanks" else NltkTokens(encoder, texts)
        self.deletion_ratio = settings.deletion_ratio
        self.seed = seed
        self.purpose = purpose

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, key: Key) -> tuple[Tokens, Tokens]:
        noised = self.words.noised(key.row, self.deletion_ratio, generator(self.seed, self.purpose, *key))
        return noised, self.clean[key.row]


class NltkTokens:
    """Texts that lose NLTK's tokens, tokenised anew each time (a switch of the released protocol)."""

    def __init__(self, encoder: SentenceTransformer, texts: list[str]) -> None:
        self.encoder = encoder
        self.texts = texts

    def noised(self, row: int, deletion_ratio: float, rng: np.random.Generator) -> Tokens:
        """Token ids of a text without the words that the draw deletes."""
        return tokenise(self.encoder, [delete_nltk_words(self.texts[row], deletion_ratio, rng)])[0]


def collate(encode: AnyEncoder, batch: list[tuple[Tokens, Tokens]]) -> dict[str, Any]:
    """A batch of (noised, clean) texts as `ReconstructionLoss` takes it."""
    noised, clean = zip(*batch, strict=True)
    return {"source": encode.batch(noised), "target": encode.batch(clean)}


def validation_loss(loss: ReconstructionLoss, texts: NoisedTexts, batch_size: int) -> float:
    """L_dae of all tokens of the texts, each under one fixed draw of noise."""
    items = sorted((texts[Key(0, row)] for row in range(len(texts))), key=lambda item: -len(item[1]))
    total, tokens = 0.0, 0
    for start in own_part(range(0, len(items), batch_size)):
        batch = items[start : start + batch_size]
        scored = sum(len(clean) - 1 for _, clean in batch)
        total += scored * loss(**collate(loss.encode, batch))["loss"].item()
        tokens += scored
    total, tokens = summed(torch.tensor([total, tokens], dtype=torch.float64)).tolist()
    return total / tokens


def texts_of(data: Path, settings: ReconstructionSettings) -> list[str]:
    """Texts that phase 1 trains on: the training rows and, if wanted, the unlabelled ones."""
    texts = read_split(data, "train").texts
    if settings.train_on_test:
        texts = texts + read_split(data, "test").texts
    return texts + read_split(data, "unlabelled").texts if settings.use_unlabelled else texts


def prepare(encoder: SentenceTransformer, data: Path, settings: DaeSettings, seed: int) -> Prepared:
    """Add the bottleneck to the encoder and set up reconstruction of noised texts.

    Validation is reconstruction of the validation texts under one fixed draw of noise.
    """
    texts = texts_of(data, settings)
    validation = read_split(data, "validation").texts
    if settings.bottleneck == "dense":
        add_dense(encoder)
    loss = ReconstructionLoss(encoder, settings.engine)
    task = Task(
        model=loss,
        train=NoisedTexts(encoder, texts, settings, seed, "dae-noise"),
        batches=ShuffledBatches(len(texts), batch_size(settings, len(texts)), seed, "dae-order"),
        validate=partial(
            validation_loss, loss, validation_texts(encoder, validation, settings, seed), settings.eval_batch_size
        )
        if settings.selection == "reconstruction"
        else partial(dissimilarity, loss, *labelled_pairs(encoder, data, seed), settings.eval_batch_size),
        collate=partial(collate, loss.encode),
        epochs=settings.epochs,
        evaluations=settings.evaluations,
    )
    return Prepared(
        task,
        seen=fingerprint(texts, validation),
        shapes_data=frozenset({"use_unlabelled"}),
        report={"texts": len(texts), "validation_texts": len(validation)},
    )


def validation_texts(
    encoder: SentenceTransformer, texts: list[str], settings: ReconstructionSettings, seed: int
) -> NoisedTexts:
    """The validation texts with the draw of noise that they keep."""
    return NoisedTexts(encoder, texts, settings, seed, "dae-validation-noise")


def batch_size(settings: DaeSettings, texts: int) -> int:
    """Texts in a batch; the released code has smaller ones where there are few texts."""
    return max(1, round(settings.batch_size * (settings.tiny_data_batch if texts <= TINY else 1)))


def labelled_pairs(
    encoder: SentenceTransformer, data: Path, seed: int
) -> tuple[TokenisedTexts, np.ndarray, np.ndarray]:
    """The training texts, random pairs of them (n, 2), and which share all labels (n,)."""
    rows = read_split(data, "train")
    rng = generator(seed, "dae-selection")
    pairs = np.stack([rng.permutation(len(rows)), rng.permutation(len(rows))], axis=1)
    return tokenise(encoder, rows.texts), pairs, (rows.labels[pairs[:, 0]] == rows.labels[pairs[:, 1]]).all(axis=1)


def dissimilarity(
    loss: ReconstructionLoss, texts: TokenisedTexts, pairs: np.ndarray, same: np.ndarray, batch_size: int
) -> float:
    """1 − Spearman's correlation of the cosines of pairs with whether they share their labels."""
    vectors = embed(loss.encode, texts, batch_size)
    u, v = (vectors[torch.from_numpy(side)] for side in pairs.T)
    ranks = [pd.Series(part).rank() for part in (torch.cosine_similarity(u, v).cpu().numpy(), same)]
    correlation = ranks[0].corr(ranks[1])
    return 1 - (0.0 if np.isnan(correlation) else float(correlation))


DAE = Phase("dae", DaeSettings, texts_of, prepare)
