"""Phase 1: a denoising autoencoder moves the encoder to the texts of the task (section 3.1)."""

from functools import partial
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint
from threephase.data.store import read_split
from threephase.encoder import add_dense
from threephase.engines import AnyEncoder
from threephase.losses import ReconstructionLoss
from threephase.noise import kept_words
from threephase.phases.run import Phase, Prepared
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings, ReconstructionSettings
from threephase.tokens import Tokens, WordTokens, tokenise
from threephase.training import Task


class NoisedTexts(Dataset):
    """Token ids of texts with those of their noised form; the noise is a function of (seed, purpose, epoch, row)."""

    def __init__(
        self, encoder: SentenceTransformer, texts: list[str], deletion_ratio: float, seed: int, purpose: str
    ) -> None:
        self.clean = tokenise(encoder, texts)
        self.words = WordTokens(encoder, texts)
        self.deletion_ratio = deletion_ratio
        self.seed = seed
        self.purpose = purpose

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, key: Key) -> tuple[Tokens, Tokens]:
        clean = self.clean[key.row]
        words = self.words.words(key.row)
        if not words:
            return clean, clean
        keep = kept_words(words, self.deletion_ratio, generator(self.seed, self.purpose, *key))
        return self.words.of(key.row, keep), clean


def collate(encode: AnyEncoder, batch: list[tuple[Tokens, Tokens]]) -> dict[str, Any]:
    """A batch of (noised, clean) texts as `ReconstructionLoss` takes it."""
    noised, clean = zip(*batch, strict=True)
    return {"source": encode.batch(noised), "target": encode.batch(clean)}


def validation_loss(loss: ReconstructionLoss, texts: NoisedTexts, batch_size: int) -> float:
    """L_dae of all tokens of the texts, each under one fixed draw of noise."""
    items = sorted((texts[Key(0, row)] for row in range(len(texts))), key=lambda item: -len(item[1]))
    total, tokens = 0.0, 0
    for start in range(0, len(items), batch_size):
        batch = items[start : start + batch_size]
        scored = sum(len(clean) - 1 for _, clean in batch)
        total += scored * loss(**collate(loss.encode, batch))["loss"].item()
        tokens += scored
    return total / tokens


def texts_of(data: Path, settings: ReconstructionSettings) -> list[str]:
    """Texts that phase 1 trains on: the training rows and, if wanted, the unlabelled ones."""
    texts = read_split(data, "train").texts
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
        train=NoisedTexts(encoder, texts, settings.deletion_ratio, seed, "dae-noise"),
        batches=ShuffledBatches(len(texts), settings.batch_size, seed, "dae-order"),
        validate=partial(
            validation_loss, loss, validation_texts(encoder, validation, settings, seed), settings.eval_batch_size
        ),
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
    return NoisedTexts(encoder, texts, settings.deletion_ratio, seed, "dae-validation-noise")


DAE = Phase("dae", DaeSettings, texts_of, prepare)
