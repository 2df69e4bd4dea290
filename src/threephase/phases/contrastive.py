"""Phase 2: contrastive learning on pairs of texts draws the classes apart (section 3.2)."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.utils.data import Dataset

from threephase.artifacts.folders import fingerprint
from threephase.data.store import LabelledTexts, Splits, training_rows, validation_rows
from threephase.encoders.encoder import add_dense
from threephase.encoders.engines import AnyEncoder, embed
from threephase.encoders.packed.vocabulary import compact
from threephase.encoders.tokens import TokenisedTexts, tokenise
from threephase.errors import DataError
from threephase.method.anchors import draw_anchored_pairs
from threephase.method.imbalance import balanced_rows, resized_rows
from threephase.method.losses import (
    MultipleNegativesLoss,
    SiameseLoss,
    SupervisedContrastiveLoss,
    rank_distance,
    squared_distance,
)
from threephase.method.pairs import Pairs, draw_pairs, rounds_of_pairs
from threephase.method.stop_words import (
    delete_stop_words,
    lower_case,
    stop_words_of,
    with_and_without_stop_words,
)
from threephase.phases.run import Phase, Prepared
from threephase.seeding import generator
from threephase.settings.contrastive import ContrastiveSettings, PairSettings
from threephase.training.batches import Key, ShuffledBatches, passes
from threephase.training.task import Measured, Task

# Settings that act through the pairs alone.
SHAPES_PAIRS = frozenset(PairSettings.model_fields) - {"projection"}


class Balanced(NamedTuple):
    """The balanced data: original texts first, then the added copies with their noise."""

    texts: list[str]
    labels: np.ndarray  # (m, L)
    resized: dict[str, dict[str, int]]  # by class (labels from coarse to fine): rows before and after
    left_whole: int = 0  # added copies of which the noise deletes nothing


class TextPairs(Dataset):
    """Token ids of the two texts of a pair, its label value and, where there are `classes` (m,), theirs."""

    def __init__(self, texts: TokenisedTexts, pairs: Pairs, classes: np.ndarray | None = None) -> None:
        self.texts = texts
        self.pairs = pairs
        self.classes = classes

    def __getitem__(self, key: Key) -> tuple[Any, ...]:
        left, right = self.pairs.left[key.row], self.pairs.right[key.row]
        pair = self.texts[left], self.texts[right], float(self.pairs.target[key.row])
        return pair if self.classes is None else (*pair, self.classes[left], self.classes[right])


def collate(encode: AnyEncoder, batch: list[tuple[Any, ...]]) -> dict[str, Any]:
    """A batch of pairs as `SiameseLoss` takes it."""
    left, right, target, *classes = zip(*batch, strict=True)
    given = {"texts": encode.batch([*left, *right]), "labels": torch.tensor(target, dtype=torch.float32)}
    return given | ({"classes": torch.from_numpy(np.concatenate(classes))} if classes else {})


def validation_loss(
    loss: SiameseLoss, pairs: TextPairs, batch_size: int, measure: Callable[..., Tensor] = squared_distance
) -> float:
    """L_cl of all pairs, or another `measure` of both vectors and the label; each of their texts is embedded once."""
    vectors = embed(loss.encode, pairs.texts, batch_size)
    drawn = pairs.pairs
    u, v = (vectors[torch.from_numpy(side).long()] for side in (drawn.left, drawn.right))
    return measure(u, v, torch.from_numpy(drawn.target).to(vectors.device)).item()


def validation_loss_in_batches(loss: SiameseLoss, pairs: TextPairs, batches: ShuffledBatches, batch_size: int) -> float:
    """A loss that looks at a batch of pairs at once: its mean over fixed batches, each text embedded once."""
    vectors = embed(loss.encode, pairs.texts, batch_size)
    classes, labels = torch.from_numpy(pairs.classes), torch.from_numpy(pairs.pairs.target)
    sides = torch.from_numpy(np.stack([pairs.pairs.left, pairs.pairs.right])).long()
    total = 0.0
    for batch in batches.of_epoch(0):
        rows = torch.tensor([key.row for key in batch])
        texts = sides[:, rows].flatten()
        of_batch = loss.of(vectors[texts], labels[rows].to(vectors.device), classes[texts].to(vectors.device))
        total += len(batch) * of_batch.item()
    return total / len(labels)


def balance(train: LabelledTexts, settings: PairSettings, seed: int, model_type: str = "bert") -> Balanced:
    """Imbalance correction on the deepest label level, with noise on the added copies (section 3.2.1).

    `model_type` of the base model decides what the released protocol's noise is.
    """
    texts = [lower_case(text) for text in train.texts] if settings.lower_case else list(train.texts)
    if settings.imbalance == "none":
        return Balanced(texts, train.labels, {})
    paths, classes = np.unique(train.labels, axis=0, return_inverse=True)
    classes, sources, stop_words = classes.reshape(-1), np.arange(len(train)), stop_words_of(settings.stop_words)
    if settings.stop_word_noise == "released" and "roberta" in model_type:
        resized = resized_rows(classes, settings.minratio, settings.maxratio)
        texts, sources = with_and_without_stop_words(texts, resized, stop_words)
    rows, copies = balanced_rows(
        classes[sources], settings.minratio, settings.maxratio, seed, settings.resizing == "whole"
    )
    noise = settings.noise if settings.stop_word_noise == "copies" else 0.0
    for row, copy in zip(rows[len(texts) :], copies[len(texts) :], strict=True):
        rng = generator(seed, "stop-words", int(row), int(copy))
        texts.append(delete_stop_words(texts[row], noise, settings.noise_min_words, stop_words, rng))
    added = range(len(sources), len(texts))
    left_whole = sum(texts[place] == texts[rows[place]] for place in added)
    sources = sources[rows]
    before, after = np.bincount(classes), np.bincount(classes[sources])
    report = {
        "/".join(map(str, paths[place])): {"before": int(before[place]), "after": int(after[place])}
        for place in np.flatnonzero(before != after)
    }
    return Balanced(texts, train.labels[sources], report, left_whole)


def pairs_of(balanced: Balanced, pairs_per_text: int, settings: PairSettings, seed: int, draw: int = 0) -> Pairs:
    """Pairs of the balanced data, drawn as the settings say, as many of each label value; each `draw` is another."""
    text_ids, _ = pd.factorize(pd.Series(balanced.texts))
    if settings.pairing == "anchor":
        return draw_anchored_pairs(text_ids, balanced.labels, pairs_per_text, seed, draw)
    classes = len(np.unique(balanced.labels, axis=0))
    rounds = rounds_of_pairs(pairs_per_text, classes)
    return draw_pairs(text_ids, balanced.labels, rounds, seed, draw * rounds, settings.unique_pairs)


def pairs_for(balanced: Balanced, settings: ContrastiveSettings, seed: int) -> Pairs:
    """The pairs of phase 2: so many per text, or as many as give `min_steps` steps where there are so many."""
    pairs = pairs_of(balanced, settings.pairs_per_text, settings, seed)
    wanted = settings.min_steps * settings.batch_size
    if len(pairs) < wanted:
        pairs = pairs_of(balanced, -(-settings.pairs_per_text * wanted // len(pairs)), settings, seed)
    return pairs


def classes_of(labels: np.ndarray) -> np.ndarray:
    """(n,) a number for the class of the deepest level, of labels (n, L)."""
    return np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)


def validation_pairs_of(data: Splits, settings: PairSettings, seed: int) -> tuple[LabelledTexts, Pairs]:
    """The labelled validation texts, which stay as they are, and their fixed, balanced pairs."""
    split, unique = (
        validation_rows(data, settings.label_fraction, seed),
        settings.model_copy(update={"unique_pairs": True}),
    )
    balanced = Balanced(split.texts, split.labels, {})
    try:
        return split, pairs_of(balanced, settings.validation_pairs_per_text, unique, seed)
    except DataError as error:
        raise DataError(f"validation split: {error} there, by `validation_size` or `label_fraction`") from None


def texts_of(data: Splits, settings: PairSettings) -> list[str]:
    """Texts that phase 2 trains on."""
    return data.read("train").texts


def prepare(encoder: SentenceTransformer, data: Splits, settings: ContrastiveSettings, seed: int) -> Prepared:
    """Add the projection to the encoder and set up one pass over pairs of the balanced data.

    Validation is the same loss on fixed, balanced pairs of the validation texts.
    """
    model_type = encoder.transformers_model.config.model_type
    train = training_rows(data, settings.label_fraction, seed, settings.train_on_test)
    balanced = balance(train, settings, seed, model_type)
    pairs = pairs_for(balanced, settings, seed)
    if settings.selection == "training":
        pairs, validation_pairs = _tenth_held_out(pairs, seed)
        validation = LabelledTexts(balanced.texts, balanced.labels)
    else:
        validation, validation_pairs = validation_pairs_of(data, settings, seed)
    add_dense(encoder, settings.projection)
    texts, texts_to_validate = tokenise(encoder, balanced.texts), tokenise(encoder, validation.texts)
    loss = _loss(encoder, settings)
    vocabulary = compact(settings, encoder, texts, texts_to_validate)
    train_pairs, to_validate = TextPairs(texts, pairs), TextPairs(texts_to_validate, validation_pairs)
    measure = squared_distance if settings.criterion == "loss" else rank_distance
    validate = partial(validation_loss, loss, to_validate, settings.eval_batch_size, measure)
    if settings.objective != "cosine_mse":
        train_pairs.classes, to_validate.classes = classes_of(balanced.labels), classes_of(validation.labels)
        if settings.criterion == "loss":
            fixed = ShuffledBatches(len(validation_pairs), settings.batch_size, seed, "cl-validation-order")
            validate = partial(validation_loss_in_batches, loss, to_validate, fixed, settings.eval_batch_size)
    batches = ShuffledBatches(len(pairs), settings.batch_size, seed, "cl-order")
    task = Task(
        model=loss,
        train=train_pairs,
        batches=batches,
        validate=lambda: Measured(validate()),
        collate=partial(collate, loss.encode),
        epochs=passes(1, len(batches), settings.min_steps),
        evaluations=settings.evaluations,
    )
    return Prepared(
        task,
        seen=[fingerprint_of(balanced.texts, pairs), fingerprint_of(validation.texts, validation_pairs)],
        shapes_data=SHAPES_PAIRS,
        report={
            "texts": len(balanced.texts),
            "classes_resized": balanced.resized,
            "copies_left_whole": balanced.left_whole,
            "pairs": pairs.report,
            "validation_pairs": validation_pairs.report,
        },
        finish=vocabulary.restore if vocabulary else None,
    )


def _loss(encoder: SentenceTransformer, settings: ContrastiveSettings) -> SiameseLoss:
    if settings.objective == "supcon":
        return SupervisedContrastiveLoss(encoder, settings.engine, settings.temperature)
    if settings.objective == "multiple_negatives":
        return MultipleNegativesLoss(encoder, settings.engine, settings.temperature)
    return SiameseLoss(encoder, settings.engine)


def _tenth_held_out(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """Nine tenths of the pairs and the last one, drawn at random: the released code selects on the latter."""
    order = generator(seed, "cl-selection").permutation(len(pairs))
    cut = len(order) - max(1, len(order) // 10)
    return pairs.part(np.sort(order[:cut])), pairs.part(np.sort(order[cut:]))


def fingerprint_of(texts: list[str], pairs: Pairs) -> str:
    """Hash of pairs with their texts."""
    return fingerprint(texts, pairs.left, pairs.right, pairs.target)


CL = Phase("cl", ContrastiveSettings, texts_of, prepare)
