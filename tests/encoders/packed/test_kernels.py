"""The parts of the packed engine against the library's, and their dropout against its distribution."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from threephase.encoders.packed import kernels
from threephase.encoders.packed.batch import PackedBatch
from threephase.encoders.packed.kernels import Draws, attention, dropout, dropout_add_norm, token_cross_entropy

LENGTHS = [3, 17, 1, 9, 9, 40]
HEADS, WIDTH = 2, 8
precisions = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])


@pytest.fixture
def batch() -> PackedBatch:
    rng = np.random.default_rng(0)
    return PackedBatch.of([rng.integers(5, 99, length) for length in LENGTHS])


def test_the_longest_text_comes_first_and_the_way_back_is_known(batch: PackedBatch) -> None:
    assert batch.lengths.tolist() == sorted(LENGTHS, reverse=True)
    assert batch.lengths[batch.back].tolist() == LENGTHS
    assert batch.positions[batch.starts[1] : batch.starts[2]].tolist() == list(range(17))
    assert batch.text_of.tolist() == np.repeat(np.arange(6), batch.lengths).tolist()


def test_groups_cover_every_token_once_within_their_limits(batch: PackedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (1, 200, 10**6):
        monkeypatch.setattr("threephase.encoders.packed.batch.SCORES_OF_A_GROUP", limit)
        groups = PackedBatch(batch.ids, batch.lengths, batch.order).groups
        assert [group.start for group in groups] == [0, *(group.stop for group in groups[:-1])]
        assert groups[-1].stop == len(batch.ids)
        for group in groups:
            assert group.texts == 1 or group.texts * group.tokens**2 <= limit


def test_a_decoder_reads_all_but_the_last_and_wants_all_but_the_first() -> None:
    batch = PackedBatch.of([np.array([1, 2, 3]), np.array([4, 5, 6, 7])])
    assert batch.without_last().ids.tolist() == [4, 5, 6, 1, 2]
    assert batch.next_ids().tolist() == [5, 6, 7, 2, 3]


def padded_attention(qkv: torch.Tensor, batch: PackedBatch, causal: bool) -> torch.Tensor:
    parts = []
    for start, stop in zip(batch.starts[:-1], batch.starts[1:], strict=True):
        q, k, v = qkv[start:stop].view(-1, 3, HEADS, WIDTH // HEADS).permute(1, 2, 0, 3)
        mixed = functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal)
        parts.append(mixed[0].transpose(0, 1).reshape(-1, WIDTH))
    return torch.cat(parts)


@precisions
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("limit", [1, 400, 10**6])
def test_attention_equals_the_librarys_text_by_text(
    batch: PackedBatch, monkeypatch: pytest.MonkeyPatch, causal: bool, limit: int, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setattr("threephase.encoders.packed.batch.SCORES_OF_A_GROUP", limit)
    torch.manual_seed(0)
    values = torch.randn(len(batch.ids), 3 * WIDTH)
    toward = torch.randn(len(batch.ids), WIDTH)
    found = []
    for compute in (
        lambda qkv: attention(qkv.to(dtype), batch.groups, HEADS, causal, 0.1, None).float(),
        lambda qkv: padded_attention(qkv, batch, causal),
    ):
        qkv = values.clone().requires_grad_()
        result = compute(qkv)
        (result * toward).sum().backward()
        found += [result.detach(), qkv.grad]
    assert torch.allclose(found[0], found[2], atol=tolerance)
    assert torch.allclose(found[1], found[3], atol=3 * tolerance)


class Known(Draws):
    """Draws that keep what a given mask keeps."""

    def __init__(self, mask: torch.Tensor, scale: float) -> None:
        self.mask, self.scale = mask, scale

    def keep(self, p: float, *shape: int) -> tuple[torch.Tensor, float]:
        return self.mask.view(shape), self.scale


def test_attention_dropout_falls_on_the_shares_and_on_their_gradient() -> None:
    """One text of three tokens, one head, by the formula: out = (softmax(q k / √d) ∘ mask · scale) v."""
    torch.manual_seed(0)
    batch = PackedBatch.of([np.array([1, 2, 3])])
    mask = torch.tensor([[1, 0, 1], [0, 1, 1], [1, 1, 0]], dtype=torch.int16)
    values = torch.randn(3, 12)
    found = []
    for own in (True, False):
        qkv = values.clone().requires_grad_()
        if own:
            result = attention(qkv, batch.groups, 1, False, 0.5, Known(mask, 2.0))
        else:
            q, k, v = qkv.view(3, 3, 4).unbind(1)
            result = ((q @ k.T / 2).softmax(-1) * mask * 2.0) @ v
        result.square().sum().backward()
        found += [result.detach(), qkv.grad]
    assert torch.allclose(found[0], found[2], atol=1e-6)
    assert torch.allclose(found[1], found[3], atol=1e-5)


@precisions
def test_dropout_add_norm_by_the_formula(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    norm = torch.nn.LayerNorm(8)
    torch.nn.init.normal_(norm.weight)
    mask = (torch.rand(5, 8) > 0.3).to(torch.int16)
    given = torch.randn(2, 5, 8).to(dtype).float()
    found = []
    for own in (True, False):
        values, residual = (part.clone().requires_grad_() for part in given)
        norm.zero_grad()
        if own:
            result = dropout_add_norm(values.to(dtype), residual.to(dtype), norm, 0.3, Known(mask, 1 / 0.7)).float()
        else:
            result = norm(residual + values * mask / 0.7)
        (result * torch.arange(8)).sum().backward()
        assert values.grad is not None
        assert ((values.grad == 0) == (mask == 0)).all()
        found.append([result.detach(), values.grad, residual.grad, norm.weight.grad.clone()])
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance * float(theirs.abs().max()))


def test_dropout_is_drawn_with_its_probability_and_each_element_on_its_own() -> None:
    torch.manual_seed(1)
    ones = torch.ones(400, 500, requires_grad=True)
    for p in (0.1, 0.37):
        result = dropout(ones, p, Draws())
        dropped = result == 0
        share, error = float(dropped.double().mean()), (p * (1 - p) / dropped.numel()) ** 0.5
        assert abs(share - p) < 4 * error
        assert float(result.detach().max()) == pytest.approx(1 / (1 - p), rel=1e-4)
        for axis, count in ((0, 500), (1, 400)):  # neighbours: both dropped as often as independence says
            both = float((dropped.roll(1, axis) & dropped).double().mean())
            assert abs(both - p * p) < 5 * (p * p / dropped.numel()) ** 0.5, count
        (gradient,) = torch.autograd.grad(result.sum(), ones)
        assert torch.equal(gradient, result)


def test_no_draws_is_no_dropout_and_torchs_seed_decides_the_draws() -> None:
    values = torch.randn(7, 9)
    assert dropout(values, 0.5, None) is values
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws = Draws()
        masks.append([draws.keep(0.5, 7, 9)[0], draws.keep(0.5, 7, 9)[0]])
    assert torch.equal(masks[0][0], masks[1][0])
    assert torch.equal(masks[0][1], masks[1][1])
    assert not torch.equal(masks[0][0], masks[0][1])
    assert not torch.equal(masks[0][0], masks[2][0])


@precisions
@pytest.mark.parametrize("at_once", [3, 64])
def test_token_cross_entropy_equals_the_librarys(
    monkeypatch: pytest.MonkeyPatch, at_once: int, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setattr(kernels, "TOKENS_AT_ONCE", at_once)
    torch.manual_seed(0)
    wanted = torch.randint(50, (10,))
    given = [torch.randn(10, 8), torch.randn(50, 8), torch.randn(50)]
    found = []
    for own in (True, False):
        states, weight, bias = (part.to(dtype).float().requires_grad_() for part in given)
        if own:
            loss = token_cross_entropy(states.to(dtype), weight, weight.detach().to(dtype), bias, wanted)
        else:
            loss = functional.cross_entropy(functional.linear(states, weight, bias), wanted)
        (3 * loss).backward()
        found.append([loss.detach(), states.grad, weight.grad, bias.grad])
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, atol=tolerance * max(1.0, float(theirs.abs().max())))
