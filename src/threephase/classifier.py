"""The classifier: an encoder with a two-layer head and softmax (section 3.3)."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from threephase.checkpoint import read_json, write_json
from threephase.encoder import embed, embedding_width, load_encoder, tokenise

HEAD = "classifier"


class Classifier(nn.Module):
    """Encoder, then dropout, Linear(d, hidden), activation, dropout, Linear(hidden, K); softmax gives p_k (eq. 8).

    Args:
        encoder: gives vectors (b, d).
        label_names: the K classes, in the order of the outputs.
        hidden, dropout, activation: of the head.
        freeze: the encoder is not trained, and gives the vectors it gives at test time (no dropout).

    Inputs:
        features: tokenised texts, each tensor (b, t).
        labels: (b,) places in `label_names`.

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
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.label_names = label_names
        self.shape = {"hidden": hidden, "dropout": dropout, "activation": activation}
        self.freeze = freeze
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(embedding_width(encoder), hidden),
            nn.ReLU() if activation == "relu" else nn.Identity(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(label_names)),
        )
        for weight in encoder.parameters():
            weight.requires_grad_(not freeze)

    def train(self, mode: bool = True) -> "Classifier":
        super().train(mode)
        if self.freeze:
            self.encoder.eval()
        return self

    def logits(self, features: dict[str, Tensor]) -> Tensor:
        """Scores (b, K) before softmax."""
        return self.head(embed(self.encoder, features))

    def forward(self, features: dict[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        return {"loss": nn.functional.cross_entropy(self.logits(features).float(), labels)}

    def save_head(self, folder: Path) -> None:
        """Write the head beside its encoder."""
        (folder / HEAD).mkdir()
        save_file(self.head.state_dict(), folder / HEAD / "model.safetensors")
        write_json(folder / HEAD / "config.json", {**self.shape, "label_names": self.label_names})


def load_classifier(folder: Path) -> Classifier:
    """Load a classifier from the checkpoint of phase 3."""
    config = read_json(folder / HEAD / "config.json")
    classifier = Classifier(load_encoder(folder), **config)
    classifier.head.load_state_dict(load_file(folder / HEAD / "model.safetensors"))
    return classifier.eval()


def predict(classifier: Classifier, texts: list[str], batch_size: int, precision: str) -> np.ndarray:
    """Probabilities (n, K) of the classes for each text, on a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    classifier.to(device)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    # batches of like length need little padding; the first is the largest
    order = np.argsort([-len(text) for text in texts], kind="stable")
    probabilities = np.empty((len(texts), len(classifier.label_names)), dtype=np.float32)
    with torch.inference_mode(), torch.autocast(device, dtype, enabled=dtype is not torch.float32):
        for start in range(0, len(texts), batch_size):
            places = order[start : start + batch_size]
            features = tokenise(classifier.encoder, [texts[place] for place in places])
            logits = classifier.logits({key: value.to(device) for key, value in features.items()})
            probabilities[places] = logits.float().softmax(dim=1).cpu().numpy()
    return probabilities
