"""What training a phase has to do: steps, tokens, floating-point operations, memory; by formula, from real texts.

Operations are those of matrix products, padding not counted; a training step costs three forward passes.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from threephase.artifacts.folders import ORIGIN, read_json, sha256_json
from threephase.data.store import Splits, training_rows
from threephase.encoders.decoder import INNER, LAYERS
from threephase.encoders.encoder import LONGEST_MARGIN, load_encoder, position_limit
from threephase.encoders.tokens import count_tokens
from threephase.errors import UserError
from threephase.evaluation.probe import ROWS
from threephase.method import masked_tokens
from threephase.phases import contrastive
from threephase.settings.common import Decoder, PhaseSettings
from threephase.settings.contrastive import ContrastiveSettings, PairSettings
from threephase.settings.dataset import SPLITS, ExpectedRows
from threephase.training.batches import passes

SAMPLE = 2000  # texts whose tokens are counted
BACKWARD = 2  # a backward pass costs two forward passes
FP32 = 4  # bytes of a weight
STATES = 5  # of a trained weight: itself, its gradient, AdamW's two, the kept best
LIBRARIES = 700 * 2**20  # bytes that a process has before it loads a model
OWN = "reads the vector"  # what a base model's origin.json says of a decoder of its own that can serve
UNLIMITED = 2**31  # positions of a model of relative ones


@dataclass(frozen=True)
class Shape:
    """A base model as costs see it, with its tokeniser."""

    width: int
    inner: int
    layers: int
    heads: int
    vocabulary: int
    parameters: int
    positions: int
    encoder: Any  # SentenceTransformer
    own_decoder: bool = True  # whether its own architecture has one that reads its vectors

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        """The shape of the encoder in a folder."""
        encoder = load_encoder(folder)
        config = encoder.transformers_model.config
        return cls(
            config.hidden_size, _inner(config), config.num_hidden_layers, config.num_attention_heads, config.vocab_size,
            sum(weight.numel() for weight in encoder.parameters()), position_limit(encoder) or UNLIMITED, encoder,
            read_json(folder / ORIGIN)["own_decoder"] == OWN,
        )  # fmt: skip

    def forward(self, tokens: np.ndarray) -> float:
        """Operations of one pass over a text, mean over texts of these lengths."""
        return self._layers(tokens, self.layers, self.inner)

    def decode(self, tokens: np.ndarray, small: bool = False) -> float:
        """Operations of the decoder for a text: layers that also read one vector, and the words' scores."""
        layers, inner = (LAYERS, INNER * self.width) if small else (self.layers, self.inner)
        crossing = layers * 4 * self.width**2
        head = 2 * self.width * self.vocabulary + 2 * self.width**2
        return self._layers(tokens, layers, inner) + float((tokens * (crossing + head)).mean())

    def _layers(self, tokens: np.ndarray, layers: int, inner: int) -> float:
        a_token = 8 * self.width**2 + 4 * self.width * inner
        return float((layers * (tokens * a_token + 4 * tokens**2 * self.width)).mean())

    def takes_small(self, wanted: Decoder) -> bool:
        """Whether this setting comes to the small decoder here."""
        return wanted == "small" or (wanted == "auto" and not self.own_decoder)

    def of_decoder(self, small: bool) -> int:
        """Weights that a decoder has besides those that it shares, but for scores of words."""
        cross_attention = 4 * self.width**2
        if small:
            return LAYERS * (cross_attention + 4 * self.width**2 + 2 * INNER * self.width**2)
        return self.layers * cross_attention


def _inner(config: Any) -> int:
    """Width of a layer's inner states, by the names that architectures have for it; 4 times the outer one's where none.

    GPT-2 has a name and says nothing.
    """
    named = (getattr(config, name, None) for name in ("intermediate_size", "hidden_dim", "d_ff", "d_inner"))
    return int(next((width for width in named if width), 4 * config.hidden_size))


