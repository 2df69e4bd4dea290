"""What a phase hands to the training loop, and what it gets back."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
from torch import nn
from torch.utils.data import Dataset

from threephase.training.batches import Batches


class Measured(NamedTuple):
    """What one evaluation on validation rows found: the loss and, where a phase has one, a score (higher is better).

    The score is the one that the criterion looks at; a classifier says what both are, whichever that is.
    """

    loss: float
    score: float | None = None
    accuracy: float | None = None
    f1: float | None = None

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}" + ("" if self.score is None else f", score {self.score:.4f}")


Watch = Callable[[int, Measured], None]  # number of the evaluation, what it found
Rank = tuple[float, ...]  # the lower, the better


def by_loss(found: Measured) -> Rank:
    """Ranks by the loss alone."""
    return (found.loss,)


def by_score(found: Measured) -> Rank:
    """Ranks by the score, equal ones by the loss."""
    assert found.score is not None
    return -found.score, found.loss


@dataclass(frozen=True)
class Task:
    """What a phase hands to the training loop.

    `model` takes a batch that `collate` made of items and gives {"loss": scalar}. `batches` has, for each step
    of an epoch, the keys of its items in `train`; `stream` says which of several side by side a key is of.
    `validate` measures the validation loss and, where there is one, a score; the state that `criterion` ranks lowest
    is kept, the first of equals (or the last state, as the settings' `keep` says). `stop` is given all that was
    measured so far, after each evaluation, and says whether the training ends.
    `warmup_steps` are those of the warm-up where they are not the settings' share of all steps; they may be more.
    `rates` are learning rates of parts of the model that have their own, by what their parameters' names begin with.
    """

    model: nn.Module
    train: Dataset
    batches: Batches
    validate: Callable[[], Measured]
    collate: Callable[[list[Any]], dict[str, Any]]
    epochs: int
    evaluations: int
    criterion: Callable[[Measured], Rank] = by_loss
    stop: Callable[[Sequence[Measured]], bool] | None = None
    stream: Callable[[Any], Hashable] = lambda key: None
    warmup_steps: int | None = None
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """How a training went: one row per logged step, and where its kept state comes from."""

    history: pd.DataFrame  # step, epoch, learning_rate, grad_norm, train_loss, validation_loss, validation_score
    best_step: int  # 0: nothing was measured
    best: Measured
    steps: int
    best_at_the_end: bool = False  # the last evaluation is the best by the criterion, whichever state is kept
    diverged: str | None = None  # why the training ended early, where it did
    resumed: int = 0  # the step after which an earlier try was cut short

    @property
    def record(self) -> dict[str, Any]:
        """For the checkpoint's provenance."""
        return {
            "steps": self.steps,
            "resumed_after_step": self.resumed,
            "best_step": self.best_step,
            "best_validation_loss": self.best.loss,
            "best_validation_score": self.best.score,
            "best_at_the_end": self.best_at_the_end,
        }
