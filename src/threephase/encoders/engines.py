"""How an encoder's vectors are computed: as the libraries do it, or packed, which is faster on a CPU.

Both take texts as token ids, share the encoder's parameters and give the same values.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from threephase.encoders.packed.batch import PackedBatch
from threephase.encoders.packed.model import MODEL_TYPES, PackedEncoder, can_pack
from threephase.encoders.tokens import Tokens
from threephase.errors import ModelError
from threephase.processes import processes, shard, summed
from threephase.settings.common import Engine, Precision


def resolve_precision(precision: Precision) -> Precision:
    """The arithmetic that "auto" means here: bf16 where the hardware gains by it, else fp32 (on a GPU fp16)."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if has_bf16 and bf16_gains() else "fp32"


@cache
def bf16_gains() -> bool:
    """Whether this processor's bf16 products take at most 0.8 of the time of fp32's; measured once a process, briefly.

    Some have the instructions and are slower with them, as those whose matrix unit a virtual machine hides.
    """
    products = {
        dtype: (torch.ones(256, 384, dtype=dtype), torch.ones(384, 1536, dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    }

    def seconds(dtype: torch.dtype) -> float:
        start = perf_counter()
        torch.mm(*products[dtype])
        return perf_counter() - start

    # By turns, and the best of each: what else the machine does meanwhile then counts for neither.
    turns = [(seconds(torch.float32), seconds(torch.bfloat16)) for _ in range(9)]
    fp32, bf16 = map(min, zip(*turns, strict=True))
    return bf16 <= 0.8 * fp32


def arithmetic(precision: Precision, device: str) -> AbstractContextManager[None]:
    """Where matrix products are computed in this (resolved) precision; weights stay in fp32."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    return torch.autocast(device, dtype, enabled=dtype is not torch.float32)


def resolve_engine(engine: Engine, encoder: SentenceTransformer) -> Engine:
    """The engine that "auto" means for an encoder on this machine. Raises ModelError where `packed` cannot be."""
    packable = can_pack(encoder)
    if engine == "packed" and not packable:
        raise ModelError(
            f"engine: packed takes {', '.join(MODEL_TYPES)} with gelu and mean or CLS pooling; say `engine: auto`"
        )
    if engine == "auto":
        return "packed" if packable and not torch.cuda.is_available() else "library"
    return engine


def device_of(engine: Engine) -> Literal["cpu", "cuda"]:
    """Where a (resolved) engine computes: a GPU where there is one, but packed batches only on the CPU."""
    return "cuda" if torch.cuda.is_available() and engine != "packed" else "cpu"


class LibraryEncoder(nn.Module):
    """An encoder's vectors as sentence-transformers computes them, from padded batches.

    Inputs:
        batch: what `batch` makes of texts.

    Gives vectors (b, d).
    """

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.encoder = encoder

    def batch(self, texts: Sequence[Tokens]) -> dict[str, Tensor]:
        """Token ids and masks, each (b, t), padded behind, to the longest text, whatever the tokenizer's side is."""
        ids = [text.tolist() for text in texts]
        return dict(self.encoder.tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt"))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.encoder(self.on_device(batch))["sentence_embedding"]

    def on_device(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """A batch where the encoder is."""
        return {key: value.to(self.encoder.device) for key, value in batch.items()}


AnyEncoder = LibraryEncoder | PackedEncoder
AnyBatch = dict[str, Tensor] | PackedBatch


def with_engine(encoder: SentenceTransformer, engine: Engine) -> AnyEncoder:
    """The encoder's vectors by this engine."""
    packed = resolve_engine(engine, encoder) == "packed"
    return PackedEncoder(encoder) if packed else LibraryEncoder(encoder)


def embed(encode: AnyEncoder, texts: Sequence[Tokens], batch_size: int) -> Tensor:
    """Vectors (n, d) of many texts, in fp32. Batches are of like length: they need little padding."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    shared = len(batches) >= processes()
    own = shard(batches) if shared else batches
    parts = torch.cat([encode(encode.batch([texts[place] for place in batch])).float() for batch in own])
    vectors = parts.new_zeros(len(order), parts.shape[1])
    vectors[torch.from_numpy(np.concatenate(own))] = parts
    return summed(vectors) if shared else vectors
