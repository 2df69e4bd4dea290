"""Phase 3: a classifier on top of the encoder, fine-tuned on the labels (section 3.3)."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.utils.data import Dataset

from threephase.artifacts.folders import fingerprint
from threephase.data.store import LabelledTexts, Splits, level_of, training_rows, validation_rows
from threephase.encoders.encoder import add_dense, randomise
from threephase.encoders.engines import AnyEncoder, arithmetic, device_of, embed
from threephase.encoders.packed.vocabulary import CompactVocabulary, compact
from threephase.encoders.tokens import TokenisedTexts, tokenise
from threephase.method.calibration import fit_temperature
from threephase.method.classifier import Classifier
from threephase.method.metrics import classification_metrics
from threephase.phases.run import Phase, Prepared
from threephase.seeding import drawing
from threephase.settings.finetune import FinetuneSettings
from threephase.training.batches import Key, ShuffledBatches
from threephase.training.task import Measured, Rank, Task, by_loss, by_score


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


def validated(classifier: Classifier, texts: Classified, batch_size: int, score: str = "accuracy") -> Measured:
    """L_ft of all texts, the accuracy or macro F1 of what is predicted for them as the score, and both; in fp32."""
    logits = logits_of(classifier, texts, batch_size)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(texts.classes).to(logits.device)).item()
    scores = classification_metrics(texts.classes, logits.argmax(dim=1).cpu().numpy(), classifier.label_names)
    return Measured(loss, scores[SCORES[score]], scores["accuracy"], scores["f1"])


def logits_of(classifier: Classifier, texts: Classified, batch_size: int) -> Tensor:
    """Scores (n, K) of all texts, in fp32."""
    given, device = texts.texts, classifier.encoder.device
    with arithmetic("fp32", device.type):
        vectors = given.to(device) if isinstance(given, Tensor) else embed(classifier.encode, given, batch_size)
        return classifier.logits(vectors)


def finish(
    classifier: Classifier, validation: Classified, batch_size: int, vocabulary: CompactVocabulary | None
) -> None:
    """Fit the trained classifier's temperature on the rows that chose its epoch, and give it all its words again."""
    classifier.eval()
    with torch.inference_mode():
        probabilities = logits_of(classifier, validation, batch_size).softmax(dim=1).cpu().numpy()
    classifier.temperature = fit_temperature(probabilities, validation.classes)
    if vocabulary:
        vocabulary.restore()


# Criteria of phase 3 that are scores, by their names among the metrics.
SCORES = {"accuracy": "accuracy", "macro_f1": "f1"}


def criterion_of(settings: FinetuneSettings) -> Callable[[Measured], Rank]:
    """What ranks the epochs."""
    return by_score if settings.criterion in SCORES else by_loss


def stopping_of(settings: FinetuneSettings) -> Callable[[Sequence[Measured]], bool] | None:
    """The rule that ends a training early, if any."""
    if settings.stopping == "none":
        return None
    if settings.stopping == "rises":
        return partial(after_rises, patience=settings.patience, max_epochs=settings.max_epochs)
    return partial(without_a_better_one, patience=settings.patience, criterion=criterion_of(settings))


def without_a_better_one(found: Sequence[Measured], patience: int, criterion: Callable[[Measured], Rank]) -> bool:
    """Whether the best epoch, the first of equals, is `patience` epochs old (section 3.3)."""
    ranks = [criterion(measured) for measured in found]
    return len(ranks) - 1 - ranks.index(min(ranks)) >= patience


def after_rises(found: Sequence[Measured], patience: int, max_epochs: int) -> bool:
    """The released rule: `patience` rises in a row, or many rows that broke off sooner, and then one more epoch.

    It looks at the losses, whatever the criterion, before it trains an epoch, so the last one is not looked at. Many
    rows: twice the patience, but no more than half of the epochs.
    """
    rises = broken = 0
    for before, after in pairwise(found[:-1]):
        if before.loss < after.loss:
            rises += 1
        elif rises:
            rises, broken = 0, broken + 1
    return rises >= patience or broken >= min(max_epochs / 2, 2 * patience)


def texts_of(data: Splits, settings: FinetuneSettings) -> list[str]:
    """Texts that phase 3 trains on."""
    return data.read("train").texts


def prepare(encoder: SentenceTransformer, data: Splits, settings: FinetuneSettings, seed: int) -> Prepared:
    """Put a fresh head on the encoder and set up cross-entropy with early stopping by the criterion.

    The head knows the classes of the training rows and no others.
    """
    train = training_rows(data, settings.label_fraction, seed)
    level = level_of(data, settings.label_level)
    classes = train.labels[:, level]
    known = int(classes.max()) + 1
    if settings.stopping_split == "test":
        validation = data.read("test")
    else:
        validation = validation_rows(data, settings.label_fraction, seed)
    validation = _of_classes_below(known, level, validation)
    if settings.encoder == "random":
        with drawing(seed, "encoder"):
            randomise(encoder)
    for _ in range(settings.layers):
        add_dense(encoder)
    names = data.described["label_names"][level][:known]
    classifier = Classifier(
        encoder, names, settings.head_hidden, settings.head_dropout, settings.head_activation, settings.freeze,
        settings.engine, seed,
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
        validate=partial(
            validated,
            classifier,
            validate_on,
            settings.eval_batch_size,
            settings.criterion if settings.criterion in SCORES else "accuracy",
        ),
        collate=partial(collate, classifier.encode),
        epochs=settings.max_epochs,
        evaluations=settings.max_epochs,
        criterion=criterion_of(settings),
        stop=stopping_of(settings),
        rates={} if settings.head_lr is None else {"head": settings.head_lr},
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
        finish=partial(finish, classifier, validate_on, settings.eval_batch_size, vocabulary),
        save_more=classifier.save_head,
    )


def frozen_vectors(classifier: Classifier, texts: TokenisedTexts, settings: FinetuneSettings) -> Tensor:
    """Vectors (n, d) of texts, in fp32. A frozen encoder gives the same in every epoch: once is enough."""
    device = device_of(settings.engine)
    classifier.to(device).eval()
    with torch.no_grad(), arithmetic("fp32", device):
        return embed(classifier.encode, texts, settings.eval_batch_size).cpu()


def _of_classes_below(known: int, level: int, split: LabelledTexts) -> LabelledTexts:
    """Rows of classes that training knows; no classifier has a loss on the others."""
    rows = np.flatnonzero(split.labels[:, level] < known)
    return LabelledTexts([split.texts[row] for row in rows], split.labels[rows])


FT = Phase("ft", FinetuneSettings, texts_of, prepare)
