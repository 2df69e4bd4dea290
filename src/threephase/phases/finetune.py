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
from threephase.errors import DataError
from threephase.phases.run import Phase, Prepared
from threephase.settings.finetune import FinetuneSettings
from threephase.training import Task


class ClassifiedTexts(Dataset):
    """Texts with their class on one label level."""

    def __init__(self, texts: list[str], classes: np.ndarray) -> None:
        self.texts = texts
        self.classes = classes

    def __getitem__(self, key: Key) -> tuple[str, int]:
        return self.texts[key.row], int(self.classes[key.row])


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
    level = level_of(settings, data)
    classes = train.labels[:, level]
    known = int(classes.max()) + 1
    validation = _of_classes_below(known, level, read_split(data, "validation"))
    names = read_json(data / DATASET)["label_names"][level][:known]
    classifier = Classifier(
        encoder, names, settings.head_hidden, settings.head_dropout, settings.head_activation, settings.freeze
    )
    task = Task(
        model=classifier,
        train=ClassifiedTexts(train.texts, classes),
        batches=ShuffledBatches(len(train), settings.batch_size, seed, "ft-order"),
        validation=[list(zip(validation.texts, validation.labels[:, level].tolist(), strict=True))],
        collate=partial(collate, encoder),
        epochs=settings.max_epochs,
        evaluations=settings.max_epochs,
        patience=settings.patience,
    )
    return Prepared(
        task,
        seen=fingerprint(train.texts, train.labels, validation.texts, validation.labels),
        report={
            "texts": len(train),
            "validation_texts": len(validation),
            "classes": len(names),
            "label_level": level + 1,
        },
        save_more=classifier.save_head,
    )


def level_of(settings: FinetuneSettings, data: Path) -> int:
    """Place of the label level that phase 3 classifies. Raises DataError if the dataset has not so many."""
    levels = len(read_json(data / DATASET)["label_names"])
    wanted = settings.label_level or levels
    if wanted > levels:
        raise DataError(f"{data}: has {levels} label level(s), but `label_level` is {wanted}; lower it")
    return wanted - 1


def _of_classes_below(known: int, level: int, split: LabelledTexts) -> LabelledTexts:
    """Rows of classes that training knows; no classifier has a loss on the others."""
    rows = np.flatnonzero(split.labels[:, level] < known)
    return LabelledTexts([split.texts[row] for row in rows], split.labels[rows])


FT = Phase("ft", FinetuneSettings, texts_of, prepare)
