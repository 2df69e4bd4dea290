"""The training loop by values worked out by hand, on a model of two numbers."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from threephase.errors import InterruptionError
from threephase.settings.common import PhaseSettings
from threephase.training import loop
from threephase.training.batches import ShuffledBatches
from threephase.training.loop import Training, fit, look_every
from threephase.training.states import Unfinished
from threephase.training.task import Fitted, Measured, Task, by_score


class Sum(nn.Module):
    """Its loss is (weight + bias) · x, whose gradient is x for both; dropout halves it at random."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"loss": self.dropout((self.weight + self.bias) * x).mean()}

    @property
    def values(self) -> tuple[float, float]:
        return self.weight.item(), self.bias.item()


def task_of(
    values: list[float], batch_size: int = 1, validate: Callable[[], Measured] = lambda: Measured(0.0), **more: Any
) -> Task:
    """A training on these values of x, one after the other."""
    given: dict[str, Any] = {"model": Sum(), "epochs": 1, "evaluations": 1, **more}
    return Task(
        train=Items(values), batches=InOrder(len(values), batch_size, 1, "order"), validate=validate,
        collate=lambda items: {"x": torch.tensor(items)}, **given,
    )  # fmt: skip


class Items:
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __getitem__(self, key: Any) -> float:
        return self.values[key.row]


class InOrder(ShuffledBatches):
    def of_epoch(self, epoch: int) -> Any:
        rows = sorted(key for batch in super().of_epoch(epoch) for key in batch)
        return (rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))


def settings_of(**changes: Any) -> PhaseSettings:
    return PhaseSettings(**{"lr": 0.1, "max_grad_norm": 1e9, "precision": "fp32", "engine": "packed", **changes})


def trained(task: Task, states: Path | None = None, **changes: Any) -> Fitted:
    return fit(task, settings_of(**changes), 1, "t", Unfinished(states, "key", every=3600) if states else None)


def told(*losses: float) -> Callable[[], Measured]:
    """A validation that comes to one of the losses after the other."""
    left = list(losses)
    return lambda: Measured(left.pop(0))


def test_steps_of_adamw_by_hand() -> None:
    """With a gradient of 1 throughout, a step of AdamW is its learning rate: 0, 0.05, 0.1, 0.05, half being warm-up."""
    task = task_of([1.0] * 4)
    history = trained(task, keep="last", eps=1e-12, weight_decay=0.5).history
    assert history["learning_rate"].tolist() == pytest.approx([0, 0.05, 0.1, 0.05])
    weight = 1.0
    for rate in (0, 0.05, 0.1, 0.05):
        weight -= rate * 0.5 * weight + rate
    assert weight == pytest.approx(0.70928125)
    assert task.model.values == pytest.approx((weight, 1 - 0.05 - 0.1 - 0.05))  # no decay of a bias


@pytest.mark.parametrize(
    ("warmup", "rates"),
    [(0.0, [0.4, 0.3, 0.2, 0.1]), (0.5, [0, 0.2, 0.4, 0.2]), (0.3, [0, 0.2, 0.4, 0.2]), (1.0, [0, 0.1, 0.2, 0.3])],
)
def test_the_learning_rate_rises_over_the_warm_up_and_falls_to_nought(warmup: float, rates: list[float]) -> None:
    history = trained(task_of([1.0] * 4), lr=0.4, warmup=warmup).history
    assert history["learning_rate"].tolist() == pytest.approx(rates)


def test_weight_decay_leaves_biases_and_norms_alone() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.scale, self.norm = nn.Linear(1, 1), nn.LayerNorm(1), nn.Linear(1, 1)
            self.table, self.frozen = nn.Embedding(1, 1), nn.Linear(1, 1).requires_grad_(False)

    model = Model()
    training = Training(task_of([1.0], model=model), settings_of(weight_decay=0.1), seed=1)
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = {
        group["weight_decay"]: [names[id(weight)] for weight in group["params"]]
        for group in training.optimizer.param_groups
    }
    assert groups == {
        0.1: ["dense.weight", "table.weight"],
        0.0: ["dense.bias", "scale.weight", "scale.bias", "norm.weight", "norm.bias"],
    }


