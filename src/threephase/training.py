"""One training loop for every phase: the transformers Trainer, with the best state kept and a history written."""

import logging
import math
import signal
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pandas as pd
import torch
from accelerate.data_loader import prepare_data_loader
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME

from threephase.checkpoint import read_json, write_json
from threephase.engines import arithmetic, device_of
from threephase.errors import InterruptionError
from threephase.processes import OwnBatches, any_of_them, processes, rank, summed
from threephase.progress import ProgressBar
from threephase.seeding import generator
from threephase.settings.common import PhaseSettings, Precision
from threephase.unfinished import Unfinished

logger = logging.getLogger(__name__)

POSITION = "position.json"
Watch = Callable[[int, float], None]  # number of the evaluation, its validation loss


@dataclass(frozen=True)
class Task:
    """What a phase hands to the training loop.

    `model` takes a batch that `collate` made of items and gives {"loss": scalar}. `batches` yields, for each step
    of an epoch, the keys of its items in `train`; `stream` says which of several side by side a key is of.
    `validate` gives the validation loss; the state that has it lowest is kept (or the last, as the settings' `keep`
    says), and `patience` evaluations without a new minimum end the training; with `rises` it is `patience` rises in
    a row.
    """

    model: nn.Module
    train: Dataset
    batches: Sampler[list[Any]]
    validate: Callable[[], float]
    collate: Callable[[list[Any]], dict[str, Any]]
    epochs: int
    evaluations: int
    patience: int | None = None
    rises: bool = False
    stream: Callable[[Any], Hashable] = lambda key: None


@dataclass(frozen=True)
class Fitted:
    """How a training went: one row per logged step, and where its kept state comes from."""

    history: pd.DataFrame  # step, epoch, learning_rate, grad_norm, train_loss, validation_loss
    best_step: int  # 0: no validation loss was measured
    best_loss: float
    steps: int
    diverged: str | None = None  # why the training ended early, where it did
    resumed: int = 0  # the step after which an earlier try was cut short

    @property
    def record(self) -> dict[str, Any]:
        """For the checkpoint's provenance."""
        return {
            "steps": self.steps,
            "resumed_after_step": self.resumed,
            "best_step": self.best_step,
            "best_validation_loss": self.best_loss,
        }


class _DivergenceError(Exception):
    """A loss or a gradient is not finite; says which."""


def fit(
    task: Task,
    settings: PhaseSettings,
    seed: int,
    title: str,
    unfinished: Unfinished | None = None,
    watch: Watch | None = None,
) -> Fitted:
    """Train `task.model` in place and leave its best state in it; `settings` have engine and precision resolved.

    AdamW, linear warm-up and decay over the full number of epochs; validation loss is measured `evaluations`
    times at even distances. Where a loss or a gradient is not finite, the training ends, its best state is left in the
    model (the last one before that, if none was validated), and the result says why.

    With `unfinished`, the training's state is saved now and then and when SIGTERM or SIGINT ask it to stop, and a
    training that was cut short goes on from there, to the same weights and history.

    `watch` is told each validation loss with its number, from 1, and may end the training by an exception.

    Raises InterruptionError after such a signal.
    """
    kept = KeepBest(task, last=settings.keep == "last", watch=watch)
    with TemporaryDirectory(prefix="threephase-") as scratch, asked_to_stop() as asked:
        steps = task.epochs * len(task.batches)  # type: ignore[arg-type]
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=task.epochs,
            learning_rate=settings.lr,
            weight_decay=settings.weight_decay,
            adam_epsilon=settings.eps,
            max_grad_norm=settings.max_grad_norm,
            lr_scheduler_type="linear",
            warmup_steps=math.ceil(settings.warmup * steps),
            bf16=settings.precision == "bf16",
            fp16=settings.precision == "fp16",
            use_cpu=device_of(settings.engine) == "cpu",
            seed=seed,
            data_seed=seed,
            eval_strategy="no",  # KeepBest asks for the evaluations
            save_strategy="no",  # and SaveState for states to be saved
            logging_steps=max(1, steps // 50),
            logging_nan_inf_filter=False,  # PhaseTrainer ends a training whose loss is not finite
            remove_unused_columns=False,
            disable_tqdm=True,
            report_to="none",
        )
        saving = SaveState(unfinished, asked)
        callbacks = [kept, saving, ProgressBar(title)]
        trainer = PhaseTrainer(task, settings.precision, arguments, kept, callbacks, unfinished)
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        diverged = None
        try:
            state = unfinished.latest() if unfinished else None
            trainer.train(resume_from_checkpoint=str(state) if state else None)
        except _DivergenceError as reason:
            step, rate = trainer.state.global_step + 1, trainer.learning_rate
            diverged = f"{reason} at step {step} of {steps}, learning rate {rate:.2g}; lower `lr` or raise `warmup`"
        if saving.stopped and not diverged:
            step = trainer.state.global_step
            saved = unfinished is not None and unfinished.latest() is not None
            after = "the same command goes on from its saved state" if saved else "the same command begins it anew"
            by = asked[0] if asked else "a signal to another of its processes"
            raise InterruptionError(f"stopped by {by} after step {step} of {steps}; {after}")
    kept.restore(task.model)
    history, steps = _history(trainer.state.log_history), trainer.state.global_step
    return Fitted(history, kept.step, kept.loss, steps, diverged, trainer.resumed)


@contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """The signals that asked this process to stop, as they come; the second one ends it as if nobody listened."""
    asked: list[str] = []
    usual: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number).name)
        for each, handler in usual.items():
            signal.signal(each, handler)

    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for each, handler in usual.items():
            signal.signal(each, handler)


class PhaseTrainer(Trainer):
    """The Trainer with the batches and the validation of a task, a check for divergence, and whole states."""

    def __init__(
        self,
        task: Task,
        precision: Precision,
        arguments: TrainingArguments,
        kept: "KeepBest",
        callbacks: list[TrainerCallback],
        unfinished: Unfinished | None,
    ) -> None:
        super().__init__(task.model, arguments, task.collate, callbacks=callbacks)
        self.task = task
        self.precision = precision
        self.kept = kept
        self.unfinished = unfinished
        self.resumed = 0
        self._losses_before: dict[str, Any] = {}

    def get_train_dataloader(self) -> DataLoader:
        task = self.task
        batches = OwnBatches(task.batches, task.stream) if processes() > 1 else task.batches
        loader = DataLoader(task.train, batch_sampler=batches, collate_fn=task.collate)
        return prepare_data_loader(loader, num_processes=1, process_index=0)  # batches are shared out already

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        if self._losses_before:  # the next line of the history is a mean over steps before and after the interruption
            self._tr_loss += self._losses_before["since_logged"]
            self._globalstep_last_logged = self._losses_before["logged_at"]
            self._losses_before = {}
        # dropout is a function of (seed, step), as noise and pairs are of (seed, epoch, row)
        drawn = (self.state.global_step, rank()) if rank() else (self.state.global_step,)
        torch.manual_seed(int(generator(self.args.seed, "dropout", *drawn).integers(2**63)))
        loss = super().training_step(*args, **kwargs)
        if any_of_them(not torch.isfinite(loss)):
            raise _DivergenceError(f"the training loss is {loss.item()}")
        return loss

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        norm = super()._clip_grad_norm(model)
        if self.precision != "fp16" and not math.isfinite(norm):  # with fp16, such a step is left out
            raise _DivergenceError(f"the gradient's norm is {float(norm)}")
        return norm

    @property
    def learning_rate(self) -> float:
        """Of the step that is being taken."""
        return float(self.lr_scheduler.get_last_lr()[0]) if self.lr_scheduler is not None else self.args.learning_rate

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The validation loss, as {"eval_loss": …}."""
        self.task.model.eval()
        with torch.inference_mode(), arithmetic(self.precision, self.args.device.type):
            loss = summed(torch.tensor(self.task.validate(), dtype=torch.float64)) / processes()
        metrics = {"eval_loss": loss.item()}  # the same in all processes, to the last bit: they stop together
        if not math.isfinite(metrics["eval_loss"]):
            raise _DivergenceError(f"the validation loss is {metrics['eval_loss']}")
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save all that the training needs to go on: weights, the kept ones too, optimiser, schedule, position."""
        if self.unfinished is None or rank() or self.kept.exhausted:  # what is left to do needs no state
            return
        with self.unfinished.saving(self.state.global_step) as folder:
            save_file(_on_cpu(dict(_trained(self.task.model))), folder / "weights.safetensors")
            save_file(_on_cpu(self.kept.weights), folder / "kept.safetensors")
            self._save_optimizer_and_scheduler(str(folder))
            self._save_scaler(str(folder))
            self.state.save_to_json(str(folder / TRAINER_STATE_NAME))
            losses = {"since_logged": self._tr_loss.item(), "logged_at": self._globalstep_last_logged}
            write_json(folder / POSITION, {"kept": self.kept.position, "training_loss": losses})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Take up a state; called by the Trainer before it takes up optimiser, schedule and step by itself."""
        folder = Path(resume_from_checkpoint)
        saved = load_file(folder / "weights.safetensors")
        with torch.no_grad():
            for name, weight in _trained(self.task.model):
                weight.copy_(saved[name])
        position = read_json(folder / POSITION)
        self.kept.take_up(position["kept"], load_file(folder / "kept.safetensors"))
        self._losses_before = position["training_loss"]
        self.resumed = TrainerState.load_from_json(str(folder / TRAINER_STATE_NAME)).global_step
        logger.info("goes on after step %d, from %s", self.resumed, folder)


def _on_cpu(weights: dict[str, Any]) -> dict[str, Tensor]:
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


class SaveState(TrainerCallback):
    """Has the state saved when it is time, and when somebody asks for a stop."""

    def __init__(self, unfinished: Unfinished | None, asked: list[str]) -> None:
        self.unfinished = unfinished
        self.asked = asked
        self.stopped = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.stopped = any_of_them(bool(self.asked))
        if self.stopped:
            control.should_save = control.should_training_stop = True
        elif self.unfinished is not None and self.unfinished.due and state.global_step < state.max_steps:
            control.should_save = True


class KeepBest(TrainerCallback):
    """Asks for evaluations at even distances, keeps the weights of the lowest validation loss, stops for patience.

    With `last`, the last weights are kept instead; before the first evaluation, those that training began with.
    """

    def __init__(self, task: Task, last: bool, watch: Watch | None = None) -> None:
        self.evaluations = task.evaluations
        self.patience = task.patience
        self.rises = task.rises
        self.last = last
        self.watch = watch
        self.losses: list[float] = []  # of all evaluations so far
        self.loss = math.inf  # of the weights that are kept
        self.step = 0
        self.weights: dict[str, Tensor] = {}
        self._due: set[int] = set()
        self._worse = 0  # evaluations since the lowest loss, or rises in a row
        self._before = math.inf

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._due = {math.ceil(state.max_steps * part / self.evaluations) for part in range(1, self.evaluations + 1)}
        if not self.weights:
            self._keep(kwargs["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step in self._due:
            control.should_evaluate = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        loss = kwargs["metrics"]["eval_loss"]
        lowest = all(loss < earlier for earlier in self.losses)
        better = loss <= self._before if self.rises else lowest
        self._worse = 0 if better else self._worse + 1
        self._before = loss
        if lowest or self.last:
            self.loss, self.step = loss, state.global_step
            self._keep(kwargs["model"])
        if self.exhausted:
            control.should_training_stop = True
        self.losses.append(loss)
        self._tell()

    @property
    def exhausted(self) -> bool:
        """Whether patience has ended the training."""
        return self.patience is not None and self._worse >= self.patience

    @property
    def position(self) -> dict[str, Any]:
        """What `take_up` needs besides the weights."""
        return {
            "loss": self.loss, "step": self.step, "worse": self._worse, "before": self._before, "losses": self.losses
        }  # fmt: skip

    def take_up(self, position: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Go on from where another one was."""
        self.loss, self.step, self.weights = position["loss"], position["step"], weights
        self._worse, self._before = position["worse"], position["before"]
        for loss in position["losses"]:
            self.losses.append(loss)
            self._tell()

    def _tell(self) -> None:
        if self.watch:
            self.watch(len(self.losses), self.losses[-1])

    def _keep(self, model: nn.Module) -> None:
        # each shared parameter once; what is not trained stays, and the model has no other state
        self.weights = {name: weight.detach().clone() for name, weight in _trained(model)}

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights back into the model, and the model back on the CPU."""
        with torch.no_grad():
            for name, weight in _trained(model):
                weight.copy_(self.weights[name])
        model.cpu().eval()


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


HISTORY = {  # columns by the Trainer's names
    "step": "step",
    "epoch": "epoch",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "loss": "train_loss",
    "eval_loss": "validation_loss",
}


def no_history() -> pd.DataFrame:
    """The history of a training that had no step."""
    return _history([])


def _history(log: list[dict[str, Any]]) -> pd.DataFrame:
    rows = [{HISTORY[key]: value for key, value in entry.items() if key in HISTORY} for entry in log]
    rows = [row for row in rows if {"train_loss", "validation_loss"} & row.keys()]
    return pd.DataFrame(rows, columns=list(HISTORY.values())).groupby("step", as_index=False).first()
