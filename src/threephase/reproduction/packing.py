"""A grid's results into a folder that can be committed: no weights, no texts, copies without the folder they lie in."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml

from threephase.artifacts import compact, layout
from threephase.artifacts.folders import (
    COMPLETE,
    DATASET,
    ORIGIN,
    fingerprint,
    read_hashes,
    read_json,
    write_json,
    writing_file,
)
from threephase.data.store import Splits
from threephase.errors import CheckpointError
from threephase.evaluation.predictions import PREDICTIONS
from threephase.evaluation.results import SHOWN, collect, set_otherwise
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.reading import load, read, read_yaml
from threephase.experiment.recipe import Recipe, Run
from threephase.settings.baselines import BASELINES
from threephase.settings.dataset import SHOWN_ONLY
from threephase.settings.phases import PHASES
from threephase.tables.probes import read_probes

CONFIG = "config.yaml"
PROBABILITY = "probability_"
TWO_LABELS = "two_labels"  # in audits and in the records of datasets: how many texts have two, and some of these
ROWS = "digests_of_rows"  # in the record of a dataset


@dataclass(frozen=True)
class Packed:
    """What was packed: how many of the grid's runs, and the bytes of all files."""

    runs: int
    of: int
    size: int


def pack(given: Mapping[str, Any], shipped: Path, code: Callable[[str], str], root: Path, folder: Path) -> Packed:
    """Add what a finished or partly finished grid left to what is packed of it, in compact form.

    So a grid may run in several sittings, on several machines; a run that both have is taken from the new ones.

    Args:
        given: the grid's config, as its files say it.
        shipped: the project's own config files.
        code: gives the digest of a step's code by its name.
        root: the results folder.
        folder: where the compact form goes, or what there is of it.

    Raises CheckpointError where no run is there, where one, new or packed, was made with other settings than the config
    has for it, or a new one otherwise than the code would now, and where new and packed ones of a dataset have other
    rows. Packed runs may be of another version of the code; the document says so.
    """
    asked = Asked(of_what_exists(load(given, shipped)), code, root)
    runs = asked.runs_of(asked.config.variants)
    if not runs:
        raise CheckpointError(f"{root}: none of the grid's runs is there yet; run it, and pack what it has made")
    collect(runs, asked.of_runs(runs), root)
    read_probes(asked.probed(runs), root, code("probe"))
    with TemporaryDirectory() as made:
        together = Path(made)
        before = _laid_out_packed(folder, shipped, together)
        known = before.runs_of(before.config.variants) if before else []
        if before:
            refuse_others(known, before, runs, asked, folder)
        _lay_out(asked, runs, together)
        whole = _of_packed(asked.config, together)
        packed = whole.runs_of(asked.config.variants)
        _pack_files(whole, packed, folder)
    config = _anywhere(given, asked.config)
    if before:
        elsewhere = {layout.dataset_of(run.dataset) for run in known} - {layout.dataset_of(run.dataset) for run in runs}
        packed_from = read_yaml(folder / CONFIG)["datasets"]
        config["datasets"] = config["datasets"] | {
            name: config["datasets"][name] | {"source": packed_from[name]["source"]} for name in elsewhere
        }
    with writing_file(folder / CONFIG) as beside:
        beside.write_text(
            "# Made by `threephase reproduction pack`: what was asked for of the results beside it.\n"
            + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120),
            encoding="utf-8",
        )
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Packed(len(packed), len(asked.runs), size)


def unpack(folder: Path, shipped: Path, root: Path) -> Asked:
    """Make a results folder of a compact form, and say what is asked of the runs in it.

    Raises CheckpointError where a file of it is missing, ConfigError for a config that cannot be read any more.
    """
    compact.unpack(folder, root)
    return _of_packed(of_what_exists(read([folder / CONFIG], shipped=shipped)), root)


def _of_packed(config: Config, root: Path) -> Asked:
    """The code may have moved on since: what was packed had been compared with the code of then."""
    return Asked(config, lambda _: "", root)


def of_what_exists(config: Config) -> Config:
    """The config, with tables of the runs that exist."""
    return config.model_copy(update={"tables": config.tables.model_copy(update={"partial": True})})


def refuse_set_otherwise(config: Config, shipped: Path, folder: Path) -> None:
    """Before anything runs: raise CheckpointError where packed runs could not stand beside runs of a config."""
    with TemporaryDirectory() as made:
        before = _laid_out_packed(folder, shipped, Path(made))
        if before:
            asked = _of_packed(config, Path(made))
            _refuse([*_set_otherwise(before.runs_of(before.config.variants), before, asked)], folder)


def refuse_others(known: list[Run], packed: Asked, runs: list[Run], asked: Asked, folder: Path) -> None:
    """Raise CheckpointError where packed runs cannot stand beside, or be compared with, new ones.

    Args:
        known: packed runs.
        packed: what was asked of them; its root is the results folder made of the compact form.
        runs: new ones.
        asked: what is asked of these, and where they lie.
        folder: of the compact form.
    """
    _refuse([*_set_otherwise(known, packed, asked), *_of_other_files(asked, runs, packed.root)], folder)


