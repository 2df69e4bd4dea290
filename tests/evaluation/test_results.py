"""What was asked of runs beside what is asked now."""

import json
from pathlib import Path
from typing import Any

from threephase.artifacts import layout
from threephase.evaluation.results import set_otherwise
from threephase.experiment.recipe import Recipe, Run


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
