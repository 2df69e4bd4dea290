"""What of a grid is not packed yet: a sitting for each dataset, whose weights may go when it is packed."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from threephase.artifacts import compact, layout
from threephase.artifacts.folders import writing_file
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.recipe import Run, checkpoints_of
from threephase.reproduction.packing import of_what_exists


def sittings(config: Config, folder: Path) -> dict[str, dict[str, Any]]:
    """By dataset what to lay over the grid's config so that it asks for the runs that are not packed, in grid's order.

    A run is packed when its evaluation is, and the probe of each checkpoint that it rests on. All repeated splits of a
    dataset run together. A sitting of baselines alone has a run of phases with them, since no config does without.

    Args:
        config: the grid's.
        folder: the compact form, or where one will be.
    """
    packed, all_runs = _packed(config, folder), config.runs()
    runs: dict[str, list[Run]] = {}
    for run in all_runs:
        runs.setdefault(layout.dataset_of(run.dataset), []).append(run)
    found = {}
    for dataset, of_dataset in runs.items():
        missing = [run for run in of_dataset if run not in packed]
        if missing and all(run.recipe.baseline for run in missing):
            of_phases = [run for run in all_runs if not run.recipe.baseline]
            missing.append(min(of_phases, key=lambda run: (run not in of_dataset, len(run.recipe.prefixes))))
        if missing:
            found[dataset] = {"grid": [_block(*cell) for cell in dict.fromkeys(map(_cell, missing))]}
    return found


def write_grid(overlay: Mapping[str, Any], out: Path) -> None:
    """Write what is to be laid over a config."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with writing_file(out) as beside:
        beside.write_text(yaml.safe_dump(overlay, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _cell(run: Run) -> tuple[str, str, str, int]:
    return layout.dataset_of(run.dataset), run.model, run.variant, run.seed


def _block(dataset: str, model: str, variant: str, seed: int) -> dict[str, list[Any]]:
    return {"datasets": [dataset], "models": [model], "variants": [variant], "seeds": [seed]}


def _packed(config: Config, folder: Path) -> set[Run]:
    if not compact.is_there(folder):
        return set()
    with TemporaryDirectory() as made:
        compact.unpack(folder, Path(made))
        asked = Asked(of_what_exists(config), lambda _: "", Path(made))
        evaluated = asked.runs_of(config.variants)
        return {run for run in evaluated if len(asked.probed([run])) == len(checkpoints_of([run]))}
