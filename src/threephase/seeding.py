"""Random draws as functions of their place, not of a running generator.

A draw that depends only on (seed, purpose, place) is the same whatever was drawn before it, so a resumed
or reordered run sees the same noise and the same pairs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np


def generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """The generator for one purpose ("dae-noise", "pairs", …) at one place (epoch, row, …)."""
    return np.random.default_rng([crc32(purpose.encode()), seed, *place])


@contextmanager
def drawing(seed: int, purpose: str, *place: int) -> Iterator[None]:
    """Within, torch draws on the CPU for one purpose ("head", "decoder", …) at one place.

    Afterwards its generator is where it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(generator(seed, purpose, *place).integers(2**63)))
        yield
