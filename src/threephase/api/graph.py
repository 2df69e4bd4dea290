"""Encoder and head as one ONNX graph."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from threephase.errors import ModelError
from threephase.method.classifier import Classifier

NEEDS = ("onnx", "onnxscript")
SAMPLE = ["two texts of", "unlike length"]  # what the graph is traced with
OUTPUTS = ("probabilities", "vectors", "calibrated")
LARGEST = 2 << 30  # bytes of one ONNX file; larger weights lie in a file beside it


class Whole(nn.Module):
    """A classifier from token ids (b, t) and their mask (b, t) to what `OUTPUTS` names.

    These are probabilities (b, K) as the softmax gives them, vectors (b, d), and the probabilities (b, K) scaled by the
    classifier's temperature.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.encoder, self.head, self.temperature = classifier.encoder, classifier.head, classifier.temperature

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        vectors = self.encoder({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]
        scores = self.head(vectors)
        return scores.softmax(dim=1), vectors, (scores / self.temperature).softmax(dim=1)


def write_graph(classifier: Classifier, folder: Path) -> None:
    """Write `model.onnx`, of any number of texts and any length, and the tokenizer that cuts and pads for it.

    Raises ModelError where the packages that write it are missing, or the encoder cannot be traced.
    """
    missing = [package for package in NEEDS if find_spec(package) is None]
    if missing:
        raise ModelError(f"--onnx: {' and '.join(missing)} missing; pip install 'threephase[onnx]'")
    tokenizer, longest = classifier.encoder.tokenizer, int(classifier.encoder.max_seq_length)
    if not tokenizer.is_fast:
        raise ModelError("--onnx: the tokenizer of this encoder has no form that stands alone; export it without")
    folder.mkdir()
    sample = tokenizer(SAMPLE, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    dynamic = {0: Dim("texts"), 1: Dim("tokens", max=longest)}
    size = sum(weight.nbytes for weight in classifier.parameters())
    try:
        with torch.inference_mode(), _quiet():
            torch.onnx.export(
                Whole(classifier).eval(),
                (sample["input_ids"], sample["attention_mask"]),
                folder / "model.onnx",
                input_names=["input_ids", "attention_mask"],
                output_names=list(OUTPUTS),
                dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic},
                dynamo=True,
                external_data=size >= LARGEST,
                verbose=False,
            )
    except Exception as error:
        raise ModelError(
            f"--onnx: this encoder cannot be written as a graph ({type(error).__name__}); export it without"
        ) from error
    fast = tokenizer.backend_tokenizer
    fast.enable_truncation(longest)
    fast.enable_padding(direction=tokenizer.padding_side, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    fast.save(str(folder / "tokenizer.json"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages and names that do not matter here; its errors still come."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