@dataclass(frozen=True)
class Corpus:
    """A dataset as costs see it: rows of each split, and texts to count tokens of.

    `factor` says how many times the rows there will be where this is a part of the dataset.
    """

    folder: Path
    rows: dict[str, float]
    texts: list[str]
    factor: float = 1.0

    @classmethod
    def of(cls, folder: Path) -> "Corpus":
        """The dataset in a folder of splits, of which only the training texts are read: the others are counted."""
        data = Splits(folder)
        rows = {name: float(data.described["counts"][name]["rows"]) for name in SPLITS}
        texts = data.read("train").texts
        return cls(folder, rows, [texts[row] for row in np.random.default_rng(0).permutation(len(texts))[:SAMPLE]])

    def of_rows(self, rows: dict[str, float]) -> "Corpus":
        """With so many rows of each split."""
        return replace(self, rows=rows, factor=self.factor * rows["train"] / self.rows["train"])

    def full(self, expected: ExpectedRows, in_folds: bool = False) -> "Corpus":
        """With the rows that the dataset is known to have, where it has fewer here.

        `in_folds`: the test rows are a fold of the labelled ones.
        """
        labelled = self.rows["train"] + (0 if expected.validation else self.rows["validation"])
        labelled += self.rows["test"] if in_folds else 0
        factor = max(1.0, (expected.train or 0) / labelled)
        rows = {name: max(count * factor, count) for name, count in self.rows.items()}
        rows |= {name: float(given) for name in ("test", "validation", "unlabelled")
                 if (given := getattr(expected, name)) is not None and not (in_folds and name == "test")}  # fmt: skip
        return replace(self, rows=rows, factor=factor)


@dataclass(frozen=True)
class Work:
    """What one training does."""

    steps: float
    tokens: float  # that the encoder and the decoder read in training, special ones counted
    training: float  # operations
    validation: float  # operations of one evaluation
    evaluations: int
    weights: float  # bytes of the libraries, and of the weights with all that AdamW keeps of them
    activations: float  # bytes that a step's backward pass needs, in packed batches

    @property
    def operations(self) -> float:
        """All of them."""
        return self.training + self.evaluations * self.validation

    @property
    def of_a_step(self) -> float:
        """Operations of one training step."""
        return self.training / self.steps


