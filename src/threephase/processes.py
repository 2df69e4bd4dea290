"""What several processes share that train one model, each on its part of every batch: sums, decisions, ranks.

With one process, all of it does nothing. torchrun starts the others (`threephase.phases.together`).
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import Sampler


def processes() -> int:
    """How many processes train this model."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if processes() > 1 else 0


def summed(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes, each of which calls this."""
    if processes() == 1:
        return values
    place = values.device
    shared = values.detach().to(torch.device("cuda") if dist.get_backend() == "nccl" else "cpu")
    dist.all_reduce(shared)
    return shared.to(place)


def any_of_them(here: bool) -> bool:
    """Whether something is so in at least one process; all of them get the same answer."""
    return here if processes() == 1 else bool(summed(torch.tensor(int(here))))


def share_of_mean(mean: Tensor, items: int) -> Tensor:
    """A batch's mean as this process's part of it, whose mean over `items` is given, adds to it.

    Gradients, and the losses that are logged, are averaged over processes afterwards. Scaled like this, the
    average is the mean over the items of all parts, however many each part has.
    """
    if processes() == 1:
        return mean
    return mean * (items * processes() / summed(torch.tensor(float(items), device=mean.device)))


def own_part(values: Sequence[Any]) -> Sequence[Any]:
    """Every so manieth value, from this process's own place on."""
    return values[rank() :: processes()]


class OwnBatches(Sampler[list[Any]]):
    """This process's part of every batch; the parts of all processes together are the batch.

    Streams that a batch has side by side are shared out one by one. Of a stream that has fewer items than there are
    processes, each gets all: `share_of_mean` makes up for that.

    Args:
        batches: the same in every process.
        stream: what stream an item of a batch is of.
    """

    def __init__(self, batches: Sampler[list[Any]], stream: Callable[[Any], Hashable]) -> None:
        self.batches = batches
        self.stream = stream

    def set_epoch(self, epoch: int) -> None:
        """Give the batches of this epoch from now on."""
        if hasattr(self.batches, "set_epoch"):
            self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[Any]]:
        for batch in self.batches:
            streams = [list(items) for _, items in groupby(batch, self.stream)]
            yield [item for items in streams for item in (items if len(items) < processes() else own_part(items))]
