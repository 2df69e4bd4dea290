"""Every run of the grid as one row: its scores on the test split and where they come from; nothing stale among them."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.compact import KEPT, is_compact
from threephase.artifacts.folders import (
    COMPLETE,
    DATASET,
    ORIGIN,
    failure_of,
    read_hashes,
    read_json,
    sha256,
    sha256_json,
)
from threephase.errors import CheckpointError
from threephase.experiment.recipe import Recipe, Run
from threephase.settings.overlay import overlaid

SCORES = ("accuracy", "precision", "recall", "f1")
Asked = dict[str, dict[str, Any]]  # by `layout.place_of` what is asked
SHOWN = 10  # differences that an error names
SMALL = {".json", ".csv", ".parquet"}  # endings of files whose hashes are compared; `evaluate` has checked the weights
COUNTS = ("n_test", "n_train", "n_validation", "max_length", "best_step", "steps")
COLUMNS = [
    *("dataset", "split", "model", "variant", "seed", "recipe"), *SCORES, "averaging", "n_test", "largest_class_share",
    "n_train", "n_validation", "max_length", "precision_of_arithmetic", "validation_loss", "validation_score",
    "best_step", "steps", "criterion", "stopping", "kept", "ft_seconds", "seconds", "effective", "saw_test", "baseline",
    "failed",
]  # fmt: skip

# Those of names and other words: what reads the file again takes them as they are, and none for a number.
WORDS = [
    *("dataset", "split", "model", "variant", "recipe", "averaging", "precision_of_arithmetic", "criterion"),
    *("stopping", "kept", "effective", "failed"),
]


def collect(runs: list[Run], asked: Asked, root: Path) -> pd.DataFrame:
    """One row for each run, in the order given. Scores are shares in [0, 1]; a run that failed has none.

    `split` names one of a dataset's repeated splits, as `r1f3`; it is empty where the dataset has one test split.
    `seconds` are those of all trainings that a run rests on, as if it shared none; a baseline has no steps.

    Args:
        runs: the runs to join.
        asked: what config and code ask for now of each thing that the runs rest on (`Asked.of_runs`).
        root: the results folder.

    Raises:
        CheckpointError: if anything that a run rests on was made otherwise than asked, or from something else
            than what lies there now; one line for each difference, with its path.
    """
    _json.cache_clear()
    _hash_of.cache_clear()
    differences = list(dict.fromkeys(line for run in runs for line in _stale(run, asked, root)))
    if differences:
        more = len(differences) - SHOWN
        lines = [*differences[:SHOWN], *([f"… and {more} more"] if more > 0 else [])]
        raise CheckpointError("\n".join(["stale results; delete the folders named and run again:", *lines]))
    return pd.DataFrame([_row(run, root) for run in runs], columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))


def _checkpoint(run: Run, recipe: Recipe, root: Path) -> Path:
    return layout.checkpoint(run.dataset, run.model, run.seed, recipe, root)


def _evaluation(run: Run, root: Path) -> Path:
    return layout.evaluation(run.dataset, run.model, run.seed, run.recipe, root)


def _stale(run: Run, asked: Asked, root: Path) -> Iterator[str]:
    """How a run differs from what is asked, from the dataset to the evaluation.

    What was packed had been compared as it was; of it the records are still as the run wrote them.
    """
    if is_compact(root):
        for folder in (*(_checkpoint(run, part, root) for part in Recipe(run.recipe).prefixes), _evaluation(run, root)):
            yield from _incomplete(folder, KEPT)
        return
    data, model = layout.data(run.dataset, root), layout.base_model(run.model, root)
    yield from _file_differs(data / DATASET, asked[layout.place_of("data", run.dataset)])
    if layout.reads_base_model(run.recipe):
        yield from _file_differs(model / ORIGIN, asked[layout.place_of("models", run.model)])
    dataset_hash = _hash_of(data / DATASET)
    before: Path = model
    for recipe in Recipe(run.recipe).prefixes:
        folder = _checkpoint(run, recipe, root)
        wanted = asked[layout.place_of("checkpoints", run.dataset, run.model, recipe)]
        yield from _incomplete(folder)
        provenance = _json(folder / "provenance.json")
        yield from _set_otherwise(folder, wanted, run.seed)
        parent = {"parent": _stands_for(before)} if layout.reads_base_model(recipe) else {}
        yield from _differences(
            folder / "provenance.json",
            {"code": provenance["code"], "inputs": provenance["inputs"]},
            {"code": wanted["code"], "inputs": {**parent, "dataset": dataset_hash}},
        )
        before = folder
    metrics = _evaluation(run, root) / "metrics.json"
    yield from _incomplete(metrics.parent)
    yield from _file_differs(metrics, asked[layout.place_of("evaluations", run.dataset, run.model, run.recipe)])
    inputs = {"inputs": {"checkpoint": _stands_for(before), "dataset": dataset_hash}}
    yield from _differences(metrics, {"inputs": _json(metrics)["inputs"]}, inputs)


def set_otherwise(
    runs: list[Run], asked: Asked, defaults: Callable[[Recipe], Mapping[str, Any]], root: Path
) -> list[str]:
    """What was set otherwise for some runs of a compact form than is asked for now, a line each.

    A setting that there was not yet did what it does by its default, as `defaults` has it for a recipe's last step.
    """
    places = dict.fromkeys((run._replace(variant="", recipe=part)) for run in runs for part in run.recipe.prefixes)
    found: list[str] = []
    for dataset, model, _, seed, recipe in places:
        wanted = asked[layout.place_of("checkpoints", dataset, model, recipe)]
        folder = layout.checkpoint(dataset, model, seed, recipe, root)
        found += _set_otherwise(folder, wanted, seed, defaults(Recipe(recipe)))
    return found


def _set_otherwise(
    folder: Path, wanted: dict[str, Any], seed: int, defaults: Mapping[str, Any] | None = None
) -> Iterator[str]:
    recorded = _json(folder / "settings.json")
    found = _json(Path(wanted["tuned"])) if wanted.get("tuned") else {}
    asked = overlaid(wanted["settings"], found, wanted.get("fixed", ()))
    new = {key: value for key, value in (defaults or {}).items() if key in asked}
    now = {"settings": new | recorded["asked"], "seed": recorded["seed"]}
    yield from _differences(folder / "settings.json", now, {"settings": asked, "seed": seed})


def _file_differs(path: Path, wanted: dict[str, Any]) -> Iterator[str]:
    recorded = _json(path)
    yield from _differences(path, {key: recorded.get(key) for key in wanted}, wanted)


def _differences(path: Path, recorded: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """One line for each value that is not what is asked."""
    if isinstance(recorded, dict) and isinstance(wanted, dict):
        for key in sorted(recorded.keys() | wanted.keys()):
            inner = f"{name}.{key}" if name else key
            yield from _differences(path, recorded.get(key), wanted.get(key), inner)
    elif recorded != wanted:
        yield f"{path}: {name} was {json.dumps(recorded)}, asked is {json.dumps(wanted)}"


def _incomplete(folder: Path, kept: Collection[str] = ()) -> Iterator[str]:
    """What is missing of a folder, and which of its small files were altered; `kept` are those of a compact form."""
    for name, expected in _hashes(folder / COMPLETE).items():
        path = folder / name
        if kept and name not in kept:
            continue
        if not path.is_file():
            yield f"{path}: missing, though the folder was complete"
        elif path.suffix in SMALL and _hash_of(path) != expected:
            yield f"{path}: altered since it was written"


def _stands_for(folder: Path) -> str:
    """The hash that stands for all files of a complete folder."""
    return sha256_json(_hashes(folder / COMPLETE))


# Variants share checkpoints: each of these files is read once.
_json = cache(read_json)
_hashes = cache(read_hashes)
_hash_of = cache(sha256)


def _row(run: Run, root: Path) -> dict[str, object]:
    checkpoint = _checkpoint(run, run.recipe, root)
    failure = failure_of(_evaluation(run, root))
    named = run._asdict() | {"dataset": layout.dataset_of(run.dataset), "split": layout.split_of(run.dataset)}
    if failure:
        return {**named, "saw_test": False, "effective": None, "baseline": False, "failed": failure}
    metrics = _json(_evaluation(run, root) / "metrics.json")
    settings = _json(checkpoint / "settings.json")
    provenance = _json(checkpoint / "provenance.json")
    return {
        **named,
        **{score: metrics[score] for score in SCORES},
        "averaging": metrics["averaging"],
        "n_test": metrics["n"],
        "largest_class_share": metrics["largest_class_share"],
        "n_train": settings["report"]["texts"],
        "n_validation": settings["report"]["validation_texts"],
        "max_length": settings["settings"].get("max_length"),
        "precision_of_arithmetic": settings["settings"].get("precision"),
        "validation_loss": provenance["best_validation_loss"],
        "validation_score": provenance["best_validation_score"],
        "best_step": provenance.get("best_step"),
        "steps": provenance.get("steps"),
        "criterion": settings["settings"].get("criterion"),
        "stopping": settings["settings"].get("stopping"),
        "kept": settings["settings"].get("keep"),
        "ft_seconds": provenance["wall_seconds"],
        "seconds": sum(_seconds(_checkpoint(run, part, root)) for part in Recipe(run.recipe).prefixes),
        "effective": settings["effective"],
        "baseline": "baseline" in settings,
        "saw_test": any(
            saw_test(_json(_checkpoint(run, part, root) / "settings.json")["settings"])
            for part in Recipe(run.recipe).prefixes
        ),
        "failed": None,
    }


def failures(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """Which runs failed and why, as a sentence of a caption; empty if none did."""
    failed = results[results["failed"].notna()]
    lines = [
        f"{run['variant']} on {title_of(layout.split_name(run['dataset'], run['split']), titles)} with "
        f"{titles.get(run['model'], run['model'])}, seed {run['seed']} ({run['failed']})"
        for run in failed.to_dict("records")
    ]
    return f"Failed, and left out of means: {'; '.join(lines)}." if lines else ""


def title_of(name: str, titles: dict[str, str]) -> str:
    """What a dataset in paths is called in tables: `BBC News`, or of repeated splits `BBC News (r1f3)`."""
    dataset, split = layout.dataset_of(name), layout.split_of(name)
    return f"{titles.get(dataset, dataset)} ({split})" if split else titles.get(dataset, dataset)


def test_rows(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """How many rows each dataset was tested on, for a caption; of repeated splits, those of one split."""
    told = []
    for dataset, rows in results.dropna(subset="n_test").groupby("dataset", sort=False):
        tests = rows.groupby("split")["n_test"].first()
        of_splits = f" (mean of {len(tests)} splits)" if all(tests.index) else ""
        told.append(f"{titles.get(dataset, dataset)} {round(tests.mean()):,}{of_splits}")
    return ", ".join(told)


def saw_test(settings: Mapping[str, Any]) -> bool:
    """Whether a training had test rows, by the released protocol's switches among the settings that it recorded.

    Before a training `sees_test` of its settings says so; a record may be of a phase that has other settings by now.
    """
    return bool(settings.get("train_on_test")) or settings.get("stopping_split") == "test"


def _seconds(checkpoint: Path) -> float:
    """What a training took."""
    return float(_json(checkpoint / "provenance.json")["wall_seconds"])