class Cell:
    """A dataset with a base model: what each phase has to do there."""

    def __init__(self, corpus: Corpus, shape: Shape) -> None:
        self.corpus = corpus
        self.shape = shape
        self._pairs: dict[str, tuple[float, float, str]] = {}

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of sampled texts, special ones counted, nothing cut."""
        return count_tokens(self.shape.encoder, self.corpus.texts)

    def tokens(self, rule: int | str) -> np.ndarray:
        """(n,) tokens of sampled texts, cut by a length rule."""
        longest = int(LONGEST_MARGIN * self.lengths.max())
        wanted = {"model": self.shape.positions, "longest": longest}.get(str(rule), rule)
        return np.minimum(self.lengths, min(int(wanted), self.shape.positions))

    def pairs(self, settings: PairSettings, seed: int) -> tuple[float, float, str]:
        """Pairs of one draw, texts that validation embeds, and a hash of the pairs with their texts."""
        floor = {"min_steps", "batch_size"} if isinstance(settings, ContrastiveSettings) else set()
        key = settings.model_dump_json(include={*PairSettings.model_fields, *floor})
        if key not in self._pairs:
            train = training_rows(Splits(self.corpus.folder), settings.label_fraction, seed, settings.train_on_test)
            balanced = contrastive.balance(
                train, settings, seed, self.shape.encoder.transformers_model.config.model_type
            )
            drawn = (
                contrastive.pairs_for(balanced, settings, seed)
                if isinstance(settings, ContrastiveSettings)
                else contrastive.pairs_of(balanced, settings.pairs_per_text, settings, seed)
            )
            validated = self.corpus.rows["validation"] * settings.label_fraction
            seen = contrastive.fingerprint_of(balanced.texts, drawn)
            self._pairs[key] = len(drawn) * self.corpus.factor, validated, seen
        return self._pairs[key]

    def acting(self, settings: PhaseSettings, seed: int = 1) -> str:
        """What tells a training from others that continue the same one: its settings, those of pairs by their pairs."""
        acting = settings.model_dump()
        if not isinstance(settings, PairSettings):
            return sha256_json(acting)
        for name in contrastive.SHAPES_PAIRS:
            del acting[name]
        return sha256_json([acting, self.pairs(settings, seed)[2]])

    def work(self, phase: str, settings: Any, seed: int = 1) -> Work:
        """What a phase does with these settings."""
        settings = settings.for_texts(self.corpus.rows["train"] + self.corpus.rows["unlabelled"])
        known = {"dae": self._dae, "cl": self._cl, "joint": self._joint, "ft": self._ft}
        if phase not in known:
            raise UserError(f"the plan does not know what a step of phase '{phase}' does; it knows {', '.join(known)}")
        return known[phase](settings, seed)

    def test(self, settings: Any) -> float:
        """Operations of testing a classifier, or a baseline."""
        if not hasattr(settings, "max_length"):
            return 0.0
        return self.corpus.rows["test"] * self.shape.forward(self.tokens(settings.max_length))

    def probe(self, phase: str, settings: Any) -> float:
        """Operations of a probe: vectors of both splits and the base model's; where decoded, two vectors of a text."""
        train, validation = (min(ROWS, self.corpus.rows[name]) for name in ("train", "validation"))
        tokens = self.tokens(settings.max_length)
        decoded = phase in {"dae", "joint"} and getattr(settings, "objective", "reconstruction") == "reconstruction"
        rebuilt = validation * 2 * self._decode(settings, tokens) if decoded else 0.0
        return (train + 2 * validation) * self.shape.forward(tokens) + rebuilt

    def baseline(self, settings: Any) -> float:
        """Operations of a baseline: vectors of the labelled texts; where it tunes the encoder, its pairs before."""
        if not hasattr(settings, "max_length"):
            return 0.0  # texts alone
        train = self.corpus.rows["train"] * settings.label_fraction
        one = self.shape.forward(self.tokens(settings.max_length))
        vectors = (train + self.corpus.rows["validation"] * settings.label_fraction) * one
        if not settings.draws:
            return vectors
        pairs = 2 * settings.iterations * train * settings.epochs
        return len(settings.learning_rates) * (vectors + 2 * pairs * (1 + BACKWARD) * one)

    def _dae(self, settings: Any, seed: int) -> Work:
        texts, one, tokens = self._reconstruction(settings)
        batches = -(-texts // settings.batch_size)
        epochs = passes(settings.epochs, int(batches), settings.min_steps)
        return Work(
            steps=epochs * batches,
            tokens=epochs * texts * tokens,
            training=epochs * texts * (1 + BACKWARD) * one,
            validation=self.corpus.rows["validation"] * one,
            evaluations=settings.evaluations,
            **self._memory(settings, settings.batch_size * tokens, decoders=1, scored=settings.batch_size * tokens / 2),
        )

    def _reconstruction(self, settings: Any) -> tuple[float, float, float]:
        """Texts of phase 1, operations and tokens of one of them, forward."""
        rows = self.corpus.rows
        texts = rows["train"] + rows["unlabelled"] * settings.use_unlabelled + rows["test"] * settings.train_on_test
        clean = self.tokens(settings.max_length)
        window = self.lengths if settings.noise_window == "whole" else clean
        left = 1 - (settings.word_noise == "delete") * settings.deletion_ratio
        noised = np.minimum(clean, (window - 2) * left + 2)
        if getattr(settings, "objective", "reconstruction") == "masked_language":
            encoded, scored = self.shape.forward(clean), self.shape.decode(clean)
            return texts, encoded + masked_tokens.RATIO * (scored - encoded), float(clean.mean())
        one = self.shape.forward(noised) + self._decode(settings, clean - 1)
        return texts, one, float((noised + clean - 1).mean())

    def _decode(self, settings: Any, tokens: np.ndarray) -> float:
        return self.shape.decode(tokens, self.shape.takes_small(settings.decoder))

    def _cl(self, settings: Any, seed: int) -> Work:
        drawn, validated, _ = self.pairs(settings, seed)
        steps = -(-drawn // settings.batch_size)
        epochs = passes(1, int(steps), settings.min_steps)
        pairs = epochs * drawn
        tokens = self.tokens(settings.max_length)
        one = self.shape.forward(tokens)
        return Work(
            steps=epochs * steps,
            tokens=2 * pairs * float(tokens.mean()),
            training=2 * pairs * (1 + BACKWARD) * one,
            validation=validated * one,
            evaluations=settings.evaluations,
            **self._memory(settings, 2 * settings.batch_size * float(tokens.mean())),
        )

    def _joint(self, settings: Any, seed: int) -> Work:
        """As many steps as the longer or shorter stream has, a batch of texts and one of pairs in each, or in two."""
        texts, of_text, tokens = self._reconstruction(settings)
        pairs, validated, _ = self.pairs(settings, seed)
        lengths = self.tokens(settings.max_length)
        of_pair = 2 * self.shape.forward(lengths)
        batches = -(-texts // settings.batch_size)
        of_texts = passes(settings.epochs, int(batches), settings.min_steps) * batches
        streams = of_texts, -(-pairs // settings.pair_batch_size)
        steps = max(streams) if settings.steps == "longer" else min(streams)
        read = min(texts, settings.batch_size) * tokens + settings.pair_batch_size * 2 * float(lengths.mean())
        trained = min(texts, settings.batch_size) * of_text + settings.pair_batch_size * of_pair
        return Work(
            steps=steps * (2 if settings.schedule == "alternating" else 1),
            tokens=steps * read,
            training=steps * (1 + BACKWARD) * trained,
            validation=self.corpus.rows["validation"] * of_text + validated * of_pair / 2,
            evaluations=settings.evaluations,
            **self._memory(settings, read, decoders=1, scored=settings.batch_size * tokens / 2),
        )

    def _ft(self, settings: Any, seed: int) -> Work:
        texts = max(1.0, self.corpus.rows["train"] * settings.label_fraction)
        tokens = self.tokens(settings.max_length)
        one = self.shape.forward(tokens)
        head = 2.0 * self.shape.width * settings.head_hidden
        epochs = settings.max_epochs
        trained = (1 + BACKWARD) * head * epochs + one if settings.freeze else (1 + BACKWARD) * one * epochs
        return Work(
            steps=epochs * -(-texts // settings.batch_size),
            tokens=epochs * texts * float(tokens.mean()) * (not settings.freeze),
            training=texts * trained,
            validation=self.corpus.rows["validation"] * settings.label_fraction * (head if settings.freeze else one),
            evaluations=epochs,
            **self._memory(settings, settings.batch_size * float(tokens.mean())),
        )

    def _memory(self, settings: PhaseSettings, tokens: float, decoders: int = 0, scored: float = 0) -> dict[str, float]:
        """Bytes of weights and of activations, by a rule of thumb.

        Activations: 34 values of the model's width for each token and layer, in half precision (Korthikanti et al.
        2022, without attention's scores, which are small at these lengths); scores of words in half and full precision.
        """
        shape = self.shape
        small = decoders > 0 and shape.takes_small(getattr(settings, "decoder", "own"))
        crossing = decoders * shape.of_decoder(small)  # the decoder's own weights
        if decoders and not getattr(settings, "tied", True):
            # the others are shared if they are tied
            crossing += shape.vocabulary * shape.width if small else shape.parameters
        return {
            "weights": LIBRARIES + (shape.parameters + crossing) * FP32 * STATES,
            "activations": tokens * shape.layers * shape.width * 34 + scored * shape.vocabulary * (2 + 2 + FP32),
        }


def checkpoint_bytes(shape: Shape, phase: str, decoder: Decoder = "auto") -> float:
    """Of a checkpoint on the disk: its weights and the tokeniser; of phase 1 and Joint, what the decoder has too."""
    more = 0
    if phase in {"dae", "joint"}:
        small = shape.takes_small(decoder)
        idle = 2 * shape.width**2 * (LAYERS if small else shape.layers)  # queries and keys of its cross-attention
        more = shape.of_decoder(small) - idle + shape.width**2 + shape.vocabulary
    return (shape.parameters + more) * FP32 + 2 * 2**20
