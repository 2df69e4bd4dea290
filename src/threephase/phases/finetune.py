"""Phase 3: a classifier on top of the encoder, fine-tuned on the labels (section 3.3)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint, read_json
from threephase.classifier import Classifier
from threephase.data.store import DATASET, LabelledTexts, read_split, training_rows
from threephase.encoder import randomise
from threephase.engines import AnyEncoder, arithmetic, device_of, embed
from threephase.errors import DataError
from threephase.packed.vocabulary import compact
from threephase.phases.run import Phase, Prepared
from threephase.settings.finetune import FinetuneSettings
from threephase.tokens import TokenisedTexts, tokenise
from threephase.training import Task


class Classified(Dataset):
    """Texts, as token ids or (of a frozen encoder) as vectors, with their class."""

    def __init__(self, texts: TokenisedTexts | Tensor, classes: np.ndarray) -> None:
        self.texts = texts
        self.classes = classes

    def __getitem__(self, key: Key) -> tuple[Any, int]:
        return self.texts[key.row], int(self.classes[key.row])


def collate(encode: AnyEncoder, batch: list[tuple[Any, int]]) -> dict[str, Any]:
    """A batch of classified texts as `Classifier` takes it."""
    texts, labels = zip(*batch, strict=True)
    given = {"vectors": torch.stack(texts)} if isinstance(texts[0], Tensor) else {"texts": encode.batch(texts)}
    return {**given, "labels": torch.tensor(labels)}


def validation_loss(classifier: Classifier, texts: Classified, batch_size: int) -> float:
    """L_ft of all texts."""
    given = texts.texts
    vectors = given if isinstance(given, Tensor) else embed(classifier.encode, given, batch_size)
    return classifier.loss(vectors, torch.from_numpy(texts.classes)).item()


def texts_of(data: Path, settings: FinetuneSettings) -> list[str]:
    """Texts that phase 3 trains on."""
    return read_split(data, "train").texts


def prepare(encoder: SentenceTransformer, data: Path, settings: FinetuneSettings, seed: int) -> Prepared:
    """Put a fresh head on the encoder and set up cross-entropy with early stopping on validation loss.

    The head knows the classes of the training rows and no others.
    """
    train = training_rows(data, settings.label_fraction, seed)
    level = level_of(settings, data)
    classes = train.labels[:, level]
    known = int(classes.max()) + 1
    validation = _of_classes_below(known, level, read_split(data, settings.stopping_split))
    if settings.encoder == "random":
        randomise(encoder)
    names = read_json(data / DATASET)["label_names"][level][:known]
    classifier = Classifier(
        encoder, names, settings.head_hidden, settings.head_dropout, settings.head_activation, settings.freeze,
        settings.engine,
    )  # fmt: skip
    texts, texts_to_validate = tokenise(encoder, train.texts), tokenise(encoder, validation.texts)
    vocabulary = None if settings.freeze else compact(settings, encoder, texts, texts_to_validate)
    train_on, validate_on = (
        Classified(frozen_vectors(classifier, part, settings) if settings.freeze else part, labels)
        for part, labels in ((texts, classes), (texts_to_validate, validation.labels[:, level]))
    )
    task = Task(
        model=classifier,
        train=train_on,
        batches=ShuffledBatches(len(train), settings.batch_size, seed, "ft-order"),
        validate=partial(validation_loss, classifier, validate_on, settings.eval_batch_size),
        collate=partial(collate, classifier.encode),
        epochs=settings.max_epochs,
        evaluations=settings.max_epochs,
        patience=settings.patience,
        rises=settings.stopping == "rises",
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
        finish=vocabulary.restore if vocabulary else None,
        save_more=classifier.save_head,
    )


def frozen_vectors(classifier: Classifier, texts: TokenisedTexts, settings: FinetuneSettings) -> Tensor:
    """Vectors (n, d) of texts. A frozen encoder gives them without dropout, the same in every epoch: once is enough."""
    device = device_of(settings.engine)
    classifier.to(device).eval()
    with torch.no_grad(), arithmetic(settings.precision, device):
        return embed(classifier.encode, texts, settings.eval_batch_size).cpu()


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
