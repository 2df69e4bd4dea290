"""The classifier: an encoder with a two-layer head and softmax (section 3.3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from threephase.artifacts.folders import read_json, write_json
from threephase.encoders.encoder import embedding_width, load_encoder
from threephase.encoders.engines import (
    AnyBatch,
    arithmetic,
    device_of,
    embed,
    resolve_engine,
    with_engine,
)
from threephase.encoders.tokens import tokenise
from threephase.processes import share_of_mean
from threephase.seeding import drawing
from threephase.settings.common import Engine

HEAD = "classifier"


class Classifier(nn.Module):
    """Encoder, then dropout, Linear(d, hidden), activation, dropout, Linear(hidden, K); softmax gives p_k (eq. 8).

    Args:
        encoder: gives vectors (b, d).
        label_names: the K classes, in the order of the outputs.
        hidden, dropout, activation: of the head.
        freeze: the encoder is not trained, and gives the vectors it gives at test time (no dropout).
        engine: how the encoder is computed.
        temperature: what scores are divided by where probabilities are to be believed (`method.calibration`); what
            `predict` gives is without it.
        seed: the head's first weights are a function of it, the layer's place and its shape: all variants of a seed
            begin with the same head.

    Inputs:
        labels: (b,) places in `label_names`.
        texts: a batch of texts; or
        vectors: (b, d) what the encoder made of them.

    Gives {"loss"}: the cross-entropy L_ft (eq. 9), mean over the batch.
    """

    def __init__(
        self,
        encoder: SentenceTransformer,
        label_names: list[str],
        hidden: int,
        dropout: float,
        activation: str,
        freeze: bool = False,
        engine: Engine = "auto",
        seed: int = 0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.encode = with_engine(encoder, engine)
        self.label_names = label_names
        self.shape = {"hidden": hidden, "dropout": dropout, "activation": activation}
        self.freeze = freeze
        self.temperature = temperature
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            _linear(embedding_width(encoder), hidden, seed, 0),
            nn.ReLU() if activation == "relu" else nn.Identity(),
            nn.Dropout(dropout),
            _linear(hidden, len(label_names), seed, 1),
        )
        for weight in encoder.parameters():
            weight.requires_grad_(not freeze)

    def train(self, mode: bool = True) -> "Classifier":
        super().train(mode)
        if self.freeze:
            self.encode.eval()
        return self

    def forward(
        self, labels: Tensor, texts: AnyBatch | None = None, vectors: Tensor | None = None
    ) -> dict[str, Tensor]:
        given = self.encode(texts) if vectors is None else vectors.to(self.encoder.device)
        loss = self.loss(given, labels)
        return {"loss": share_of_mean(loss, len(labels)) if self.training else loss}

    def loss(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """L_ft of vectors (b, d)."""
        return nn.functional.cross_entropy(self.logits(vectors), labels.to(vectors.device))

    def logits(self, vectors: Tensor) -> Tensor:
        """Scores (b, K) of vectors (b, d), which softmax makes probabilities of."""
        return self.head(vectors).float()

    def save_head(self, folder: Path) -> None:
        """Write the head beside its encoder."""
        (folder / HEAD).mkdir()
        save_file(self.head.state_dict(), folder / HEAD / "model.safetensors")
        write_json(
            folder / HEAD / "config.json",
            {**self.shape, "label_names": self.label_names, "temperature": self.temperature},
        )


def _linear(inputs: int, outputs: int, seed: int, place: int) -> nn.Linear:
    """A layer of the head, with the library's initial weights drawn by (seed, place, shape)."""
    with drawing(seed, "head", place, inputs, outputs):
        return nn.Linear(inputs, outputs)


def load_classifier(folder: Path) -> Classifier:
    """Load a classifier from the checkpoint of phase 3."""
    config = read_json(folder / HEAD / "config.json")
    classifier = Classifier(load_encoder(folder), **config)
    classifier.head.load_state_dict(load_file(folder / HEAD / "model.safetensors"))
    return classifier.eval()


def predict(classifier: Classifier, texts: list[str], batch_size: int = 128) -> np.ndarray:
    """Probabilities (n, K) of the classes for each text, in fp32, on a GPU where there is one."""
    with _measuring(classifier) as device, arithmetic("fp32", device):
        found = embed(classifier.encode, tokenise(classifier.encoder, texts), batch_size)
        return classifier.logits(found).softmax(dim=1).cpu().numpy()


def vectors(classifier: Classifier, texts: list[str], batch_size: int = 128) -> np.ndarray:
    """Vectors (n, d) that the classifier's encoder gives, as its head reads them, in fp32."""
    with _measuring(classifier) as device, arithmetic("fp32", device):
        return embed(classifier.encode, tokenise(classifier.encoder, texts), batch_size).float().cpu().numpy()


@contextmanager
def _measuring(classifier: Classifier) -> Iterator[str]:
    """The device that the classifier computes on, without gradients."""
    device = device_of(resolve_engine("auto", classifier.encoder))
    classifier.to(device)
    with torch.inference_mode():
        yield device
