"""Phase 3: a classifier on top of the encoder, fine-tuned on the labels (section 3.3)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint, read_json
from threephase.classifier import Classifier
from threephase.data.store import DATASET, LabelledTexts, read_split
from threephase.encoder import tokenise
from threephase.phases.run import Phase, Prepared
from threephase.settings.finetune import FinetuneSettings
from threephase.training import Task


class ClassifiedTexts(Dataset):
    """Texts with their class on the deepest label level."""

    def __init__(self, split: LabelledTexts) -> None:
        self.split = split

    def __getitem__(self, key: Key) -> tuple[str, int]:
        return self.split.texts[key.row], int(self.split.labels[key.row, -1])


def collate(encoder: SentenceTransformer, batch: list[tuple[str, int]]) -> dict[str, Any]:
    """A batch of labelled texts as `Classifier` takes it."""
    texts, labels = zip(*batch, strict=True)
    return {"features": tokenise(encoder, list(texts)), "labels": torch.tensor(labels)}


def texts_of(data: Path, settings: FinetuneSettings) -> list[str]:
    """Texts that phase 3 trains on."""
    return read_split(data, "train").texts


def prepare(encoder: SentenceTransformer, data: Path, settings: FinetuneSettings, seed: int) -> Prepared:
    """Put a fresh head on the encoder and set up cross-entropy with early stopping on validation loss.

    The head knows the classes of the training rows and no others.
    """
    train = read_split(data, "train")
    known = int(train.labels[:, -1].max()) + 1
    validation = _of_classes_below(known, read_split(data, "validation"))
    names = read_json(data / DATASET)["label_names"][-1][:known]
    classifier = Classifier(
        encoder, names, settings.head_hidden, settings.head_dropout, settings.head_activation, settings.freeze
    )
    task = Task(
        model=classifier,
        train=ClassifiedTexts(train),
        batches=ShuffledBatches(len(train), settings.batch_size, seed, "ft-order"),
        validation=[list(zip(validation.texts, validation.labels[:, -1].tolist(), strict=True))],
        collate=partial(collate, encoder),
        epochs=settings.max_epochs,
        evaluations=settings.max_epochs,
        patience=settings.patience,
    )
    return Prepared(
        task,
        seen=fingerprint(train.texts, train.labels, validation.texts, validation.labels),
        report={"texts": len(train), "validation_texts": len(validation), "classes": len(names)},
        save_more=classifier.save_head,
    )


def _of_classes_below(known: int, split: LabelledTexts) -> LabelledTexts:
    """Rows of classes that training knows; no classifier has a loss on the others."""
    rows = np.flatnonzero(split.labels[:, -1] < known)
    return LabelledTexts([split.texts[row] for row in rows], split.labels[rows])


FT = Phase("ft", FinetuneSettings, texts_of, prepare)
