"""Which rows make up each training step, in an order that is a function of (seed, epoch)."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from threephase.seeding import generator


class Key(NamedTuple):
    """What a training item is a function of, besides the seed: the pass over the data, and the row."""

    epoch: int
    row: int


class Batches(Protocol):
    """The batches of a training: for each step of an epoch, the keys of its items."""

    def __len__(self) -> int:
        """Steps of an epoch."""

    def of_epoch(self, epoch: int) -> Iterator[list[Any]]:
        """The batches of one epoch, from 0."""


def passes(epochs: int, batches: int, min_steps: int) -> int:
    """How often to go through so many batches: `epochs` times, or as often as gives `min_steps` steps."""
    return max(epochs, -(-min_steps // batches))


class ShuffledBatches:
    """Every row once an epoch, in an order that is a function of (seed, purpose, epoch).

    Args:
        rows: number of rows.
        batch_size: rows in a batch; the last one of an epoch may have fewer.
        seed: the run's seed.
        purpose: keeps the orders of different phases apart.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, purpose: str) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.purpose = purpose

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def of_epoch(self, epoch: int) -> Iterator[list[Key]]:
        """The batches of one epoch."""
        order = generator(self.seed, self.purpose, epoch).permutation(self.rows).tolist()
        for start in range(0, self.rows, self.batch_size):
            yield [Key(epoch, row) for row in order[start : start + self.batch_size]]
