"""What was asked of runs beside what is asked now."""

import json
from pathlib import Path
from typing import Any

import pytest

from threephase.artifacts import layout
from threephase.evaluation.results import saw_test, set_otherwise
from threephase.experiment.recipe import Recipe, Run
from threephase.settings.baselines import BASELINES
from threephase.settings.phases import PHASES
from threephase.settings.tuning import LEAKS


def test_a_setting_that_there_was_not_yet_did_what_it_does_by_default(tmp_path: Path) -> None:
    place = layout.place_of("checkpoints", "d", "m", Recipe("joint"))
    folder = layout.checkpoint("d", "m", 1, Recipe("joint"), tmp_path)
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"asked": {"lr": 0.1, "epochs": 3}, "seed": 1}))
    runs = [Run("d", "m", "Joint", 1, Recipe("joint"))]
    asked = {"lr": 0.1, "epochs": 3, "min_steps": 0}

    def said(settings: dict[str, Any]) -> list[str]:
        return set_otherwise(runs, {place: {"settings": settings}}, lambda _: {"min_steps": 0, "other": 1}, tmp_path)

    assert said(asked) == []
    (line,) = said(asked | {"min_steps": 300})
    assert line.endswith("settings.json: settings.min_steps was 0, asked is 300")
    (line,) = said(asked | {"lr": 0.2})
    assert line.endswith("settings.lr was 0.1, asked is 0.2")


@pytest.mark.parametrize("kind", [*PHASES.values(), *BASELINES.values()])
def test_a_record_tells_the_leaks_that_the_settings_told_before(kind: Any) -> None:
    """The switches that no study may search, on and off, in every phase and baseline that has them."""
    for switch in LEAKS & kind.model_fields.keys():
        leaky = kind(**{switch: "test" if switch == "stopping_split" else True})
        assert leaky.sees_test
        assert saw_test(leaky.model_dump())
    assert not kind().sees_test
    assert not saw_test(kind().model_dump())
