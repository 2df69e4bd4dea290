"""One training loop for every phase: forward, loss, backward, clip, step, schedule, evaluate, keep, save."""

import logging
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from threephase.encoders.engines import arithmetic, device_of
from threephase.errors import InterruptionError
from threephase.processes import any_rank, averaging_gradients, processes, rank, shard_of_batch, summed
from threephase.seeding import generator
from threephase.settings.common import PhaseSettings
from threephase.training.best import KeepBest, trained
from threephase.training.progress import Progress
from threephase.training.states import Unfinished
from threephase.training.stopping import asked_to_stop
from threephase.training.task import Fitted, Measured, Task, Watch

logger = logging.getLogger(__name__)

HISTORY = ["step", "epoch", "learning_rate", "grad_norm", "train_loss", "validation_loss", "validation_score"]
LINES = 50  # of the history, at the least, where a training has so many steps
STATE = "state.pt"

# What weight decay leaves alone, by name and in any LayerNorm: as BERT was trained.
_UNDECAYED = re.compile(r"bias|layernorm|rmsnorm|(^|[._])norm(\.|$)")


class DivergenceError(Exception):
    """A loss or a gradient is not finite; says which, where, and what to do."""


def fit(
    task: Task,
    settings: PhaseSettings,
    seed: int,
    title: str,
    unfinished: Unfinished | None = None,
    watch: Watch | None = None,
) -> Fitted:
    """Train `task.model` in place and leave its best state in it; `settings` have engine and precision resolved.

    AdamW, linear warm-up and, as `lr_schedule` says, decay over the full number of epochs; validation is measured
    `evaluations` times at even distances. Where a loss or a gradient is not finite, the training ends, its best state
    is left in the model (the one that it began with, if none was validated), and the result says why.

    With `unfinished`, the training's state is saved now and then and when SIGTERM or SIGINT ask it to stop, and a
    training that was cut short goes on from there, to the same weights and history.

    `watch` is told each evaluation with its number, from 1, and may end the training by an exception.

    Raises InterruptionError after such a signal.
    """
    with asked_to_stop() as asked:
        training = Training(task, settings, seed, watch)
        kept, steps = training.kept, training.steps
        state = unfinished.latest() if unfinished else None
        if state:
            training.load(state)
        resumed = training.step
        diverged, stopped = None, False
        with Progress(title, steps, done=resumed) as progress:
            try:
                for batch in training.batches():
                    loss = training.forward(batch)
                    training.backward(loss)
                    norm = training.clip()
                    training.look(loss, norm)
                    training.update()
                    progress.to(training.step)
                    if training.step % training.log_every == 0:
                        progress.tell(loss=training.log(norm))
                    if training.step in training.evaluate_at:
                        measured = training.evaluate()
                        score = {} if measured.score is None else {"score": measured.score}
                        progress.tell(validation=measured.loss, **score)
                    stopped = any_rank(bool(asked))
                    if unfinished and (stopped or (unfinished.due and training.step < steps)):
                        training.save(unfinished)
                    if stopped or kept.exhausted:
                        break
            except DivergenceError as reason:
                diverged = str(reason)
    if stopped:
        saved = unfinished is not None and unfinished.latest() is not None
        after = "the same command goes on from its saved state" if saved else "the same command begins it anew"
        by = asked[0] if asked else "a signal to another of its processes"
        raise InterruptionError(f"stopped by {by} after step {training.step} of {steps}; {after}", *asked[:1])
    kept.restore(task.model)
    at_the_end = bool(kept.found) and not diverged and kept.best_at_the_end
    history = history_of(training.rows.values())
    return Fitted(history, kept.step, kept.kept, training.step, at_the_end, diverged, resumed)


