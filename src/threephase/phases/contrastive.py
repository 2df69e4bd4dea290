"""Phase 2: contrastive learning on pairs of texts draws the classes apart (section 3.2)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.batches import Key, ShuffledBatches
from threephase.checkpoint import fingerprint
from threephase.data.store import LabelledTexts, read_split, training_rows
from threephase.encoder import add_dense
from threephase.engines import AnyEncoder, embed
from threephase.imbalance import balanced_rows
from threephase.losses import SiameseLoss, squared_distance
from threephase.noise import delete_stop_words, negation_safe_stop_words
from threephase.packed.vocabulary import compact
from threephase.pairs import Pairs, draw_pairs, rounds_of_pairs
from threephase.phases.run import Phase, Prepared
from threephase.seeding import generator
from threephase.settings.contrastive import ContrastiveSettings, PairSettings
from threephase.tokens import TokenisedTexts, Tokens, tokenise
from threephase.training import Task

# Settings that act through the pairs alone.
SHAPES_PAIRS = frozenset(PairSettings.model_fields) - {"projection"}


class Balanced(NamedTuple):
    """The balanced data: original texts first, then the added copies with their noise."""

    texts: list[str]
    labels: np.ndarray  # (m, L)
    resized: dict[str, dict[str, int]]  # by class (labels from coarse to fine): rows before and after


class TextPairs(Dataset):
    """Token ids of the two texts of a pair, and its label value."""

    def __init__(self, texts: TokenisedTexts, pairs: Pairs) -> None:
        self.texts = texts
        self.pairs = pairs

    def __getitem__(self, key: Key) -> tuple[Tokens, Tokens, float]:
        left, right = self.pairs.left[key.row], self.pairs.right[key.row]
        return self.texts[left], self.texts[right], float(self.pairs.target[key.row])


def collate(encode: AnyEncoder, batch: list[tuple[Tokens, Tokens, float]]) -> dict[str, Any]:
    """A batch of pairs as `SiameseLoss` takes it."""
    left, right, target = zip(*batch, strict=True)
    return {"texts": encode.batch([*left, *right]), "labels": torch.tensor(target, dtype=torch.float32)}


def validation_loss(loss: SiameseLoss, pairs: TextPairs, batch_size: int) -> float:
    """L_cl of all pairs; each of their texts is embedded once."""
    vectors = embed(loss.encode, pairs.texts, batch_size)
    drawn = pairs.pairs
    u, v = (vectors[torch.from_numpy(side).long()] for side in (drawn.left, drawn.right))
    return squared_distance(u, v, torch.from_numpy(drawn.target).to(vectors.device)).item()


def balance(train: LabelledTexts, settings: PairSettings, seed: int, model_type: str = "bert") -> Balanced:
    """Imbalance correction on the deepest label level, with noise on the added copies (section 3.2.1).

    `model_type` of the base model decides what the released protocol's noise is.
    """
    if settings.imbalance == "none":
        return Balanced(train.texts, train.labels, {})
    paths, classes = np.unique(train.labels, axis=0, return_inverse=True)
    classes = classes.reshape(-1)
    rows, copies = balanced_rows(classes, settings.minratio, settings.maxratio, seed, settings.resizing == "whole")
    noised = _noise_on_copies(settings, model_type)
    texts = list(train.texts)
    for row, copy in zip(rows[len(train) :], copies[len(train) :], strict=True):
        texts.append(noised(train.texts[row], generator(seed, "stop-words", int(row), int(copy))))
    before, after = np.bincount(classes), np.bincount(classes[rows])
    resized = {
        "/".join(map(str, paths[place])): {"before": int(before[place]), "after": int(after[place])}
        for place in np.flatnonzero(before != after)
    }
    return Balanced(texts, train.labels[rows], resized)


def _noise_on_copies(settings: PairSettings, model_type: str) -> Callable[[str, np.random.Generator], str]:
    """What an added copy loses of its text."""
    stop_words = negation_safe_stop_words()
    if settings.stop_word_noise == "copies":
        return lambda text, rng: delete_stop_words(text, settings.noise, settings.noise_min_words, stop_words, rng)
    if "roberta" in model_type:
        return lambda text, rng: delete_stop_words(text.lower(), 1.0, 1, stop_words, rng)
    return lambda text, rng: text


def pairs_of(balanced: Balanced, pairs_per_text: int, seed: int, draw: int = 0, unique: bool = True) -> Pairs:
    """Unique pairs of the balanced data, as many of each label value; another `draw` has rounds of its own."""
    text_ids, _ = pd.factorize(pd.Series(balanced.texts))
    classes = len(np.unique(balanced.labels, axis=0))
    rounds = rounds_of_pairs(pairs_per_text, classes)
    return draw_pairs(text_ids, balanced.labels, rounds, seed, draw * rounds, unique)


def validation_pairs_of(data: Path, settings: PairSettings, seed: int) -> tuple[LabelledTexts, Pairs]:
    """The validation texts, which stay as they are, and their fixed, balanced pairs."""
    split = read_split(data, "validation")
    return split, pairs_of(Balanced(split.texts, split.labels, {}), settings.validation_pairs_per_text, seed)


def texts_of(data: Path, settings: PairSettings) -> list[str]:
    """Texts that phase 2 trains on."""
    return read_split(data, "train").texts


def prepare(encoder: SentenceTransformer, data: Path, settings: ContrastiveSettings, seed: int) -> Prepared:
    """Add the projection to the encoder and set up one pass over pairs of the balanced data.

    Validation is the same loss on fixed, balanced pairs of the validation texts.
    """
    model_type = encoder.transformers_model.config.model_type
    train = training_rows(data, settings.label_fraction, seed, settings.train_on_test)
    balanced = balance(train, settings, seed, model_type)
    pairs = pairs_of(balanced, settings.pairs_per_text, seed, unique=settings.unique_pairs)
    if settings.selection == "training":
        pairs, validation_pairs = _tenth_held_out(pairs, seed)
        validation = LabelledTexts(balanced.texts, balanced.labels)
    else:
        validation, validation_pairs = validation_pairs_of(data, settings, seed)
    if settings.projection == "dense":
        add_dense(encoder)
    texts, texts_to_validate = tokenise(encoder, balanced.texts), tokenise(encoder, validation.texts)
    loss = SiameseLoss(encoder, settings.engine)
    vocabulary = compact(settings, encoder, texts, texts_to_validate)
    task = Task(
        model=loss,
        train=TextPairs(texts, pairs),
        batches=ShuffledBatches(len(pairs), settings.batch_size, seed, "cl-order"),
        validate=partial(
            validation_loss, loss, TextPairs(texts_to_validate, validation_pairs), settings.eval_batch_size
        ),
        collate=partial(collate, loss.encode),
        epochs=1,
        evaluations=settings.evaluations,
    )
    return Prepared(
        task,
        seen=[fingerprint_of(balanced.texts, pairs), fingerprint_of(validation.texts, validation_pairs)],
        shapes_data=SHAPES_PAIRS,
        report={
            "texts": len(balanced.texts),
            "classes_resized": balanced.resized,
            "pairs": pairs.report,
            "validation_pairs": validation_pairs.report,
        },
        finish=vocabulary.restore if vocabulary else None,
    )


def _tenth_held_out(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """Nine tenths of the pairs and the last one, drawn at random: the released code selects on the latter."""
    order = generator(seed, "cl-selection").permutation(len(pairs))
    cut = len(order) - max(1, len(order) // 10)
    return pairs.part(np.sort(order[:cut])), pairs.part(np.sort(order[cut:]))


def fingerprint_of(texts: list[str], pairs: Pairs) -> str:
    """Hash of pairs with their texts."""
    return fingerprint(texts, pairs.left, pairs.right, pairs.target)


CL = Phase("cl", ContrastiveSettings, texts_of, prepare)
