"""Joint: phases 1 and 2 at once, their losses summed (section 3.3.1)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count, islice
from operator import attrgetter
from typing import Any, NamedTuple

from sentence_transformers import SentenceTransformer
from torch.utils.data import Dataset

from threephase.artifacts.folders import fingerprint
from threephase.data.store import Splits, training_rows
from threephase.encoders.encoder import add_dense, as_it_stands
from threephase.encoders.engines import AnyEncoder
from threephase.encoders.tokens import tokenise
from threephase.method.losses import JointLoss, ReconstructionLoss, SiameseLoss
from threephase.method.noised_tokens import NoisedTexts, training_texts, validation_texts
from threephase.method.pairs import Pairs
from threephase.phases import contrastive, dae
from threephase.phases.contrastive import Balanced, TextPairs
from threephase.phases.run import Phase, Prepared
from threephase.seeding import drawing
from threephase.settings.joint import JointSettings
from threephase.training.batches import Key, ShuffledBatches, passes
from threephase.training.task import Measured, Task


class JointKey(NamedTuple):
    """An item of one of the two streams."""

    stream: str  # "dae" or "cl"
    key: Key  # its pass over the stream, and the row in it


class JointBatches:
    """A batch of noised texts and a batch of pairs for every step.

    A stream that is too short starts again, and every pass over a stream has noise, pairs and order of its own.
    `alternating` makes two steps of each: one of texts, one of pairs.

    Args:
        texts: the batches of noised texts; they count as `epochs` passes long.
        pairs: the batches of pairs, one for each pass over them.
        steps: how many.
    """

    def __init__(
        self, texts: ShuffledBatches, pairs: list[ShuffledBatches], steps: int, alternating: bool = False
    ) -> None:
        self.texts = texts
        self.pairs = pairs
        self.steps = steps
        self.alternating = alternating

    def __len__(self) -> int:
        return 2 * self.steps if self.alternating else self.steps

    def of_epoch(self, epoch: int) -> Iterator[list[JointKey]]:
        """The batches of the one epoch that there is."""
        noised = (batch for draw in count() for batch in self.texts.of_epoch(draw))
        paired = (batch for draw, batches in enumerate(self.pairs) for batch in batches.of_epoch(draw))
        for left, right in islice(zip(noised, paired, strict=False), self.steps):
            of_texts, of_pairs = [JointKey("dae", key) for key in left], [JointKey("cl", key) for key in right]
            yield from [of_texts, of_pairs] if self.alternating else [of_texts + of_pairs]


class JointItems(Dataset):
    """Noised texts, and the pairs of each draw; an item says which of the two it is."""

    def __init__(self, noised: NoisedTexts, draws: list[TextPairs]) -> None:
        self.noised = noised
        self.draws = draws

    def __getitem__(self, place: JointKey) -> tuple[str, Any]:
        stream, key = place
        return stream, self.noised[key] if stream == "dae" else self.draws[key.epoch][key]


def collate(encodes: dict[str, AnyEncoder], batch: list[tuple[str, Any]]) -> dict[str, Any]:
    """A batch of items as `JointLoss` takes it; `encodes`: the encoder of each stream."""
    parts: dict[str, Callable[..., dict[str, Any]]] = {"dae": dae.collate, "cl": contrastive.collate}
    items = {stream: [item for name, item in batch if name == stream] for stream in parts}
    return {stream: part(encodes[stream], items[stream]) for stream, part in parts.items() if items[stream]}


def draws_of_pairs(balanced: Balanced, settings: JointSettings, seed: int, wanted: int) -> list[Pairs]:
    """One draw of pairs and, where it does not last for so many steps, further ones."""
    draws: list[Pairs] = []
    steps = 0
    while not draws or steps < wanted:
        draw = contrastive.pairs_of(balanced, settings.pairs_per_text, settings, seed, draw=len(draws))
        draws.append(replace(draw, target=0 * draw.target) if settings.pair_labels == "zero" else draw)
        steps += -(-len(draws[-1]) // settings.pair_batch_size)
    return draws


def prepare(encoder: SentenceTransformer, data: Splits, settings: JointSettings, seed: int) -> Prepared:
    """Add bottleneck and projection to the encoder and set up both tasks at once.

    The decoder reads the bottleneck, the cosine the projection on top of it, as in phases 1 and 2. Validation is
    the sum of the two phases' validation losses. The texts have a floor of steps, as in phase 1.
    """
    texts = dae.texts_of(data, settings)
    train = training_rows(data, settings.label_fraction, seed, settings.train_on_test)
    balanced = contrastive.balance(train, settings, seed, encoder.transformers_model.config.model_type)
    batches = ShuffledBatches(len(texts), settings.batch_size, seed, "dae-order")
    steps_of_texts = passes(settings.epochs, len(batches), settings.min_steps) * len(batches)
    draws = draws_of_pairs(balanced, settings, seed, steps_of_texts if settings.steps == "longer" else 0)
    batches_of_pairs = [ShuffledBatches(len(draw), settings.pair_batch_size, seed, "cl-order") for draw in draws]
    steps_of_pairs = len(batches_of_pairs[0])
    steps = (max if settings.steps == "longer" else min)(steps_of_texts, steps_of_pairs)
    alternating = settings.schedule == "alternating"
    validation = data.read("validation").texts
    split, validation_pairs = contrastive.validation_pairs_of(data, settings, seed)
    add_dense(encoder, settings.bottleneck)
    with drawing(seed, "decoder"):
        reconstruction = ReconstructionLoss(as_it_stands(encoder), settings.engine, settings.tied, settings.decoder)
    add_dense(encoder, settings.projection)
    siamese = SiameseLoss(encoder, settings.engine)
    texts_of_pairs = tokenise(encoder, balanced.texts)
    noised = training_texts(encoder, texts, settings, seed)
    texts_to_validate = validation_texts(encoder, validation, settings, seed)
    pairs_to_validate = TextPairs(tokenise(encoder, split.texts), validation_pairs)

    def validate() -> Measured:
        of_texts = dae.validation_loss(reconstruction, texts_to_validate, settings.eval_batch_size)
        return Measured(of_texts + contrastive.validation_loss(siamese, pairs_to_validate, settings.eval_batch_size))

    rate = dae.decoder_rate(reconstruction, settings, settings.lr)
    task = Task(
        model=JointLoss(reconstruction, siamese),
        train=JointItems(
            noised,
            [TextPairs(texts_of_pairs, draw) for draw in draws],
        ),
        batches=JointBatches(batches, batches_of_pairs, steps, alternating),
        validate=validate,
        collate=partial(collate, {"dae": reconstruction.encode, "cl": siamese.encode}),
        stream=attrgetter("stream"),
        epochs=1,
        evaluations=settings.evaluations,
        rates={"reconstruction.decoder": rate} if rate else {},
        warmup_steps=int(settings.warmup * (steps_of_texts + steps_of_pairs)) * (2 if alternating else 1)
        if settings.warmup_of == "streams"
        else None,
    )
    seen, told = dae.seen_and_told(reconstruction, noised, texts_to_validate)
    return Prepared(
        task,
        seen=[
            fingerprint(texts, validation, *seen),
            *(contrastive.fingerprint_of(balanced.texts, draw) for draw in draws),
            contrastive.fingerprint_of(split.texts, validation_pairs),
        ],
        shapes_data=contrastive.SHAPES_PAIRS | dae.SHAPES_TEXTS,
        report={
            "texts": len(texts),
            **told,
            "classes_resized": balanced.resized,
            "copies_left_whole": balanced.left_whole,
            "steps_of_texts": steps_of_texts,
            "steps_of_pairs": steps_of_pairs,
            "draws_of_pairs": [draw.report for draw in draws],
            "validation_texts": len(validation),
            "validation_pairs": validation_pairs.report,
        },
        save_more=reconstruction.save_decoder,
    )


JOINT = Phase("joint", JointSettings, dae.texts_of, prepare)
