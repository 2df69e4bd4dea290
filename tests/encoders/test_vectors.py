"""Vectors of length 1."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import loaded

from threephase.encoders.vectors import on_the_sphere, unit_vectors


def test_vectors_get_length_1_and_zeros_stay() -> None:
    given = on_the_sphere(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert given.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


def test_vectors_are_the_librarys_own_and_change_nothing_of_the_encoder(
    base_models: dict[str, Path], corpus: list[str]
) -> None:
    encoder = loaded(base_models["bert"])
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    wanted = encoder.encode(corpus[:5], normalize_embeddings=True)
    assert unit_vectors(encoder, corpus[:5]) == pytest.approx(wanted, abs=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in encoder.state_dict().items())
