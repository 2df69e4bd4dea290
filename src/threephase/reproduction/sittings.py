"""What of a grid is not packed yet: a sitting for each dataset, whose weights may go when it is packed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from threephase.artifacts import compact, layout
from threephase.artifacts.folders import writing_file
from threephase.experiment.asked import Asked
from threephase.experiment.config import AS_REFERENCE, Config
from threephase.experiment.recipe import Recipe, Run, checkpoints_of
from threephase.reproduction.packing import of_what_exists


def sittings(config: Config, folder: Path) -> dict[str, dict[str, Any]]:
    """By dataset what to lay over the grid's config so that it asks for the runs that are not packed, in grid's order.

    A run is packed when its evaluation is, and the probe of each checkpoint that it rests on. All repeated splits of a
    dataset run together.

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
        if missing:
            found[dataset] = asking_for(missing, config, all_runs)
    return found


def asking_for(runs: Sequence[Run], config: Config, among: Sequence[Run]) -> dict[str, Any]:
    """What to lay over a grid's config so that it asks for some of its runs, set as they are in the whole grid.

    Baselines and audits see as much of texts and labels as the reference's phase 3. Where no run of the reference, or
    of a variant that sees as much, is among the runs, the shortest such one comes with them: no config does without.

    Args:
        runs: what to ask for.
        config: the grid's.
        among: runs of the grid that may come with them.
    """
    places = dict.fromkeys((layout.dataset_of(run.dataset), run.model) for run in runs)

    def stands(run: Run) -> bool:
        return not run.recipe.baseline and all(
            _seen(config, *place, run.recipe) == _seen(config, *place, config.recipe_of(config.reference))
            for place in places
        )

    wanted, datasets = list(runs), {dataset for dataset, _ in places}
    if not any(map(stands, wanted)):
        with_them = filter(stands, among)
        wanted += sorted(with_them, key=lambda run: (run.dataset not in datasets, len(run.recipe.prefixes)))[:1]
    of_phases = list(dict.fromkeys(run.variant for run in wanted if not run.recipe.baseline))
    standing = list(dict.fromkeys(run.variant for run in wanted if stands(run)))
    reference = config.reference if config.reference in standing else next(iter(standing), None)
    return {
        "grid": [_block(*cell) for cell in dict.fromkeys(map(_cell, wanted))],
        "tables": {"main": of_phases, "reference": reference},
    }


def _seen(config: Config, dataset: str, model: str, recipe: Recipe) -> dict[str, Any]:
    """What a baseline would take over from a variant's phase 3."""
    settings = config.phase_settings(dataset, model, recipe).model_dump()
    return {name: settings[name] for name in sorted(AS_REFERENCE)}


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
