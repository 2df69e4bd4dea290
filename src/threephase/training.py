"""One training loop for every phase: the transformers Trainer, with the best state kept and a history written."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
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

from threephase.engines import arithmetic, device_of
from threephase.progress import ProgressBar
from threephase.seeding import generator
from threephase.settings.common import PhaseSettings, Precision

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What a phase hands to the training loop.

    `model` takes a batch that `collate` made of items and gives {"loss": scalar}. `batches` yields, for each step
    of an epoch, the keys of its items in `train`. `validate` gives the validation loss; the state that has it lowest
    is kept (or the last, as the settings' `keep` says), and `patience` evaluations without a new minimum end the
    training; with `rises` it is `patience` rises in a row.
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


@dataclass(frozen=True)
class Fitted:
    """How a training went: one row per logged step, and where its kept state comes from."""

    history: pd.DataFrame  # step, epoch, learning_rate, grad_norm, train_loss, validation_loss
    best_step: int
    best_loss: float
    steps: int

    @property
    def summary(self) -> str:
        """For the person who waits."""
        return f"best validation loss {self.best_loss:.4f} at step {self.best_step} of {self.steps}"


def fit(task: Task, settings: PhaseSettings, seed: int, title: str) -> Fitted:
    """Train `task.model` in place and leave its best state in it; `settings` have engine and precision resolved.

    AdamW, linear warm-up and decay over the full number of epochs; validation loss is measured `evaluations`
    times at even distances.
    """
    keep_best = KeepBest(task, last=settings.keep == "last")
    with TemporaryDirectory(prefix="threephase-") as scratch:
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
            save_strategy="no",
            logging_steps=max(1, steps // 50),
            remove_unused_columns=False,
            disable_tqdm=True,
            report_to="none",
        )
        trainer = PhaseTrainer(task, settings.precision, arguments, [keep_best, ProgressBar(title)])
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    keep_best.restore(task.model)
    return Fitted(_history(trainer.state.log_history), keep_best.step, keep_best.loss, trainer.state.global_step)


class PhaseTrainer(Trainer):
    """The Trainer with the batches and the validation of a task."""

    def __init__(
        self, task: Task, precision: Precision, arguments: TrainingArguments, callbacks: list[TrainerCallback]
    ) -> None:
        super().__init__(task.model, arguments, task.collate, callbacks=callbacks)
        self.task = task
        self.precision = precision

    def get_train_dataloader(self) -> DataLoader:
        task = self.task
        return self.accelerator.prepare(DataLoader(task.train, batch_sampler=task.batches, collate_fn=task.collate))

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        # dropout is a function of (seed, step), as noise and pairs are of (seed, epoch, row)
        torch.manual_seed(int(generator(self.args.seed, "dropout", self.state.global_step).integers(2**63)))
        return super().training_step(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The validation loss, as {"eval_loss": …}."""
        self.task.model.eval()
        with torch.inference_mode(), arithmetic(self.precision, self.args.device.type):
            metrics = {"eval_loss": self.task.validate()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class KeepBest(TrainerCallback):
    """Asks for evaluations at even distances, keeps the weights of the lowest validation loss, stops for patience.

    With `last`, the last weights are kept instead.
    """

    def __init__(self, task: Task, last: bool) -> None:
        self.evaluations = task.evaluations
        self.patience = task.patience
        self.rises = task.rises
        self.last = last
        self.loss = math.inf
        self.step = 0
        self._weights: dict[str, Tensor] = {}
        self._due: set[int] = set()
        self._worse = 0  # evaluations since the lowest loss, or rises in a row
        self._before = math.inf

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._due = {math.ceil(state.max_steps * part / self.evaluations) for part in range(1, self.evaluations + 1)}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step in self._due:
            control.should_evaluate = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        loss = kwargs["metrics"]["eval_loss"]
        lowest = loss < self.loss
        better = loss <= self._before if self.rises else lowest
        self._worse = 0 if better else self._worse + 1
        self._before = loss
        if lowest or self.last:
            self.loss, self.step = loss, state.global_step
            # each shared parameter once; what is not trained stays, and the model has no other state
            self._weights = {name: weight.detach().clone() for name, weight in _trained(kwargs["model"])}
        if self.patience is not None and self._worse >= self.patience:
            control.should_training_stop = True

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights back into the model, and the model back on the CPU."""
        with torch.no_grad():
            for name, weight in _trained(model):
                weight.copy_(self._weights[name])
        model.cpu().eval()


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _history(log: list[dict[str, Any]]) -> pd.DataFrame:
    names = {
        "step": "step",
        "epoch": "epoch",
        "learning_rate": "learning_rate",
        "grad_norm": "grad_norm",
        "loss": "train_loss",
        "eval_loss": "validation_loss",
    }
    rows = [{names[key]: value for key, value in entry.items() if key in names} for entry in log]
    rows = [row for row in rows if {"train_loss", "validation_loss"} & row.keys()]
    return pd.DataFrame(rows, columns=list(names.values())).groupby("step", as_index=False).first()
