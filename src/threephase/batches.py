"""Which rows make up each training step, in an order that is a function of (seed, epoch)."""

from collections.abc import Iterator
from typing import NamedTuple

from torch.utils.data import Sampler

from threephase.seeding import generator


class Key(NamedTuple):
    """What a training item is a function of, besides the seed: the pass over the data, and the row."""

    epoch: int
    row: int


class ShuffledBatches(Sampler[list[Key]]):
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
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Give the batches of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        return self.of_epoch(self.epoch)

    def of_epoch(self, epoch: int) -> Iterator[list[Key]]:
        """The batches of one epoch."""
        order = generator(self.seed, self.purpose, epoch).permutation(self.rows).tolist()
        for start in range(0, self.rows, self.batch_size):
            yield [Key(epoch, row) for row in order[start : start + self.batch_size]]
