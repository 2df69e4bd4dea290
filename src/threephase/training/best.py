"""Which state of a training is kept, and when its task has it stop."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from threephase.training.task import Measured, Rank, Watch, by_loss


class KeepBest:
    """The weights of the best evaluation, and whether the task has the training end here.

    Before the first evaluation, the weights are those that training began with.

    Args:
        model: what is trained, as it is before the first step.
        stop: says of all that was measured so far whether it ends the training; None: nothing does.
        last: the last weights are kept, not the best.
        watch: is told each evaluation.
        criterion: ranks evaluations; the best is the first of the lowest.
    """

    def __init__(
        self,
        model: nn.Module,
        stop: Callable[[Sequence[Measured]], bool] | None,
        last: bool = False,
        watch: Watch | None = None,
        criterion: Callable[[Measured], Rank] = by_loss,
    ) -> None:
        self.stop = stop
        self.last = last
        self.watch = watch
        self.criterion = criterion
        self.found: list[Measured] = []  # by all evaluations so far
        self.kept = Measured(math.inf)  # of the weights that are kept
        self.step = 0
        self.weights = _copied(model)

    def evaluated(self, step: int, measured: Measured, model: nn.Module) -> None:
        """Take note of what was measured after a step, and keep the weights if they are the ones to keep."""
        self.found.append(measured)
        if self.best_at_the_end or self.last:
            self.kept, self.step, self.weights = measured, step, _copied(model)
        self._tell()

    @property
    def best_at_the_end(self) -> bool:
        """Whether the last evaluation is better than all before it."""
        *before, last = map(self.criterion, self.found)
        return all(last < earlier for earlier in before)

    @property
    def exhausted(self) -> bool:
        """Whether the task has the training end here."""
        return self.stop is not None and bool(self.found) and self.stop(self.found)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here."""
        return {
            "kept": tuple(self.kept),
            "step": self.step,
            "weights": self.weights,
            "found": [tuple(measured) for measured in self.found],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another one was; `watch` is told what that one was told."""
        self.kept, self.step, self.weights = Measured(*state["kept"]), state["step"], state["weights"]
        for measured in state["found"]:
            self.found.append(Measured(*measured))
            self._tell()

    def _tell(self) -> None:
        if self.watch:
            self.watch(len(self.found), self.found[-1])

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights back into the model, and the model back on the CPU."""
        with torch.no_grad():
            for name, weight in trained(model):
                weight.copy_(self.weights[name])
        model.cpu().eval()


def trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that training changes, by name, each shared one once."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    # what is not trained stays, and the model has no other state
    return {name: weight.detach().clone() for name, weight in trained(model)}
