"""What several processes share that train one model, each on its shard of every batch: sums, decisions, ranks.

With one process, all of it does nothing. `threephase.jobs.together` starts the others.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


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
    shared = values.detach().clone()
    dist.all_reduce(shared)
    return shared


def any_rank(here: bool) -> bool:
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


def shard(values: Sequence[Any]) -> Sequence[Any]:
    """This process's values: every so manieth one, from its own place on."""
    return values[rank() :: processes()]


def shard_of_batch(batch: list[Any], stream: Callable[[Any], Hashable]) -> list[Any]:
    """This process's shard of a batch; the shards of all processes together are the batch.

    Streams that a batch has side by side are shared out one by one. Of a stream that has fewer items than there are
    processes, each gets all: `share_of_mean` makes up for that.

    Args:
        batch: the same in every process.
        stream: what stream an item of it is of.
    """
    if processes() == 1:
        return batch
    streams = [list(items) for _, items in groupby(batch, stream)]
    return [item for items in streams for item in (items if len(items) < processes() else shard(items))]


def averaging_gradients(model: nn.Module) -> nn.Module:
    """The model, whose backward pass averages its gradients over all processes."""
    # what a batch has no stream for gets no gradient
    return model if processes() == 1 else DistributedDataParallel(model, find_unused_parameters=True)