def _refuse(differences: list[str], folder: Path) -> None:
    if differences:
        raise CheckpointError(
            f"{folder}: has runs that cannot stand beside the new ones; go on with the config and the data that made"
            f" them, or pack into another folder: {'; '.join(differences[:SHOWN])}"
        )


def _laid_out_packed(folder: Path, shipped: Path, root: Path) -> Asked | None:
    """A results folder made of what is packed already; None where nothing is."""
    return unpack(folder, shipped, root) if compact.is_there(folder) and (folder / CONFIG).exists() else None


def _set_otherwise(runs: list[Run], packed: Asked, asked: Asked) -> Iterator[str]:
    """Where packed runs are none of the config, or were made with other settings than it has for them."""
    wanted = set(asked.runs)
    for run in runs:
        if run not in wanted:
            yield f"{run.variant} on {run.dataset} with {run.model}, seed {run.seed}, is not asked for any more"
    kept = [run for run in runs if run in wanted]
    now = _of_packed(asked.config, packed.root)
    for line in set_otherwise(kept, now.of_trainings(kept), _defaults, packed.root):
        yield line.removeprefix(f"{packed.root}/")
    for dataset in dict.fromkeys(layout.dataset_of(run.dataset) for run in kept):
        before, after = (_of_data(of.config, dataset) for of in (packed, asked))
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield f"datasets.{dataset}: {key} was {before.get(key)}, asked is {after.get(key)}"


def _defaults(recipe: Recipe) -> dict[str, Any]:
    kind = BASELINES[recipe.baseline] if recipe.baseline else PHASES[recipe.phase]
    return kind().model_dump(mode="json")


def _of_data(config: Config, dataset: str) -> dict[str, Any]:
    """The settings that rows depend on, wherever they come from."""
    given = config.dataset_settings(dataset).model_dump(mode="json", exclude=SHOWN_ONLY)
    return {key: value for key, value in given.items() if key != "source"}


def _of_other_files(asked: Asked, runs: list[Run], packed: Path) -> Iterator[str]:
    """Where new runs were made of other rows, or another base model, than packed ones of the same name."""
    for data in sorted({layout.data(run.dataset, asked.root) for run in runs}):
        before = packed / data.relative_to(asked.root) / DATASET
        if before.exists() and read_json(before).get(ROWS) != _digests_of_rows(data):
            yield f"{data.relative_to(asked.root)}: its rows are others"
    for model in sorted({layout.base_model(run.model, asked.root) for run in runs}):
        before = packed / model.relative_to(asked.root) / COMPLETE
        if before.exists() and _hashes_of(before) != _hashes_of(model / COMPLETE):
            yield f"{model.relative_to(asked.root)}: its files are others"


def _digests_of_rows(data: Path) -> dict[str, str]:
    """A digest of texts and labels of each split; where they were read says nothing of what they are."""
    splits = Splits(data)
    read = {name: splits.read(name) for name in sorted(Path(file).stem for file in splits.described["files"])}
    return {name: fingerprint(rows.texts, rows.labels) for name, rows in read.items()}


def _hashes_of(closing: Path) -> dict[str, str]:
    """Of the files of a base model; where it came from says nothing of what it is."""
    return {name: digest for name, digest in read_hashes(closing).items() if name != ORIGIN}


def _lay_out(asked: Asked, runs: list[Run], root: Path) -> None:
    """Bring what tables read of some runs into a results folder, without texts and places of the machine."""
    for file in _there(asked, runs):
        copy = root / file.relative_to(asked.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".parquet":
            without_texts(pd.read_parquet(file)).to_parquet(copy, index=False)
        elif file.name == DATASET:
            write_json(copy, _record(file, asked.config))
        else:
            copy.write_bytes(file.read_bytes())


def _pack_files(asked: Asked, runs: list[Run], folder: Path) -> None:
    root = asked.root
    by_name = {file.relative_to(root).as_posix(): file for file in _there(asked, runs)}
    frames = {name: file for name, file in by_name.items() if file.suffix == ".parquet"}
    audits = {layout.audit(dataset, root) for dataset in asked.audited()}
    records = {
        name: _without_texts_of(content) if file in audits or file.name == DATASET else content
        for name, file in by_name.items()
        if name not in frames
        for content in [file.read_bytes().decode("utf-8")]
    }
    folder.mkdir(parents=True, exist_ok=True)
    compact.pack(records, ((name, pd.read_parquet(file)) for name, file in frames.items()), folder)


def _without_texts_of(content: str) -> str:
    """What an audit, or the record of a dataset, says, without the texts that it names for having two labels."""
    described = json.loads(content)
    if TWO_LABELS in described:
        described[TWO_LABELS] |= {"examples": []}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _there(asked: Asked, runs: list[Run]) -> list[Path]:
    return [file for file in dict.fromkeys(file for found in _files(asked, runs) for file in found) if file.is_file()]


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


def _record(file: Path, config: Config) -> dict[str, Any]:
    """What `dataset.json` says, without the folder where rows lay, and with the digests of these."""
    described = json.loads(_below(file.read_text(encoding="utf-8"), config.data_root))
    return described | {ROWS: _digests_of_rows(file.parent)}


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
