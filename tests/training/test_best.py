"""What is kept of a training, and when patience ends it, by hand."""

import pytest
import torch
from torch import nn

from threephase.phases.finetune import criterion_of, stopping_of
from threephase.settings.finetune import FinetuneSettings
from threephase.training.best import KeepBest
from threephase.training.task import Measured


def model_of(weight: float) -> nn.Module:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


@pytest.mark.parametrize(
    ("stopping", "last", "losses", "steps", "kept"),
    [
        ("patience", False, [3, 1, 2, 2, 9], 4, 2),  # two without a new minimum after the second
        ("patience", True, [3, 1, 2, 1.5, 0], 4, 4),  # patience counts from the minimum, whatever is kept
        ("patience", False, [1, 1, 1, 0], 3, 1),  # an equal loss is no new minimum
        ("rises", False, [3, 1, 2, 2, 2, 3, 4, 5, 0], 8, 2),  # a standstill ends a row of rises
        ("rises", True, [3, 1, 2, 1.5, 1.6, 1.7, 0, 9], 7, 7),  # the epoch after the second rise is trained, and kept
    ],
    ids=["patience", "patience, last kept", "standstill", "rises", "rises, last kept"],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_stopping_rules_by_hand(
    stopping: str, last: bool, losses: list[float], steps: int, kept: int, resumed: bool
) -> None:
    rule = FinetuneSettings(stopping=stopping, patience=2, max_epochs=9)  # type: ignore[arg-type]
    stop = stopping_of(rule.model_copy(update={"criterion": "loss"}))
    keep = KeepBest(model_of(0.0), stop, last)
    for step, loss in enumerate(losses, start=1):
        if resumed:
            state, keep = keep.state_dict(), KeepBest(model_of(-1.0), stop, last)
            keep.load_state_dict(state)
        keep.evaluated(step, Measured(loss, score=-step), model_of(step))
        if keep.exhausted:
            break
    assert (step, keep.step, keep.kept.loss) == (steps, kept, losses[kept - 1])
    model = model_of(-1.0)
    keep.restore(model)
    assert model.weight.item() == kept


@pytest.mark.parametrize(
    ("criterion", "found", "steps", "kept"),
    [
        ("accuracy", [(3, 0.5), (2, 0.7), (1, 0.6), (0, 0.6), (9, 0.9)], 4, 2),  # the loss falls all the while
        ("accuracy", [(3, 0.5), (2, 0.7), (9, 0.8), (9, 0.8), (9, 0.7)], 5, 3),  # the loss has turned
        ("accuracy", [(3, 0.7), (2, 0.7), (1, 0.7), (4, 0.7), (1, 0.7)], 5, 3),  # of equal scores the lower loss
        ("macro_f1", [(3, 0.5), (2, 0.7), (1, 0.6), (0, 0.6), (9, 0.9)], 4, 2),
        ("loss", [(3, 0.9), (2, 0.7), (1, 0.6), (4, 0.6), (1, 0.9)], 5, 3),
    ],
)
def test_criteria_by_hand(criterion: str, found: list[tuple[float, float]], steps: int, kept: int) -> None:
    settings = FinetuneSettings(criterion=criterion, patience=2)  # type: ignore[arg-type]
    keep = KeepBest(model_of(0.0), stopping_of(settings), criterion=criterion_of(settings))
    for step, measured in enumerate(found, start=1):
        keep.evaluated(step, Measured(*measured), model_of(step))
        if keep.exhausted:
            break
    assert (step, keep.step, keep.kept) == (steps, kept, Measured(*found[kept - 1]))


def test_without_a_rule_nothing_ends_the_training() -> None:
    assert stopping_of(FinetuneSettings(stopping="none")) is None
    keep = KeepBest(model_of(0.0), None)
    for step in range(1, 50):
        keep.evaluated(step, Measured(step), model_of(step))
    assert not keep.exhausted


def test_before_an_evaluation_the_weights_are_those_it_began_with() -> None:
    model = model_of(7.0)
    keep = KeepBest(model, None)
    with torch.no_grad():
        model.weight.fill_(8.0)
    keep.restore(model)
    assert model.weight.item() == 7
    assert keep.step == 0


def test_what_is_not_trained_is_not_kept() -> None:
    model = nn.Sequential(model_of(1.0).requires_grad_(False), model_of(2.0))
    assert set(KeepBest(model, None).weights) == {"1.weight"}
