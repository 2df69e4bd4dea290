"""The parts of a Transformer that libraries do slowly on a CPU: dropout, attention with dropout, the vocabulary.

Each takes its arithmetic from its input (fp32 or bf16) and gives the library's value and gradient.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from threephase.encoders.packed.batch import Group

BITS = 16  # of a dropout draw; a probability is met to within 2^-17
TOKENS_AT_ONCE = 1024  # whose scores over the vocabulary are in memory at a time


class Draws:
    """Random bits for dropout, from a generator that torch's own generator seeds."""

    def __init__(self) -> None:
        self.bits = np.random.SFC64(int(torch.randint(2**63 - 1, ()).item()))

    def keep(self, p: float, *shape: int) -> tuple[Tensor, float]:
        """A mask (int16) that is 0 with probability p, else 1, and what kept values are multiplied by."""
        count = int(np.prod(shape))
        bits = self.bits.random_raw(-(-count // 4)).view(np.int16)[:count]
        dropped = round(p * 2**BITS)
        mask = torch.from_numpy(bits).ge_(dropped - 2 ** (BITS - 1)).view(shape)
        return mask, 2**BITS / (2**BITS - dropped)


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """Values times a mask of 0 and 1. On the bits of bf16, this is one integer product."""
    if values.dtype is torch.bfloat16:
        return (values.view(torch.int16) * mask).view(torch.bfloat16)
    return values * mask


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return masked(values, mask).mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return masked(gradient, mask).mul_(ctx.scale), None, None


def dropout(values: Tensor, p: float, draws: Draws | None) -> Tensor:
    """Dropout with probability p; the values themselves without `draws`."""
    if draws is None or p == 0:
        return values
    return _Dropout.apply(values, *draws.keep(p, *values.shape))


class _DropoutAddNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, residual: Tensor, mask: Tensor | None, scale: float, weight: Tensor, bias: Tensor,
        eps: float,
    ) -> Tensor:  # fmt: skip
        total = torch.add(residual, values if mask is None else masked(values, mask), alpha=scale)
        result, mean, inverse_deviation = torch.native_layer_norm(total, [total.shape[-1]], weight, bias, eps)
        ctx.save_for_backward(total, mask, mean, inverse_deviation, weight, bias)
        ctx.scale = scale
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        total, mask, mean, inverse_deviation, weight, bias = ctx.saved_tensors
        for_total, for_weight, for_bias = torch.ops.aten.native_layer_norm_backward(
            gradient.contiguous(), total, [total.shape[-1]], mean, inverse_deviation, weight, bias, [True, True, True]
        )
        for_values = for_total if mask is None else masked(for_total, mask).mul_(ctx.scale)
        return for_values, for_total, None, None, for_weight, for_bias, None


def dropout_add_norm(
    values: Tensor, residual: Tensor, norm: torch.nn.LayerNorm, p: float, draws: Draws | None
) -> Tensor:  # fmt: skip
    """LayerNorm(residual + dropout(values)), each (n, d), with statistics in fp32."""
    mask, scale = (None, 1.0) if draws is None or p == 0 else draws.keep(p, *values.shape)
    return _DropoutAddNorm.apply(values, residual, mask, scale, norm.weight, norm.bias, norm.eps)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv: Tensor, groups: list[Group], heads: int, causal: bool, p: float, draws: Draws | None
    ) -> Tensor:
        width = qkv.shape[1] // 3
        result = qkv.new_empty(len(qkv), width)
        ctx.heads, ctx.scales, ctx.groups = heads, [], groups
        kept: list[Tensor | None] = []
        for group in groups:
            query, key, value = _side_by_side(qkv[group.start : group.stop], group, heads, 3)
            query = query * (width // heads) ** -0.5
            scores = torch.bmm(query, key.transpose(1, 2))
            _hide(scores.view(group.texts, heads, group.tokens, group.tokens), group, causal)
            shares = torch.softmax(scores, dim=-1)
            mask, scale = (None, 1.0) if draws is None or p == 0 else draws.keep(p, *shares.shape)
            mixed = torch.bmm(shares if mask is None else masked(shares, mask), value)
            if mask is not None:
                mixed.mul_(scale)
            result[group.start : group.stop] = _one_after_another(mixed[None], group, heads)
            kept += [query, key, value, shares, mask]
            ctx.scales.append(scale)
        ctx.save_for_backward(*kept)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        width = gradient.shape[1]
        for_qkv = gradient.new_empty(len(gradient), 3 * width)
        saved = ctx.saved_tensors
        for number, (group, scale) in enumerate(zip(ctx.groups, ctx.scales, strict=True)):
            query, key, value, shares, mask = saved[5 * number : 5 * number + 5]
            (given,) = _side_by_side(gradient[group.start : group.stop], group, ctx.heads, 1)
            if mask is not None:
                given.mul_(scale)
            for_shares = torch.bmm(given, value.transpose(1, 2))
            parts = given.new_empty(3, *given.shape)
            if mask is None:
                torch.bmm(shares.transpose(1, 2), given, out=parts[2])
            else:
                torch.bmm(masked(shares, mask).transpose(1, 2), given, out=parts[2])
                for_shares = masked(for_shares, mask)
            for_scores = torch._softmax_backward_data(for_shares, shares, -1, shares.dtype)
            torch.bmm(for_scores, key, out=parts[0])
            parts[0].mul_((width // ctx.heads) ** -0.5)
            torch.bmm(for_scores.transpose(1, 2), query, out=parts[1])  # the query is scaled already
            for_qkv[group.start : group.stop] = _one_after_another(parts, group, ctx.heads)
        return for_qkv, None, None, None, None, None


def attention(
    qkv: Tensor, groups: list[Group], heads: int, causal: bool, p: float, draws: Draws | None
) -> Tensor:  # fmt: skip
    """Attention of every text to itself: (n, 3d) queries, keys and values -> (n, d); dropout on the shares."""
    return _Attention.apply(qkv, groups, heads, causal, p, draws)


def _side_by_side(rows: Tensor, group: Group, heads: int, parts: int) -> Tensor:
    """(tokens of the group, parts · d) -> (parts, texts · heads, tokens, d / heads), zero where padded."""
    if group.places is not None:
        rows = rows.new_zeros(group.rows, rows.shape[1]).index_copy_(0, group.places, rows)
    split = rows.view(group.texts, group.tokens, parts, heads, -1).permute(2, 0, 3, 1, 4).contiguous()
    return split.view(parts, group.texts * heads, group.tokens, -1)


def _one_after_another(parts: Tensor, group: Group, heads: int) -> Tensor:
    """The way back."""
    split = parts.view(len(parts), group.texts, heads, group.tokens, -1)
    rows = split.permute(1, 3, 0, 2, 4).reshape(group.rows, -1)
    return rows if group.places is None else rows.index_select(0, group.places)


def _hide(scores: Tensor, group: Group, causal: bool) -> None:
    """Take padding, and with `causal` later tokens, out of sight; scores: (texts, heads, tokens, tokens)."""
    if group.padding is not None:
        scores.masked_fill_(group.padding[:, None, None, :], -torch.inf)
    if causal:
        later = torch.ones(group.tokens, group.tokens, dtype=torch.bool).triu_(1)
        scores.masked_fill_(later, -torch.inf)


class _TokenCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, master: Tensor, weight: Tensor, bias: Tensor, wanted: Tensor) -> Tensor:
        learns = any(ctx.needs_input_grad)
        total = torch.zeros((), dtype=torch.float32)
        for_states, for_weight, for_bias = torch.empty_like(states), None, torch.zeros_like(bias)
        bias = bias.to(states.dtype)
        for start in range(0, len(states), TOKENS_AT_ONCE):
            part, ids = states[start : start + TOKENS_AT_ONCE], wanted[start : start + TOKENS_AT_ONCE, None]
            scores = torch.mm(part, weight.t()).add_(bias)  # a product that adds the bias itself is slower
            right = scores.gather(1, ids).float()
            top = scores.amax(dim=1, keepdim=True)
            shares = scores.sub_(top).exp_()
            norm = shares.sum(dim=1, keepdim=True).float()
            total += (norm.log() + top.float() - right).sum()
            if learns:
                shares.mul_((1 / (norm * len(states))).to(shares.dtype))
                shares.scatter_add_(1, ids, shares.new_full(ids.shape, -1 / len(states)))
                torch.mm(shares, weight, out=for_states[start : start + TOKENS_AT_ONCE])
                product = shares.t() @ part
                for_weight = product.float() if for_weight is None else for_weight.add_(product)
                for_bias += (shares.new_ones(1, len(part)) @ shares)[0]
        if learns:
            ctx.save_for_backward(for_states, for_weight, for_bias)
        return total / len(states)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradient.item()
        for_states, for_weight, for_bias = (
            value if scale == 1 else value * scale for value in ctx.saved_tensors
        )  # fmt: skip
        return for_states, for_weight, None, for_bias, None


def token_cross_entropy(states: Tensor, master: Tensor, weight: Tensor, bias: Tensor, wanted: Tensor) -> Tensor:
    """Mean cross-entropy of the next tokens, without ever holding all scores.

    Args:
        states: (n, d) of the decoder.
        master: (V, d) output embeddings in fp32, which get the gradient.
        weight: the same in the arithmetic of `states`.
        bias: (V,) fp32.
        wanted: (n,) token ids.
    """
    return _TokenCrossEntropy.apply(states, master, weight, bias, wanted)
