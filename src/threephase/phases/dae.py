"""Phase 1: a denoising autoencoder moves the encoder to the texts of the task (section 3.1)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.artifacts.folders import fingerprint
from threephase.data.store import Splits
from threephase.encoders.encoder import add_dense, embedding_width
from threephase.encoders.engines import AnyEncoder, embed
from threephase.encoders.tokens import TokenisedTexts, Tokens, tokenise
from threephase.method.losses import MaskedLanguageLoss, ReconstructionLoss, rank_distance
from threephase.method.masked_tokens import MaskedTexts
from threephase.method.noised_tokens import NoisedTexts, training_texts, validation_texts
from threephase.phases.run import Phase, Prepared
from threephase.processes import shard, summed
from threephase.seeding import drawing, generator
from threephase.settings.dae import DaeSettings, ReconstructionSettings
from threephase.training.batches import Key, ShuffledBatches, passes
from threephase.training.task import Measured, Task

# Settings that act through the noised texts and the decoder alone.
SHAPES_TEXTS = frozenset({"use_unlabelled", "noise_window", "words", "decoder"})

NEW_LAYERS = 10  # times the learning rate, for layers that begin at random under pretrained ones


class StagedKey(NamedTuple):
    """An item, and whether its step is the decoder's alone."""

    key: Key
    decoder_only: bool


class StagedBatches(ShuffledBatches):
    """Batches of which the first `alone` of a training say that the decoder learns alone."""

    def __init__(self, rows: int, batch_size: int, seed: int, purpose: str, alone: int) -> None:
        super().__init__(rows, batch_size, seed, purpose)
        self.alone = alone

    def of_epoch(self, epoch: int) -> Iterator[list[StagedKey]]:  # type: ignore[override]
        """The batches of one epoch."""
        for step, batch in enumerate(super().of_epoch(epoch), start=epoch * len(self)):
            yield [StagedKey(key, step < self.alone) for key in batch]


class StagedTexts(Dataset):
    """(noised, clean) texts with whether the decoder learns alone."""

    def __init__(self, texts: NoisedTexts) -> None:
        self.texts = texts

    def __getitem__(self, place: StagedKey) -> tuple[Tokens, Tokens, bool]:
        return *self.texts[place.key], place.decoder_only


class RandomVectors:
    """A vector for each text that has nothing to do with it but that it is always the same."""

    def __init__(self, width: int, seed: int) -> None:
        self.width = width
        self.seed = seed

    def of(self, texts: Sequence[Tokens]) -> torch.Tensor:
        """Vectors (b, d), standard normal, of texts given as token ids."""
        drawn = [
            generator(self.seed, "dae-vector", crc32(text.tobytes())).standard_normal(self.width, dtype=np.float32)
            for text in texts
        ]
        return torch.from_numpy(np.stack(drawn))


def collate(encode: AnyEncoder, batch: list[tuple[Any, ...]], vectors: RandomVectors | None = None) -> dict[str, Any]:
    """A batch of (noised, clean) texts as `ReconstructionLoss` takes it; a third part says who learns."""
    noised, clean, *stage = zip(*batch, strict=True)
    given: dict[str, Any] = {"source": encode.batch(noised), "target": encode.batch(clean)}
    if vectors:
        given["vectors"] = vectors.of(clean)
    if stage:
        given["decoder_only"] = all(stage[0])
    return given


def validation_loss(
    loss: ReconstructionLoss | MaskedLanguageLoss,
    texts: NoisedTexts | MaskedTexts,
    batch_size: int,
    vectors: RandomVectors | None = None,
) -> float:
    """Phase 1's loss of all its tokens of the texts, each under one fixed draw of noise."""
    items = sorted((texts[Key(0, row)] for row in range(len(texts))), key=lambda item: -len(item[1]))
    total, tokens = 0.0, 0
    for start in shard(range(0, len(items), batch_size)):
        batch = collate(loss.encode, items[start : start + batch_size], vectors)
        scored = loss.scored(batch["target"])
        total += scored * loss(**batch)["loss"].item()
        tokens += scored
    total, tokens = summed(torch.tensor([total, tokens], dtype=torch.float64)).tolist()
    return total / tokens


def texts_of(data: Splits, settings: ReconstructionSettings) -> list[str]:
    """Texts that phase 1 trains on: the training rows and, if wanted, the unlabelled ones."""
    texts = data.read("train").texts
    if settings.train_on_test:
        texts = texts + data.read("test").texts
    return texts + data.read("unlabelled").texts if settings.use_unlabelled else texts


