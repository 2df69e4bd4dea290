"""Phase 1: a denoising autoencoder moves the encoder to the texts of the task (section 3.1)."""

from functools import partial
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint
from threephase.data.store import read_split
from threephase.encoder import add_dense, tokenise
from threephase.losses import ReconstructionLoss
from threephase.noise import delete_words
from threephase.phases.run import Phase, Prepared
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings, ReconstructionSettings
from threephase.training import Task


class NoisedTexts(Dataset):
    """Texts with their noised form; the noise is a function of (seed, purpose, epoch, row)."""

    def __init__(self, texts: list[str], deletion_ratio: float, seed: int, purpose: str) -> None:
        self.texts = texts
        self.deletion_ratio = deletion_ratio
        self.seed = seed
        self.purpose = purpose

    def __getitem__(self, key: Key) -> tuple[str, str]:
        rng = generator(self.seed, self.purpose, *key)
        return delete_words(self.texts[key.row], self.deletion_ratio, rng), self.texts[key.row]


def collate(encoder: SentenceTransformer, batch: list[tuple[str, str]]) -> dict[str, Any]:
    """A batch of (noised, clean) texts as `ReconstructionLoss` takes it."""
    noised, clean = zip(*batch, strict=True)
    return {"source": tokenise(encoder, list(noised)), "labels": tokenise(encoder, list(clean))}


def texts_of(data: Path, settings: ReconstructionSettings) -> list[str]:
    """Texts that phase 1 trains on: the training rows and, if wanted, the unlabelled ones."""
    texts = read_split(data, "train").texts
    return texts + read_split(data, "unlabelled").texts if settings.use_unlabelled else texts


def validation_items(data: Path, deletion_ratio: float, seed: int) -> list[tuple[str, str]]:
    """The validation texts under one fixed draw of noise."""
    texts = read_split(data, "validation").texts
    noised = NoisedTexts(texts, deletion_ratio, seed, "dae-validation-noise")
    return [noised[Key(0, row)] for row in range(len(texts))]


def prepare(encoder: SentenceTransformer, data: Path, settings: DaeSettings, seed: int) -> Prepared:
    """Add the bottleneck to the encoder and set up reconstruction of noised texts.

    Validation is reconstruction of the validation texts under one fixed draw of noise.
    """
    texts = texts_of(data, settings)
    validation = validation_items(data, settings.deletion_ratio, seed)
    if settings.bottleneck == "dense":
        add_dense(encoder)
    task = Task(
        model=ReconstructionLoss(encoder),
        train=NoisedTexts(texts, settings.deletion_ratio, seed, "dae-noise"),
        batches=ShuffledBatches(len(texts), settings.batch_size, seed, "dae-order"),
        validation=[validation],
        collate=partial(collate, encoder),
        epochs=settings.epochs,
        evaluations=settings.evaluations,
    )
    return Prepared(
        task,
        seen=fingerprint(texts, (clean for _, clean in validation)),
        shapes_data=frozenset({"use_unlabelled"}),
        report={"texts": len(texts), "validation_texts": len(validation)},
    )


DAE = Phase("dae", DaeSettings, texts_of, prepare)