class Training:
    """How far a training is, and what its steps need. `fit` calls the methods in their order.

    Args:
        task: what to train.
        settings: of the phase, with engine and precision resolved.
        seed: the run's seed.
        watch: is told each evaluation.
    """

    def __init__(self, task: Task, settings: PhaseSettings, seed: int, watch: Watch | None = None) -> None:
        self.task = task
        self.settings = settings
        self.seed = seed
        self.steps = task.epochs * len(task.batches)
        self.warmup = math.ceil(settings.warmup * self.steps) if task.warmup_steps is None else task.warmup_steps
        self.log_every = max(1, self.steps // LINES)
        self.evaluate_at = {math.ceil(self.steps * part / task.evaluations) for part in range(1, task.evaluations + 1)}
        self.device = device_of(settings.engine)
        self.model = averaging_gradients(task.model.to(self.device))
        self.model.train()
        groups = _groups(task.model, settings.weight_decay, settings.lr, task.rates)
        self.optimizer = AdamW(groups, settings.lr, eps=settings.eps, fused=True)
        self.scaler = GradScaler(self.device, enabled=settings.precision == "fp16")
        self.kept = KeepBest(task.model, task.stop, settings.keep == "last", watch, task.criterion)
        self.step = 0  # steps that were taken
        self.look_every = look_every(self.device, self.log_every)
        self.finite = torch.ones((), dtype=torch.bool, device=self.device)  # all losses and gradients so far
        self.loss = torch.zeros((), device=self.device)  # summed over the steps since the last line of the history
        self.rows: dict[int, dict[str, float]] = {}  # of the history, by step

    def batches(self) -> Iterator[list[Any]]:
        """What each step that is left to take has for its batch: keys of items."""
        of_an_epoch = len(self.task.batches)
        for epoch in range(self.step // of_an_epoch, self.task.epochs):
            yield from islice(self.task.batches.of_epoch(epoch), self.step % of_an_epoch, None)

    def forward(self, batch: list[Any]) -> Tensor:
        """The loss of a batch."""
        keys = shard_of_batch(batch, self.task.stream)
        given = self.task.collate([self.task.train[key] for key in keys])
        # dropout is a function of (seed, step), as noise and pairs are of (seed, epoch, row)
        drawn = (self.step, rank()) if rank() else (self.step,)
        torch.manual_seed(int(generator(self.seed, "dropout", *drawn).integers(2**63)))
        with arithmetic(self.settings.precision, self.device):
            return self.model(**given)["loss"].float()

    def backward(self, loss: Tensor) -> None:
        """The gradients of a loss; of several processes, their mean."""
        self.scaler.scale(loss).backward()
        self.finite &= torch.isfinite(loss.detach())
        self.loss += loss.detach()

    def clip(self) -> Tensor:
        """Scale the gradients down to `max_grad_norm`, and give the norm that they had."""
        self.scaler.unscale_(self.optimizer)
        norm = clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)
        if not self.scaler.is_enabled():  # with fp16, a step whose gradients are not finite is left out
            self.finite &= torch.isfinite(norm)
        return norm

    def look(self, loss: Tensor, norm: Tensor) -> None:
        """Raise DivergenceError where a loss or a gradient was not finite since the last look."""
        step = self.step + 1
        if (step % self.look_every and step not in self.evaluate_at) or not any_rank(not self.finite):
            return
        if not torch.isfinite(loss):
            raise self._diverged(f"the training loss is {loss.item()}", step)
        if not torch.isfinite(norm) and not self.scaler.is_enabled():
            raise self._diverged(f"the gradient's norm is {norm.item()}", step)
        raise self._diverged("a loss or a gradient was not finite before", step)

    def update(self) -> None:
        """Take the step, at the learning rate that the schedule has for it."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * self.share_of_peak(self.step + 1)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.step += 1

    def log(self, norm: Tensor) -> float:
        """Write a line of the history and give its training loss: the mean since the line before."""
        loss = (summed(self.loss) / processes()).item() / self.log_every
        self._row().update(learning_rate=self.learning_rate(self.step), grad_norm=norm.item(), train_loss=loss)
        self.loss.zero_()
        return loss

    def evaluate(self) -> Measured:
        """What validation finds, the same in all processes, to the last bit: they stop together."""
        self.model.eval()
        with torch.inference_mode(), arithmetic(self.settings.precision, self.device):
            values = [value for value in self.task.validate() if value is not None]
            measured = Measured(*(summed(torch.tensor(values, dtype=torch.float64)) / processes()).tolist())
        self.model.train()
        if not math.isfinite(measured.loss):
            raise self._diverged(f"the validation loss is {measured.loss}", self.step)
        self._row().update(validation_loss=measured.loss)
        if measured.score is not None:
            self._row().update(validation_score=measured.score)
        self.kept.evaluated(self.step, measured, self.task.model)
        return measured

    def learning_rate(self, step: int) -> float:
        """Of a step, from 1; of parts of the model that have their own, it is the same share of theirs."""
        return self.settings.lr * self.share_of_peak(step)

    def share_of_peak(self, step: int) -> float:
        """Of the learning rate, at a step from 1: up over the warm-up, then down to 0, on straight lines, or level."""
        before = step - 1
        if before < self.warmup:
            return before / self.warmup
        if self.settings.lr_schedule == "constant":
            return 1.0
        return (self.steps - before) / (self.steps - self.warmup)

    def _diverged(self, what: str, step: int) -> DivergenceError:
        where = f"at step {step} of {self.steps}, learning rate {self.learning_rate(step):.2g}"
        return DivergenceError(f"{what} {where}; lower `lr` or raise `warmup`")

    def _row(self) -> dict[str, float]:
        of_an_epoch = len(self.task.batches)
        epoch, place = divmod(self.step - 1, of_an_epoch)
        return self.rows.setdefault(self.step, {"step": self.step, "epoch": epoch + (place + 1) / of_an_epoch})

    def save(self, unfinished: Unfinished) -> None:
        """Save all that the training needs to go on."""
        if rank() or self.kept.exhausted or not self.finite:  # what is left to do needs no state
            return
        with unfinished.saving(self.step) as folder:
            state = {
                "step": self.step,
                "weights": {name: weight.detach() for name, weight in trained(self.task.model)},
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "loss": self.loss,
                "rows": self.rows,
                "kept": self.kept.state_dict(),
            }
            _write(state, folder / STATE)

    def load(self, folder: Path) -> None:
        """Go on from a saved state."""
        state = torch.load(folder / STATE, map_location=self.device, weights_only=True)
        with torch.no_grad():
            for name, weight in trained(self.task.model):
                weight.copy_(state["weights"][name])
        self.step, self.loss, self.rows = state["step"], state["loss"], state["rows"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.kept.load_state_dict(state["kept"])
        logger.info("goes on after step %d, from %s", self.step, folder)


def _write(state: dict[str, Any], path: Path) -> None:
    """Write a state to a file. Raises the OSError where the disk takes no more: what a quota leaves, or a limit.

    To a path torch would write itself, and raise a RuntimeError that says nothing of the disk.
    """
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:  # of torch's, which closes its archive after a write has failed
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def look_every(device: str, log_every: int) -> int:
    """After how many steps a training looks whether all was finite.

    On a GPU a look waits for all steps that were queued. What is kept was evaluated, whenever the training ends.
    """
    return 1 if device == "cpu" else log_every


def _groups(model: nn.Module, weight_decay: float, lr: float, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """The trained parameters for AdamW: those that weight decay acts on, and the others; parts with rates apart."""
    norms = [layer for layer in model.modules() if isinstance(layer, nn.LayerNorm)]
    spared = {id(weight) for norm in norms for weight in norm.parameters()}
    spared |= {id(weight) for name, weight in trained(model) if _UNDECAYED.search(name.lower())}
    groups = []
    for part, peak in [(None, lr), *rates.items()]:
        weights = [weight for name, weight in trained(model) if _part(name, rates) == part]
        decayed, others = ([weight for weight in weights if (id(weight) in spared) is so] for so in (False, True))
        groups += [
            {"params": decayed, "weight_decay": weight_decay, "peak": peak},
            {"params": others, "weight_decay": 0.0, "peak": peak},
        ]
    return groups


def _part(name: str, parts: Collection[str]) -> str | None:
    """Which of some parts a parameter belongs to, by the names before its own; None for none of them."""
    return next((part for part in parts if f"{name}.".startswith(f"{part}.")), None)


def history_of(rows: Iterable[dict[str, float]]) -> pd.DataFrame:
    """A history from its rows; those of a step that was not logged, or not validated, are not complete."""
    return pd.DataFrame(list(rows), columns=HISTORY)
