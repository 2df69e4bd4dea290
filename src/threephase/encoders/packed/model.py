"""BERT and RoBERTa, as encoder and as decoder, over batches without padding.

Values and gradients are those of transformers' own modules, whose parameters are used in place; dropout is another
draw of the same distribution.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn
from torch.nn import functional

from threephase.encoders.packed.batch import PackedBatch
from threephase.encoders.packed.kernels import Draws, attention, dropout, dropout_add_norm, token_cross_entropy
from threephase.encoders.tokens import Tokens

MODEL_TYPES = ("bert", "roberta", "xlm-roberta")
POOLING = ("mean", "cls")


def can_pack(encoder: SentenceTransformer) -> bool:
    """Whether this encoder can be computed without padding: an ordinary BERT or RoBERTa, mean or CLS pooling."""
    config: Any = getattr(encoder.transformers_model, "config", None)
    modules = list(encoder.children())
    return (
        getattr(config, "model_type", None) in MODEL_TYPES
        and config.hidden_act == "gelu"
        and len(modules) > 1
        and isinstance(modules[1], Pooling)
        and modules[1].pooling_mode in POOLING
    )


class Pass:
    """One forward pass: its arithmetic, each weight cast to it once, and the draws of its dropout.

    The arithmetic is that of torch's autocast around it, bf16 or else fp32.
    """

    def __init__(self, training: bool) -> None:
        autocast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16
        self.dtype = torch.bfloat16 if autocast else torch.float32
        self.draws = Draws() if training else None
        self._cast: dict[int, Tensor] = {}

    def cast(self, weight: Tensor) -> Tensor:
        """The weight in this pass's arithmetic."""
        key = id(weight)
        if key not in self._cast:
            self._cast[key] = weight.to(self.dtype)
        return self._cast[key]

    def linear(self, values: Tensor, *layers: nn.Linear) -> Tensor:
        """One linear layer, or several on the same input with their outputs side by side."""
        if len(layers) == 1:
            return functional.linear(values, self.cast(layers[0].weight), self.cast(layers[0].bias))
        weight = torch.cat([self.cast(layer.weight) for layer in layers])
        return functional.linear(values, weight, torch.cat([self.cast(layer.bias) for layer in layers]))


class PackedTransformer(nn.Module):
    """The layers of a BERT or RoBERTa over packed batches, sharing the parameters of `model`.

    Args:
        model: transformers' module (BertModel, RobertaModel …), as encoder or as decoder.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.heads: int = config.num_attention_heads
        self.dropout: float = config.hidden_dropout_prob
        self.attention_dropout: float = config.attention_probs_dropout_prob
        # RoBERTa's positions begin after that of its padding.
        self.first_position = config.pad_token_id + 1 if "roberta" in config.model_type else 0

    def forward(self, batch: PackedBatch, given: Pass, seen: Tensor | None = None) -> Tensor:
        """States (n, d) of the last layer. With `seen` (b, d), one vector for each text, it is a decoder."""
        states = self._embed(batch, given)
        for layer in self.model.encoder.layer:
            states = self._attend(layer.attention, states, batch, given, causal=seen is not None)
            if seen is not None:
                states = self._look_across(layer.crossattention, states, seen, batch, given)
            inner = functional.gelu(given.linear(states, layer.intermediate.dense))
            states = self._close(layer.output, inner, states, given)
        return states

    def _embed(self, batch: PackedBatch, given: Pass) -> Tensor:
        embeddings = self.model.embeddings
        words = embeddings.word_embeddings
        values = functional.embedding(batch.ids, words.weight, padding_idx=words.padding_idx)
        values = values + embeddings.token_type_embeddings.weight[0]
        values = values + functional.embedding(
            batch.positions + self.first_position, embeddings.position_embeddings.weight
        )
        norm = embeddings.LayerNorm
        values = functional.layer_norm(values, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        return dropout(values.to(given.dtype), self.dropout, given.draws)

    def _attend(self, block: Any, states: Tensor, batch: PackedBatch, given: Pass, causal: bool) -> Tensor:
        part = block.self
        qkv = given.linear(states, part.query, part.key, part.value)
        mixed = attention(qkv, batch.groups, self.heads, causal, self.attention_dropout, given.draws)
        return self._close(block.output, mixed, states, given)

    def _close(self, block: Any, values: Tensor, residual: Tensor, given: Pass) -> Tensor:
        """The end of each block: linear, dropout, residual, layer norm."""
        return dropout_add_norm(
            given.linear(values, block.dense), residual, block.LayerNorm, self.dropout, given.draws
        )  # fmt: skip

    def _look_across(self, block: Any, states: Tensor, seen: Tensor, batch: PackedBatch, given: Pass) -> Tensor:
        """Attention to a single vector: its share is always 1, so queries and keys play no part.

        What is left is the vector's value behind the output layer, where dropout takes whole heads from a token: a
        sum over the heads that stay, each of which is computed once for a text.
        """
        value, dense = given.linear(seen, block.self.value), block.output.dense
        if given.draws is None or self.attention_dropout == 0:
            across = given.linear(value, dense).index_select(0, batch.text_of)
        else:
            across = self._of_heads_that_stay(value, dense, batch, given)
        return dropout_add_norm(across, states, block.output.LayerNorm, self.dropout, given.draws)

    def _of_heads_that_stay(self, value: Tensor, dense: nn.Linear, batch: PackedBatch, given: Pass) -> Tensor:
        assert given.draws is not None
        heads = value.view(len(value), self.heads, -1).transpose(0, 1)  # (h, b, d / h)
        output = given.cast(dense.weight).view(-1, self.heads, heads.shape[-1]).permute(1, 2, 0)  # (h, d / h, d)
        by_head = torch.bmm(heads, output).transpose(0, 1)  # (b, h, d)
        longest = int(batch.lengths[0])
        mask, scale = given.draws.keep(self.attention_dropout, len(batch.lengths), longest, self.heads)
        mixed = torch.bmm(mask.to(given.dtype), by_head * scale).view(len(batch.lengths) * longest, -1)
        rows = mixed.index_select(0, batch.text_of * longest + batch.positions)
        return rows + given.cast(dense.bias)


class PackedEncoder(nn.Module):
    """A SentenceTransformer's vectors, from packed batches.

    Args:
        encoder: as `can_pack` wants it; its modules are used in place.

    Inputs:
        batch: packed token ids.
        given: the pass it is part of; one of its own where absent.

    Gives vectors (b, d) in the order that the batch was given in.
    """

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.encoder = encoder

    @cached_property
    def transformer(self) -> PackedTransformer:
        """Its layers; made when they are first needed, and kept out of the module's own children."""
        return PackedTransformer(self.encoder.transformers_model)

    def batch(self, texts: Sequence[Tokens]) -> PackedBatch:
        """Texts as they are taken."""
        return PackedBatch.of(texts)

    def forward(self, batch: PackedBatch, given: Pass | None = None) -> Tensor:
        given = given or Pass(self.training)
        pooling, *layers = list(self.encoder.children())[1:]
        with torch.autocast("cpu", enabled=False):
            states = self.transformer(batch, given)
            vectors = _first(states, batch) if pooling.pooling_mode == "cls" else _mean(states, batch)
            vectors = vectors.index_select(0, batch.back)
        for layer in layers:
            vectors = layer({"sentence_embedding": vectors})["sentence_embedding"]
        return vectors


