"""Phase 1: a denoising autoencoder moves the encoder to the texts of the task (section 3.1)."""

from functools import partial
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.checkpoint import fingerprint
from threephase.data.store import read_split
from threephase.encoder import add_dense, tokenise
from threephase.losses import ReconstructionLoss
from threephase.noise import delete_words
from threephase.phases.run import Phase, Prepared
from threephase.seeding import generator
from threephase.settings.dae import DaeSettings
from threephase.training import Task


class NoisedTexts(Dataset):
    """Texts with their noised form; the noise is a function of (seed, purpose, epoch, row)."""

    def __init__(self, texts: list[str], deletion_ratio: float, seed: int, purpose: str) -> None:
        self.texts = texts
        self.deletion_ratio = deletion_ratio
        self.seed = seed
        self.purpose = purpose
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the noise of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> tuple[str, str]:
        rng = generator(self.seed, self.purpose, self.epoch, row)
        return delete_words(self.texts[row], self.deletion_ratio, rng), self.texts[row]


def collate(encoder: SentenceTransformer, batch: list[tuple[str, str]]) -> dict[str, Any]:
    """A batch of (noised, clean) texts as `ReconstructionLoss` takes it."""
    noised, clean = zip(*batch, strict=True)
    return {"source": tokenise(encoder, list(noised)), "labels": tokenise(encoder, list(clean))}


def texts_of(data: Path, settings: DaeSettings) -> list[str]:
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
    task = Task(
        model=ReconstructionLoss(encoder),
        train=NoisedTexts(texts, settings.deletion_ratio, seed, "dae-noise"),
        validation=NoisedTexts(validation, settings.deletion_ratio, seed, "dae-validation-noise"),
        collate=partial(collate, encoder),
        epochs=settings.epochs,
        evaluations=settings.evaluations,
    )
    return Prepared(
        task,
        seen=fingerprint(texts, validation),
        shapes_data=frozenset({"use_unlabelled"}),
        report={"texts": len(texts), "validation_texts": len(validation)},
    )


DAE = Phase("dae", DaeSettings, texts_of, prepare)
