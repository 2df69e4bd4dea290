"""One training loop for every phase: the transformers Trainer, with the best state kept and a history written."""

import logging
import math
from collections.abc import Callable
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

from threephase.progress import ProgressBar
from threephase.settings.common import PhaseSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What a phase hands to the training loop.

    `model` takes a batch that `collate` made of items and gives {"loss": scalar}. `batches` yields, for each step
    of an epoch, the keys of its items in `train`. The validation loss is the sum over the parts of `validation`, of
    each the mean over its items; the state that has it lowest is kept, and `patience` evaluations without a new
    minimum end the training.
    """

    model: nn.Module
    train: Dataset
    batches: Sampler[list[Any]]
    validation: list[list[Any]]
    collate: Callable[[list[Any]], dict[str, Any]]
    epochs: int
    evaluations: int
    patience: int | None = None


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


def resolve_precision(precision: str) -> str:
    """The arithmetic that "auto" means on this machine: bf16 where the hardware computes it, else fp32."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"


def fit(task: Task, settings: PhaseSettings, seed: int, title: str) -> Fitted:
    """Train `task.model` in place and leave its best state in it.

    AdamW, linear warm-up and decay over the full number of epochs; validation loss is measured `evaluations`
    times at even distances.
    """
    keep_best = KeepBest(task.evaluations, task.patience)
    precision = resolve_precision(settings.precision)
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
            bf16=precision == "bf16",
            fp16=precision == "fp16",
            use_cpu=not torch.cuda.is_available(),
            seed=seed,
            data_seed=seed,
            eval_strategy="no",  # KeepBest asks for the evaluations
            save_strategy="no",
            logging_steps=max(1, steps // 50),
            remove_unused_columns=False,
            disable_tqdm=True,
            report_to="none",
        )
        trainer = PhaseTrainer(task, settings.eval_batch_size, arguments, [keep_best, ProgressBar(title)])
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    keep_best.restore(task.model)
    return Fitted(_history(trainer.state.log_history), keep_best.step, keep_best.loss, trainer.state.global_step)


class PhaseTrainer(Trainer):
    """The Trainer with the batches and the validation of a task."""

    def __init__(
        self, task: Task, eval_batch_size: int, arguments: TrainingArguments, callbacks: list[TrainerCallback]
    ) -> None:
        super().__init__(task.model, arguments, task.collate, callbacks=callbacks)
        self.task = task
        self.eval_batch_size = eval_batch_size

    def get_train_dataloader(self) -> DataLoader:
        task = self.task
        return self.accelerator.prepare(DataLoader(task.train, batch_sampler=task.batches, collate_fn=task.collate))

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The validation loss, as {"eval_loss": …}."""
        self.task.model.eval()
        metrics = {"eval_loss": sum(self._mean_loss(part) for part in self.task.validation)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _mean_loss(self, items: list[Any]) -> float:
        total = 0.0
        for start in range(0, len(items), self.eval_batch_size):
            part = items[start : start + self.eval_batch_size]
            batch = self._prepare_inputs(self.task.collate(part))
            with torch.inference_mode():
                total += len(part) * self.task.model(**batch)["loss"].item()
        return total / len(items)


class KeepBest(TrainerCallback):
    """Asks for evaluations at even distances, keeps the weights of the lowest validation loss, stops for patience."""

    def __init__(self, evaluations: int, patience: int | None) -> None:
        self.evaluations = evaluations
        self.patience = patience
        self.loss = math.inf
        self.step = 0
        self._weights: dict[str, Tensor] = {}
        self._due: set[int] = set()
        self._since_best = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._due = {math.ceil(state.max_steps * part / self.evaluations) for part in range(1, self.evaluations + 1)}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step in self._due:
            control.should_evaluate = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        loss = kwargs["metrics"]["eval_loss"]
        if loss < self.loss:
            self.loss, self.step, self._since_best = loss, state.global_step, 0
            # each shared parameter once; the model has no other state
            self._weights = {name: weight.detach().clone() for name, weight in kwargs["model"].named_parameters()}
            return
        self._since_best += 1
        if self.patience is not None and self._since_best >= self.patience:
            control.should_training_stop = True

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights back into the model, and the model back on the CPU."""
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(self._weights[name])
        model.cpu().eval()


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
