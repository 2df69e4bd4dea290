"""A grid's results into a folder that can be committed: no weights, no texts, no path of the machine."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from threephase.artifacts import compact, layout
from threephase.artifacts.folders import COMPLETE, DATASET, ORIGIN, read_json, writing_file
from threephase.errors import CheckpointError
from threephase.evaluation.predictions import PREDICTIONS
from threephase.evaluation.results import collect
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.reading import load, read
from threephase.experiment.recipe import Run

CONFIG = "config.yaml"
CODES = "codes.json"  # the record of the digests by which everything was made
PROBABILITY = "probability_"


@dataclass(frozen=True)
class Packed:
    """What was packed: how many of the grid's runs, and the bytes of all files."""

    runs: int
    of: int
    size: int


def pack(given: Mapping[str, Any], shipped: Path, code: Callable[[str], str], root: Path, folder: Path) -> Packed:
    """Write what a finished or partly finished grid left, in compact form.

    Args:
        given: the grid's config, as its files say it.
        shipped: the project's own config files.
        code: gives the digest of a step's code by its name.
        root: the results folder.
        folder: where the compact form goes.

    Raises CheckpointError where no run is there, or one was made otherwise than config and code ask for now.
    """
    codes: dict[str, str] = {}
    asked = Asked(of_what_exists(load(given, shipped)), lambda step: codes.setdefault(step, code(step)), root)
    runs = asked.runs_of(asked.config.variants)
    if not runs:
        raise CheckpointError(f"{root}: none of the grid's runs is there yet; run it, and pack what it has made")
    collect(runs, asked.of_runs(runs), root)
    asked.probe_table()  # asks for the digest of probes, by which tables know them
    files = dict.fromkeys(file for found in _files(asked, runs) for file in found if file.is_file())
    records = {
        file.relative_to(root).as_posix(): _record(file, asked.config) for file in files if file.suffix != ".parquet"
    }
    records[CODES] = json.dumps(codes, indent=2, sort_keys=True)
    frames = (
        (file.relative_to(root).as_posix(), without_texts(pd.read_parquet(file)))
        for file in files
        if file.suffix == ".parquet"
    )
    folder.mkdir(parents=True, exist_ok=True)
    compact.pack(records, frames, folder)
    with writing_file(folder / CONFIG) as beside:
        beside.write_text(
            "# Made by `threephase reproduction pack`: what was asked for of the results beside it.\n"
            + yaml.safe_dump(_anywhere(given, asked.config), sort_keys=False, allow_unicode=True, width=120),
            encoding="utf-8",
        )
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Packed(len(runs), len(asked.runs), size)


def unpack(folder: Path, shipped: Path, root: Path) -> Asked:
    """Make a results folder of a compact form, and say what is asked of the runs in it.

    Raises CheckpointError where a file of it is missing, ConfigError for a config that cannot be read any more.
    """
    compact.unpack(folder, root)
    codes = read_json(root / CODES)
    # The code may have moved on since; what was packed had been compared with the code of then.
    return Asked(of_what_exists(read([folder / CONFIG], shipped=shipped)), lambda step: codes.get(step, ""), root)


def of_what_exists(config: Config) -> Config:
    """The config, with tables of the runs that exist."""
    return config.model_copy(update={"tables": config.tables.model_copy(update={"partial": True})})


def without_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Predictions without texts and their places; of the probabilities that of the predicted class, `confidence`."""
    of_classes = [name for name in frame if name.startswith(PROBABILITY)]
    kept = frame[[name for name in frame if name not in ("text", "source", *of_classes)]]
    return kept.assign(confidence=frame[of_classes].max(axis=1)) if of_classes else kept


def _files(asked: Asked, runs: list[Run]) -> Iterator[list[Path]]:
    """What the tables read of some runs, and of all that these rest on."""
    root = asked.root
    for dataset in asked.audited():
        yield [layout.audit(dataset, root), Path(asked.audited_data(dataset))]
    for run in runs:
        place = (run.dataset, run.model, run.seed)
        yield [layout.data(run.dataset, root) / DATASET]
        yield [layout.base_model(run.model, root) / name for name in (ORIGIN, COMPLETE)]
        yield _kept(layout.evaluation(*place, run.recipe, root))
        for recipe in run.recipe.prefixes:
            yield _kept(layout.checkpoint(*place, recipe, root))
            found = asked.tuned(run.dataset, run.model, recipe)
            if found:
                yield [Path(found), Path(found).with_name("best.yaml"), Path(found).with_name("trials.csv")]
    yield from (_kept(Path(closing).parent) for closing in asked.probes(runs))


def _kept(folder: Path) -> list[Path]:
    """The records of a closed folder, and its predictions."""
    return [*(folder / name for name in sorted({*compact.KEPT, COMPLETE, PREDICTIONS}))]


def _record(file: Path, config: Config) -> str:
    """A file's content; of a dataset's without the folder where its rows lay."""
    content = file.read_bytes().decode("utf-8")
    return _below(content, config.data_root) if file.name == DATASET else content


def _below(content: str, root: str | None) -> str:
    return content.replace(f"{root.rstrip('/')}/", "") if root else content


def _anywhere(given: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """The config as it can be read without copies of data and base models: these by the names that they had there."""
    found = {key: value for key, value in given.items() if key not in ("data_root", "model_root")}
    if config.data_root is not None:
        found["datasets"] = {
            name: {**block, "source": _source(name, config)} for name, block in found["datasets"].items()
        }
    if config.model_root is not None:
        found["models"] = {
            name: {key: value for key, value in block.items() if key not in ("hub", "package", "revision")}
            | {"path": name}
            for name, block in found["models"].items()
        }
    return found


def _source(name: str, config: Config) -> dict[str, Any]:
    source = config.dataset_settings(name).source.model_dump(mode="json", exclude_defaults=True)
    return {key: _below(value, config.data_root) if isinstance(value, str) else value for key, value in source.items()}


def runs_there(asked: Asked) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Of each dataset, base model and variant how many runs there are, and how many were asked for."""
    there = set(asked.runs_of(asked.config.variants))
    counts: dict[tuple[str, str, str], tuple[int, int]] = {}
    for run in asked.runs:
        cell = (layout.dataset_of(run.dataset), run.model, run.variant)
        done, wanted = counts.get(cell, (0, 0))
        counts[cell] = (done + (run in there), wanted + 1)
    return counts