def test_gradients_are_clipped_by_their_common_norm() -> None:
    task = task_of([1.0])
    training = Training(task, settings_of(max_grad_norm=1.0), seed=1)
    model: Any = task.model
    model.weight.grad, model.bias.grad = torch.tensor(3.0), torch.tensor(-4.0)
    assert training.clip().item() == 5
    assert (model.weight.grad.item(), model.bias.grad.item()) == pytest.approx((0.6, -0.8))


def test_a_batch_is_the_mean_of_its_items_and_the_last_may_be_smaller() -> None:
    history = trained(task_of([1.0, 2.0, 3.0, 4.0, 9.0], batch_size=2, epochs=2), lr=1e-30).history
    assert history["train_loss"].tolist() == [3, 7, 18] * 2  # 2 · the mean of x
    assert history["grad_norm"].tolist() == pytest.approx([mean * 2**0.5 for mean in (1.5, 3.5, 9)] * 2)
    assert history["epoch"].tolist() == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    assert history["step"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_line_of_the_history_is_the_mean_since_the_line_before() -> None:
    """Of 120 steps, every second is logged; the losses are measured after steps 40, 80 and 120."""
    task = task_of([float(place) for place in range(120)], evaluations=3, validate=told(3.0, 1.0, 2.0))
    fitted = trained(task, lr=1e-30)
    history = fitted.history.set_index("step")
    assert history.index.tolist() == list(range(2, 121, 2))
    assert history["train_loss"].tolist() == [2 * place + 1 for place in range(0, 120, 2)]
    assert history["validation_loss"].dropna().to_dict() == {40: 3.0, 80: 1.0, 120: 2.0}
    assert (fitted.best_step, fitted.best.loss, fitted.steps, fitted.best_at_the_end) == (80, 1.0, 120, False)


def test_a_score_finds_the_best_state_and_equal_ones_the_lower_loss() -> None:
    found = [Measured(1.0, 0.8), Measured(3.0, 0.9), Measured(2.0, 0.9), Measured(0.5, 0.7)]
    left = list(found)
    fitted = trained(
        task_of([1.0] * 4, evaluations=4, validate=lambda: left.pop(0), criterion=by_score), warmup=0.0, eps=1e-12
    )
    assert (fitted.best_step, fitted.best, fitted.best_at_the_end) == (3, found[2], False)
    assert fitted.history["validation_loss"].tolist() == [1.0, 3.0, 2.0, 0.5]
    assert fitted.history["validation_score"].tolist() == [0.8, 0.9, 0.9, 0.7]
    assert fitted.record["best_validation_score"] == 0.9


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize(
    ("found", "at_the_end"),
    [
        ([(1.0, 0.8), (2.0, 0.9)], True),  # the loss has turned, the score has not
        ([(2.0, 0.9), (1.0, 0.8)], False),
        ([(2.0, 0.9), (1.0, 0.9)], True),
        ([(2.0, 0.9), (2.0, 0.9)], False),  # the first of equals
    ],
)
def test_a_training_whose_last_evaluation_is_its_best_by_the_criterion(
    found: list[tuple[float, float]], at_the_end: bool, keep: str
) -> None:
    left = [Measured(*each) for each in found]
    task = task_of([1.0] * 2, evaluations=2, validate=lambda: left.pop(0), criterion=by_score)
    fitted = trained(task, keep=keep)
    assert fitted.best_at_the_end is at_the_end
    assert fitted.record["best_at_the_end"] is at_the_end


def test_the_learning_rate_stays_level_after_the_warm_up() -> None:
    history = trained(task_of([1.0] * 6), lr=0.4, warmup=1 / 3, lr_schedule="constant").history
    assert history["learning_rate"].tolist() == pytest.approx([0, 0.2, 0.4, 0.4, 0.4, 0.4])


def test_a_part_with_a_rate_of_its_own_steps_by_it_on_the_same_schedule() -> None:
    """Steps of AdamW under a gradient of 1 are the learning rate: 0.1, 0.05 for one, ten times that for the other."""
    task = task_of([1.0] * 2, rates={"bias": 1.0})
    history = trained(task, keep="last", warmup=0.0, eps=1e-12).history
    assert task.model.values == pytest.approx((1 - 0.1 - 0.05, 1 - 1.0 - 0.5), abs=1e-6)
    assert history["learning_rate"].tolist() == pytest.approx([0.1, 0.05])


@pytest.mark.parametrize(("keep", "steps"), [("best", 2), ("last", 4)])
def test_the_kept_state_is_left_in_the_model(keep: str, steps: int) -> None:
    task = task_of([1.0] * 4, evaluations=4, validate=told(3.0, 1.0, 2.0, 2.0))
    fitted = trained(task, keep=keep, warmup=0.0, eps=1e-12)
    assert fitted.best_step == steps
    assert task.model.values[1] == pytest.approx(1 - sum([0.1, 0.075, 0.05, 0.025][:steps]))
    assert not task.model.training


def test_a_rule_of_the_task_ends_the_training() -> None:
    task = task_of(
        [1.0] * 9, evaluations=9, validate=told(3.0, 1.0, 2.0, 2.0, 9.0), stop=lambda losses: len(losses) == 4
    )
    assert trained(task).steps == 4


@pytest.mark.parametrize(
    ("values", "losses", "steps", "bias", "said"),
    [
        ([1, 1, float("nan"), 1], (9, 9, 9), 2, 1.0, "the training loss is nan at step 3 of 4, learning rate 0.05;"),
        ([1, 1, 1, -3e38], (9, 9, 9), 3, 1.0, "the training loss is -inf at step 4 of 4, learning rate 0.025;"),
        ([1, 1, 3e38, 1], (9, 9, 9), 2, 1.0, "the gradient's norm is inf at step 3 of 4, learning rate 0.05;"),
        ([1, 1, 1, 1], (9, float("inf")), 4, 0.825, "the validation loss is inf at step 4 of 4, learning rate 0.025;"),
        ([1, 1, 1, float("inf")], (9, 9), 3, 0.825, "the training loss is inf at step 4 of 4, learning rate 0.025;"),
    ],
    ids=["loss", "loss, negative", "gradient", "validation loss", "after a validation"],
)
def test_a_training_that_diverges_ends_with_its_best_state(
    values: list[float], losses: tuple[float, ...], steps: int, bias: float, said: str
) -> None:
    evaluations = 2 if len(losses) == 2 else 1
    task = task_of(values, evaluations=evaluations, validate=told(*losses))
    if said.startswith("the gradient"):
        task.model.bias.data.fill_(-1.0)  # the loss is 0, whatever x is
        bias = -1.0
    fitted = trained(task, warmup=0.0, eps=1e-12)
    assert fitted.diverged == f"{said} lower `lr` or raise `warmup`"
    assert fitted.steps == steps
    assert task.model.values[1] == pytest.approx(bias)
    assert fitted.history["step"].tolist() == list(range(1, steps + 1))


def test_where_each_look_would_wait_for_a_gpu_a_divergence_is_found_at_the_next_and_never_kept_or_saved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert [look_every(device, 7) for device in ("cpu", "cuda")] == [1, 7]
    monkeypatch.setattr(loop, "look_every", lambda device, log_every: 3)
    task = task_of([1, float("nan"), 1, 1])
    unfinished = Unfinished(tmp_path, "key", every=0)
    fitted = fit(task, settings_of(warmup=0.0), 1, "t", unfinished)
    assert fitted.diverged is not None
    assert fitted.diverged.startswith("the training loss is nan at step 3 of 4, ")
    assert fitted.history["step"].tolist() == [1, 2]
    assert task.model.values == (1.0, 1.0)
    state = unfinished.latest()
    assert state is not None
    assert torch.load(state / "state.pt")["step"] == 1


def test_with_fp16_a_step_of_infinite_gradient_is_left_out_and_its_place_in_the_schedule_goes_by() -> None:
    task = task_of([1.0, 1e36, 1.0, 1.0])
    fitted = trained(task, keep="last", precision="fp16", warmup=0.0, eps=1e-12)
    assert fitted.diverged is None
    assert fitted.history["grad_norm"].tolist()[1] == float("inf")
    assert fitted.history["learning_rate"].tolist() == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert task.model.values[1] == pytest.approx(1 - 0.1 - 0.05 - 0.025)


def long_task(seen: list[list[float]], stop_at: int | None = None) -> Task:
    """25 steps in five epochs with uneven batches and dropout; a signal asks it to stop in a step, if any."""
    task = task_of([float(place) for place in range(9)], batch_size=2, model=Sum(0.5), epochs=5, evaluations=7)

    def collate(items: list[float]) -> dict[str, Tensor]:
        seen.append(items)
        if len(seen) == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return task.collate(items)

    return replace(task, collate=collate, validate=lambda: Measured((task.model.weight.item() - 0.3) ** 2))


@pytest.mark.parametrize("stop_at", [1, 4, 5, 13, 24, 25])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights_and_history(
    stop_at: int, precision: str, tmp_path: Path
) -> None:
    undisturbed, seen = long_task([]), []
    whole = trained(undisturbed, precision=precision, weight_decay=0.1)
    with pytest.raises(InterruptionError, match=f"after step {stop_at} of 25; the same command goes on from its saved"):
        trained(long_task(seen, stop_at), tmp_path, precision=precision, weight_decay=0.1)
    task = long_task(seen)
    resumed = trained(task, tmp_path, precision=precision, weight_decay=0.1)
    assert len(seen) == 25
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert task.model.values == undisturbed.model.values
    assert replace(resumed, history=None) == replace(whole, history=None, resumed=stop_at)  # type: ignore[arg-type]


def test_a_state_that_the_disk_does_not_take_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a quota, where the disk itself has room: torch then raises no OSError of its own."""
    with pytest.raises(OSError, match="No space left"):
        loop._write({"weights": torch.zeros(100_000)}, Path("/dev/full"))
    loop._write({"step": 3}, tmp_path / "state")
    assert torch.load(tmp_path / "state", weights_only=True) == {"step": 3}
    monkeypatch.setattr(loop, "STATE", "/dev/full")
    fitted = fit(long_task([]), settings_of(), 1, "t", Unfinished(tmp_path / "states", "key", every=0))
    assert (fitted.steps, fitted.diverged) == (25, None)
    assert not list((tmp_path / "states").rglob("step*"))


def test_a_mean_of_the_history_goes_over_the_interruption(tmp_path: Path) -> None:
    values = [float(place) for place in range(100)]
    task = task_of(values)

    def collate(items: list[float]) -> dict[str, Tensor]:
        if items == [10.0]:
            os.kill(os.getpid(), signal.SIGTERM)
        return task.collate(items)

    with pytest.raises(InterruptionError):
        trained(replace(task, collate=collate), tmp_path, lr=1e-30)
    history = trained(task_of(values), tmp_path, lr=1e-30).history
    assert history["train_loss"].tolist() == [2 * place + 1 for place in range(0, 100, 2)]


def test_who_watches_is_told_each_loss_with_its_number_and_may_end_the_training(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    heard = []

    def watch(number: int, measured: Measured) -> None:
        heard.append((number, measured.loss))
        if number == 3:
            raise EnoughError

    task = task_of([1.0] * 4, evaluations=4, validate=told(3.0, 1.0, 2.0))
    with pytest.raises(EnoughError):
        fit(task, settings_of(), 1, "t", Unfinished(tmp_path, "key", every=0), watch)
    assert heard == [(1, 3.0), (2, 1.0), (3, 2.0)]
    heard.clear()
    with pytest.raises(EnoughError):  # after the second step, and what was heard of it before
        fit(replace(task, validate=told(5.0)), settings_of(), 1, "t", Unfinished(tmp_path, "key", every=0), watch)
    assert heard == [(1, 3.0), (2, 1.0), (3, 5.0)]


def test_a_training_without_states_begins_anew() -> None:
    with pytest.raises(InterruptionError, match="stopped by SIGTERM after step 4 of 25; the same command begins it"):
        trained(long_task([], stop_at=4))
