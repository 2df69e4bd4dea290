"""The encoder: a SentenceTransformer that each phase takes over, extends by a layer and trains."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from torch import nn
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

from threephase.encoders.sound import NO_CODE, SAFETENSORS, read_safely, transformer_folder
from threephase.encoders.tokens import count_tokens
from threephase.errors import ModelError

# The longest training text is allowed for with this margin (Table 5, footnote 5).
LONGEST_MARGIN = 1.2


def load_encoder(folder: Path) -> SentenceTransformer:
    """Load an encoder from a folder, on the CPU (the trainer moves it), with weights in fp32.

    Raises ModelError for a folder that must not be loaded, whoever made it.
    """
    transformer_folder(folder)
    with read_safely(folder):
        return SentenceTransformer(
            str(folder), device="cpu", model_kwargs={**SAFETENSORS, "dtype": torch.float32}, **NO_CODE
        )


def save_encoder(encoder: SentenceTransformer, folder: Path) -> None:
    """Write an encoder that plain `SentenceTransformer(folder)` loads, weights in safetensors."""
    encoder.save_pretrained(str(folder), create_model_card=False)


def without_normalize(encoder: SentenceTransformer) -> SentenceTransformer:
    """The encoder without its Normalize modules: the decoder reads the raw vector, and the cosine needs none."""
    return SentenceTransformer(
        modules=[module for module in encoder.children() if not isinstance(module, Normalize)], device="cpu"
    )


def as_it_stands(encoder: SentenceTransformer) -> SentenceTransformer:
    """An encoder of the same modules, which does not grow when a layer is added to this one."""
    return SentenceTransformer(modules=list(encoder.children()), device="cpu")


def add_dense(encoder: SentenceTransformer, kind: Literal["dense", "tanh", "none"] = "dense") -> None:
    """Add a linear layer hidden -> hidden, identity at first, without activation or with tanh; `none` adds nothing.

    The bottleneck of phase 1 (Fig. 1a) and the projection of phase 2 (section 3.2). It stands last, or before a last
    Normalize. Starting from the identity, step 0 equals the encoder without the layer, and with tanh that of its
    vectors.
    """
    if kind == "none":
        return
    width, activation = embedding_width(encoder), nn.Tanh() if kind == "tanh" else None
    normalize = encoder.pop(-1) if isinstance(encoder[-1], Normalize) else None
    encoder.append(
        Dense(width, width, activation_function=activation, init_weight=torch.eye(width), init_bias=torch.zeros(width))
    )
    if normalize is not None:
        encoder.append(normalize)


def before_dense(encoder: SentenceTransformer, modules: int) -> SentenceTransformer:
    """The encoder of so many modules that it was before `add_dense`; a last Normalize was the last then too."""
    there = list(encoder.children())
    last = there[-1:] if isinstance(there[-1], Normalize) else []
    return SentenceTransformer(modules=[*there[: modules - len(last)], *last], device="cpu")


def randomise(encoder: SentenceTransformer) -> None:
    """Draw the base model's weights anew, from torch's generator, as for a model that was never trained."""
    from transformers import AutoModel

    model = encoder.transformers_model
    model.load_state_dict(AutoModel.from_config(model.config).state_dict(), strict=False)


def embedding_width(encoder: SentenceTransformer) -> int:
    """Width of the vectors that the encoder gives."""
    width = encoder.get_embedding_dimension()
    if width is None:
        raise ModelError("the encoder does not say how wide its embeddings are")
    return int(width)


def position_limit(encoder: SentenceTransformer) -> int | None:
    """Most tokens the base model has positions for. RoBERTa's first positions are taken by its padding index.

    A model of relative positions, as T5 and XLNet, takes as many as its tokenizer says; None where that says nothing.
    """
    for name, module in encoder.transformers_model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            offset = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - offset
    limit = getattr(encoder.transformers_model.config, "max_position_embeddings", None)
    limit = limit if limit and limit > 0 else encoder.tokenizer.model_max_length
    return int(limit) if 0 < limit <= VERY_LARGE_INTEGER / 2 else None


def resolve_max_length(rule: int | str, encoder: SentenceTransformer, texts: Sequence[str]) -> int:
    """Tokens per text (special ones counted) by one of the three length rules, never above the model's positions.

    A number is taken as it is; "longest" is 1.2 × the longest of `texts`; "model" is the model's limit. Raises
    ModelError where that is asked for and nothing says it.
    """
    limit = position_limit(encoder)
    if rule == "model":
        if limit is None:
            raise ModelError(
                f"{encoder.transformers_model.config._name_or_path}: does not say how long a text may be; give "
                "`max_length` a number, or name a `model_max_length` in its tokenizer_config.json"
            )
        return limit
    wanted = int(LONGEST_MARGIN * count_tokens(encoder, texts).max()) if rule == "longest" else int(rule)
    return wanted if limit is None else min(limit, wanted)