def prepare(encoder: SentenceTransformer, data: Splits, settings: DaeSettings, seed: int) -> Prepared:
    """Add the bottleneck to the encoder and set up reconstruction of noised texts, or of masked tokens.

    Validation is the same loss of the validation texts under one fixed draw of noise or masks.
    """
    texts = texts_of(data, settings)
    validation = data.read("validation").texts
    add_dense(encoder, settings.bottleneck)
    learnt = _masked_language if settings.objective == "masked_language" else _reconstruction
    loss, noised, to_validate, seen, report = learnt(encoder, texts, validation, settings, seed)
    random = RandomVectors(embedding_width(encoder), seed) if settings.decoder_sees == "random" else None
    vectors = random if settings.objective == "reconstruction" else None
    validate = (
        partial(validation_loss, loss, to_validate, settings.eval_batch_size, vectors)
        if settings.selection == "reconstruction"
        else partial(dissimilarity, loss, *labelled_pairs(encoder, data, seed), settings.eval_batch_size)
    )
    batches = ShuffledBatches(len(texts), settings.batch_size, seed, "dae-order")
    epochs = passes(settings.epochs, len(batches), settings.min_steps)
    alone = round(settings.decoder_warmup * epochs * len(batches))
    train: Dataset = noised
    if alone and isinstance(noised, NoisedTexts):
        train = StagedTexts(noised)
        batches = StagedBatches(batches.rows, batches.batch_size, seed, batches.purpose, alone)
    rate = decoder_rate(loss, settings, settings.lr)
    task = Task(
        model=loss,
        train=train,
        batches=batches,
        validate=lambda: Measured(validate()),
        collate=partial(collate, loss.encode, vectors=vectors),
        epochs=epochs,
        evaluations=settings.evaluations,
        rates={"decoder": rate} if rate else {},
    )
    return Prepared(
        task,
        seen=fingerprint(texts, validation, *seen),
        shapes_data=SHAPES_TEXTS,
        report={"texts": len(texts), "validation_texts": len(validation), **report},
        save_more=loss.save_decoder if isinstance(loss, ReconstructionLoss) else None,
    )


def decoder_rate(
    loss: ReconstructionLoss | MaskedLanguageLoss, settings: ReconstructionSettings, lr: float
) -> float | None:
    """The learning rate of what a decoder has of its own; None where that is the phase's, `lr`, or there is none."""
    if not isinstance(loss, ReconstructionLoss):
        return None
    return settings.decoder_lr or (NEW_LAYERS * lr if loss.kind == "small" else None)


class _Learnt(NamedTuple):
    """What phase 1 learns: a loss, its training and validation texts; what it sees of these, and a report on them."""

    loss: ReconstructionLoss | MaskedLanguageLoss
    train: NoisedTexts | MaskedTexts
    validation: NoisedTexts | MaskedTexts
    seen: Sequence[Any] = ()
    report: Mapping[str, Any] = MappingProxyType({})


def _reconstruction(
    encoder: SentenceTransformer, texts: list[str], validation: list[str], settings: DaeSettings, seed: int
) -> _Learnt:
    with drawing(seed, "decoder"):
        loss = ReconstructionLoss(encoder, settings.engine, settings.tied, settings.decoder)
    noised = training_texts(encoder, texts, settings, seed)
    to_validate = validation_texts(encoder, validation, settings, seed)
    return _Learnt(loss, noised, to_validate, *seen_and_told(loss, noised, to_validate))


def seen_and_told(
    loss: ReconstructionLoss, noised: NoisedTexts, to_validate: NoisedTexts
) -> tuple[list[Any], dict[str, Any]]:
    """What reconstruction sees besides texts and settings, for a fingerprint, and what a report says of it."""
    seen = [*noised.seen, *to_validate.seen, [loss.kind]]
    return seen, {"decoder": loss.kind, "share_left_whole": round(noised.left_whole, 4)}


def _masked_language(
    encoder: SentenceTransformer, texts: list[str], validation: list[str], settings: DaeSettings, seed: int
) -> _Learnt:
    masked, to_validate = (
        MaskedTexts(encoder, part, seed, purpose)
        for part, purpose in ((texts, "dae-masks"), (validation, "dae-validation-masks"))
    )
    return _Learnt(MaskedLanguageLoss(encoder, settings.engine), masked, to_validate)


def labelled_pairs(
    encoder: SentenceTransformer, data: Splits, seed: int
) -> tuple[TokenisedTexts, np.ndarray, np.ndarray]:
    """The training texts, random pairs of them (n, 2), and which share all labels (n,)."""
    rows = data.read("train")
    rng = generator(seed, "dae-selection")
    pairs = np.stack([rng.permutation(len(rows)), rng.permutation(len(rows))], axis=1)
    return tokenise(encoder, rows.texts), pairs, (rows.labels[pairs[:, 0]] == rows.labels[pairs[:, 1]]).all(axis=1)


def dissimilarity(
    loss: ReconstructionLoss | MaskedLanguageLoss,
    texts: TokenisedTexts,
    pairs: np.ndarray,
    same: np.ndarray,
    batch_size: int,
) -> float:
    """1 − Spearman's correlation of the cosines of pairs with whether they share their labels."""
    vectors = embed(loss.encode, texts, batch_size)
    u, v = (vectors[torch.from_numpy(side)] for side in pairs.T)
    return rank_distance(u, v, torch.from_numpy(same)).item()


DAE = Phase("dae", DaeSettings, texts_of, prepare)
