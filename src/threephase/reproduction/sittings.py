"""What of a grid is not packed yet: a sitting for each dataset, whose weights may go when it is packed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from threephase.artifacts import compact, layout
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.recipe import Run
from threephase.reproduction.packing import of_what_exists


def sittings(config: Config, folder: Path) -> dict[str, dict[str, Any]]:
    """By dataset what to lay over the grid's config so that it asks for the runs that are not packed, in grid's order.

    All repeated splits of a dataset run together.

    Args:
        config: the grid's.
        folder: the compact form, or where one will be.
    """
    runs = config.runs()
    packed = _packed(config, folder)
    missing = dict.fromkeys(_cell(run) for run in runs if run not in packed)
    blocks: dict[str, list[dict[str, Any]]] = {}
    for dataset, model, variant, seed in missing:
        block = {"datasets": [dataset], "models": [model], "variants": [variant], "seeds": [seed]}
        blocks.setdefault(dataset, []).append(block)
    return {dataset: {"grid": grid} for dataset, grid in blocks.items()}


def _cell(run: Run) -> tuple[str, str, str, int]:
    return layout.dataset_of(run.dataset), run.model, run.variant, run.seed


def _packed(config: Config, folder: Path) -> set[Run]:
    if not compact.is_there(folder):
        return set()
    with TemporaryDirectory() as made:
        compact.unpack(folder, Path(made))
        asked = Asked(of_what_exists(config), lambda _: "", Path(made))
        return set(asked.runs_of(config.variants))
