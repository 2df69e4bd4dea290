"""What a decoder gains from its vector, and what it is held against, by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import set_seed

from threephase.encoders.encoder import load_encoder
from threephase.encoders.tokens import flat, tokenise
from threephase.evaluation.reconstruction import derangement, reconstruction, unigram
from threephase.method.losses import ReconstructionLoss
from threephase.seeding import generator

CLEAN = ["the match of the team with a goal", "a song", "the bank and the market of a trade"]
NOISED = ["match team goal", "song", "bank trade"]
OTHER = np.array([1, 2, 0])


def lively_loss(folder: Path) -> ReconstructionLoss:
    """With weights so large that its vectors differ."""
    set_seed(3)
    encoder = load_encoder(folder)
    loss = ReconstructionLoss(encoder).eval()
    with torch.no_grad():
        for weight in loss.parameters():
            if weight.dim() == 2:
                weight.copy_(torch.randn_like(weight) * weight.shape[1] ** -0.5)
    return loss


def texts(loss: ReconstructionLoss) -> list[tuple[np.ndarray, np.ndarray]]:
    encoder = loss.encode.encoder
    return list(zip(tokenise(encoder, NOISED), tokenise(encoder, CLEAN), strict=True))


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_decoder_that_ignores_its_vector_gains_exactly_nothing(base_models: dict[str, Path], name: str) -> None:
    loss = lively_loss(base_models[name])
    assert abs(reconstruction(loss, texts(loss), OTHER, 2)["gain"]) > 1e-3
    with torch.no_grad():
        for weights, weight in loss.decoder.named_parameters():
            if "crossattention.self.value.weight" in weights:
                weight.zero_()
    found = reconstruction(loss, texts(loss), OTHER, 2)
    assert found["gain"] == 0
    assert found["wrong"] == found["right"] > 0


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_right_and_wrong_are_means_over_all_tokens(base_models: dict[str, Path], batch_size: int) -> None:
    loss = lively_loss(base_models["bert"])
    noised, clean = zip(*texts(loss), strict=True)
    totals, tokens = [0.0, 0.0], sum(len(text) - 1 for text in clean)
    with torch.inference_mode():
        vectors = loss.encode(loss.encode.batch(noised))
        for row, text in enumerate(clean):
            for place, seen in enumerate((row, int(OTHER[row]))):
                of_text = loss.rebuild(vectors[[seen]], loss.encode.batch([text])).item()
                totals[place] += (len(text) - 1) * of_text
    found = reconstruction(loss, texts(loss), OTHER, batch_size)
    assert found["right"] == pytest.approx(totals[0] / tokens, rel=1e-5)
    assert found["wrong"] == pytest.approx(totals[1] / tokens, rel=1e-5)
    assert found["gain"] == pytest.approx((totals[1] - totals[0]) / tokens, abs=1e-5)


def test_unigram_cross_entropy_by_hand() -> None:
    # said are 5, 5, 3 and 3, not the first tokens; of 6 tokens: counts + 1 are 1 for 0, 1, 2, 4, and 3 for 3 and 5
    train = flat([np.array([0, 5, 5, 3]), np.array([0, 3])])
    found = unigram(train, [np.array([0, 5, 1]), np.array([0, 4])], vocabulary=6)
    assert found == pytest.approx(-(math.log(3 / 10) + 2 * math.log(1 / 10)) / 3)


@pytest.mark.parametrize("rows", [2, 3, 50])
def test_no_text_gets_its_own_vector_and_each_vector_serves_once(rows: int) -> None:
    for seed in range(20):
        other = derangement(rows, generator(seed, "d"))
        assert (other != np.arange(rows)).all()
        assert sorted(other.tolist()) == list(range(rows))
    assert derangement(rows, generator(1, "d")).tolist() == derangement(rows, generator(1, "d")).tolist()