def _first(states: Tensor, batch: PackedBatch) -> Tensor:
    return states.index_select(0, torch.from_numpy(batch.starts[:-1])).float()


def _mean(states: Tensor, batch: PackedBatch) -> Tensor:
    total = states.new_zeros(len(batch.lengths), states.shape[1], dtype=torch.float32)
    total = total.index_add(0, batch.text_of, states.float())
    return total / torch.from_numpy(batch.lengths)[:, None]


class PackedDecoder(nn.Module):
    """Cross-entropy of texts under a decoder that sees one vector of each.

    Args:
        decoder: transformers' language model with cross-attention; its modules are used in place.

    Inputs:
        vectors: (b, d) what the decoder sees of each text.
        batch: the b texts to rebuild.
        given: the pass it is part of.
    """

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = PackedHead(decoder)
        for layer in self.transformer.model.encoder.layer:  # attention to one vector needs neither
            layer.crossattention.self.query.requires_grad_(False)
            layer.crossattention.self.key.requires_grad_(False)

    @cached_property
    def transformer(self) -> PackedTransformer:
        """Its layers."""
        return PackedTransformer(self.decoder.base_model)

    def forward(self, vectors: Tensor, batch: PackedBatch, given: Pass) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            seen = vectors.index_select(0, torch.from_numpy(batch.order)).to(given.dtype)
            states = self.transformer(batch.without_last(), given, seen)
            return self.head(states, batch.next_ids(), given)


class PackedHead(nn.Module):
    """Mean cross-entropy of tokens under a language model's head.

    Args:
        model: transformers' language model; its modules are used in place.

    Inputs:
        states: (n, d) of its last layer.
        wanted: (n,) token ids.
        given: the pass it is part of.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor, wanted: Tensor, given: Pass) -> Tensor:
        dense, norm, output = _head(self.model)
        states = functional.gelu(given.linear(states, dense))
        states = torch.native_layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)[0]
        return token_cross_entropy(states, output.weight, given.cast(output.weight).detach(), output.bias, wanted)


def _head(decoder: Any) -> tuple[nn.Linear, nn.LayerNorm, nn.Linear]:
    """The layers of a language model's head, under the names of BERT, of RoBERTa or of ELECTRA (a small decoder)."""
    if hasattr(decoder, "lm_head"):
        return decoder.lm_head.dense, decoder.lm_head.layer_norm, decoder.lm_head.decoder
    if hasattr(decoder, "generator_lm_head"):
        head = decoder.generator_predictions
        return head.dense, head.LayerNorm, decoder.generator_lm_head
    head = decoder.cls.predictions
    return head.transform.dense, head.transform.LayerNorm, head.decoder
