"""What training a phase has to do: steps, tokens, floating-point operations, memory; by formula, from real texts.

Operations are those of matrix products, padding not counted; a training step costs three forward passes.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from threephase.data.store import read_split, training_rows
from threephase.encoder import LONGEST_MARGIN, load_encoder, position_limit
from threephase.phases import contrastive, dae
from threephase.settings.common import PhaseSettings
from threephase.settings.contrastive import PairSettings
from threephase.settings.dataset import ExpectedRows
from threephase.tokens import count_tokens

SAMPLE = 2000  # texts whose tokens are counted
BACKWARD = 2  # a backward pass costs two forward passes
FP32 = 4  # bytes of a weight
STATES = 5  # of a trained weight: itself, its gradient, AdamW's two, the kept best
LIBRARIES = 700 * 2**20  # bytes that a process has before it loads a model


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

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        """The shape of the encoder in a folder."""
        encoder = load_encoder(folder)
        config = encoder.transformers_model.config
        return cls(
            config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.num_attention_heads,
            config.vocab_size, sum(weight.numel() for weight in encoder.parameters()), position_limit(encoder), encoder,
        )  # fmt: skip

    def forward(self, tokens: np.ndarray) -> float:
        """Operations of one pass over a text, mean over texts of these lengths."""
        a_token = 8 * self.width**2 + 4 * self.width * self.inner
        return float((self.layers * (tokens * a_token + 4 * tokens**2 * self.width)).mean())

    def decode(self, tokens: np.ndarray) -> float:
        """Operations of the decoder for a text: layers that also read one vector, and the words' scores."""
        crossing = self.layers * 4 * self.width**2
        head = 2 * self.width * self.vocabulary + 2 * self.width**2
        return self.forward(tokens) + float((tokens * (crossing + head)).mean())


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
        """The dataset in a folder of splits."""
        splits = {name: read_split(folder, name).texts for name in ("train", "validation", "test", "unlabelled")}
        sample = np.random.default_rng(0).permutation(len(splits["train"]))[:SAMPLE]
        return cls(
            folder, {name: len(texts) for name, texts in splits.items()}, [splits["train"][row] for row in sample]
        )

    def full(self, expected: ExpectedRows) -> "Corpus":
        """With the rows that the dataset is known to have, where it has fewer here."""
        labelled = self.rows["train"] + (0 if expected.validation else self.rows["validation"])
        factor = max(1.0, (expected.train or 0) / labelled)
        rows = {name: max(count * factor, count) for name, count in self.rows.items()}
        rows |= {name: float(given) for name in ("test", "validation", "unlabelled")
                 if (given := getattr(expected, name)) is not None}  # fmt: skip
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
        self._pairs: dict[str, tuple[float, float]] = {}

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of sampled texts, special ones counted, nothing cut."""
        return count_tokens(self.shape.encoder, self.corpus.texts)

    def tokens(self, rule: int | str) -> np.ndarray:
        """(n,) tokens of sampled texts, cut by a length rule."""
        longest = int(LONGEST_MARGIN * self.lengths.max())
        wanted = {"model": self.shape.positions, "longest": longest}.get(str(rule), rule)
        return np.minimum(self.lengths, min(int(wanted), self.shape.positions))

    def pairs(self, settings: PairSettings, seed: int) -> tuple[float, float]:
        """Pairs of one draw, and texts that validation embeds."""
        key = settings.model_dump_json(include=set(PairSettings.model_fields))
        if key not in self._pairs:
            train = training_rows(self.corpus.folder, settings.label_fraction, seed, settings.train_on_test)
            balanced = contrastive.balance(
                train, settings, seed, self.shape.encoder.transformers_model.config.model_type
            )
            drawn = contrastive.pairs_of(balanced, settings.pairs_per_text, seed, unique=settings.unique_pairs)
            self._pairs[key] = len(drawn) * self.corpus.factor, self.corpus.rows["validation"]
        return self._pairs[key]

    def work(self, phase: str, settings: Any, seed: int = 1) -> Work:
        """What a phase does with these settings."""
        return {"dae": self._dae, "cl": self._cl, "joint": self._joint, "ft": self._ft}[phase](settings, seed)

    def test(self, settings: Any) -> float:
        """Operations of testing a classifier."""
        return self.corpus.rows["test"] * self.shape.forward(self.tokens(settings.max_length))

    def _dae(self, settings: Any, seed: int) -> Work:
        texts, one, tokens = self._reconstruction(settings)
        batch = dae.batch_size(settings, round(texts)) if hasattr(settings, "tiny_data_batch") else settings.batch_size
        return Work(
            steps=settings.epochs * -(-texts // batch),
            tokens=settings.epochs * texts * tokens,
            training=settings.epochs * texts * (1 + BACKWARD) * one,
            validation=self.corpus.rows["validation"] * one,
            evaluations=settings.evaluations,
            **self._memory(settings, batch * tokens, decoders=1, scored=batch * tokens / 2),
        )

    def _reconstruction(self, settings: Any) -> tuple[float, float, float]:
        """Texts of phase 1, operations and tokens of one of them, forward."""
        rows = self.corpus.rows
        texts = rows["train"] + rows["unlabelled"] * settings.use_unlabelled + rows["test"] * settings.train_on_test
        clean = self.tokens(settings.max_length)
        noised = (clean - 2) * (1 - settings.deletion_ratio) + 2
        one = self.shape.forward(noised) + self.shape.decode(clean - 1)
        return texts, one, float((noised + clean - 1).mean())

    def _cl(self, settings: Any, seed: int) -> Work:
        pairs, validated = self.pairs(settings, seed)
        tokens = self.tokens(settings.max_length)
        one = self.shape.forward(tokens)
        return Work(
            steps=-(-pairs // settings.batch_size),
            tokens=2 * pairs * float(tokens.mean()),
            training=2 * pairs * (1 + BACKWARD) * one,
            validation=validated * one,
            evaluations=settings.evaluations,
            **self._memory(settings, 2 * settings.batch_size * float(tokens.mean())),
        )

    def _joint(self, settings: Any, seed: int) -> Work:
        """As many steps as the longer stream has, a batch of texts and one of pairs in each."""
        texts, of_text, tokens = self._reconstruction(settings)
        pairs, validated = self.pairs(settings, seed)
        lengths = self.tokens(settings.max_length)
        of_pair = 2 * self.shape.forward(lengths)
        steps = max(settings.epochs * -(-texts // settings.batch_size), -(-pairs // settings.pair_batch_size))
        read = min(texts, settings.batch_size) * tokens + settings.pair_batch_size * 2 * float(lengths.mean())
        trained = min(texts, settings.batch_size) * of_text + settings.pair_batch_size * of_pair
        return Work(
            steps=steps,
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
            validation=self.corpus.rows["validation"] * (head if settings.freeze else one),
            evaluations=epochs,
            **self._memory(settings, settings.batch_size * float(tokens.mean())),
        )

    def _memory(self, settings: PhaseSettings, tokens: float, decoders: int = 0, scored: float = 0) -> dict[str, float]:
        """Bytes of weights and of activations, by a rule of thumb.

        Activations: 34 values of the model's width for each token and layer, in half precision (Korthikanti et al.
        2022, without attention's scores, which are small at these lengths); scores of words in half and full precision.
        """
        shape = self.shape
        crossing = decoders * shape.layers * (4 * shape.width**2)  # the decoder's own weights; the others are shared
        return {
            "weights": LIBRARIES + (shape.parameters + crossing) * FP32 * STATES,
            "activations": tokens * shape.layers * shape.width * 34 + scored * shape.vocabulary * (2 + 2 + FP32),
        }


def checkpoint_bytes(shape: Shape) -> float:
    """Of a checkpoint on the disk: its weights and the tokeniser."""
    return shape.parameters * FP32 + 2 * 2**20
