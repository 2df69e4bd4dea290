"""Every run of the grid as one row: its scores on the test split and where they come from; nothing stale among them."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.checkpoint import COMPLETE, DATASET, ORIGIN, failure_of, read_json, sha256, sha256_json
from threephase.errors import CheckpointError
from threephase.grid import Run, parent

SCORES = ("accuracy", "precision", "recall", "f1")
SHOWN = 10  # differences that an error names
COUNTS = ("n_test", "n_train", "max_length", "best_step", "steps")
COLUMNS = [
    *("dataset", "model", "variant", "seed", "recipe"), *SCORES, "averaging", "n_test", "largest_class_share",
    "n_train", "max_length", "precision_of_arithmetic", "validation_loss", "best_step", "steps", "ft_seconds",
    "effective", "saw_test", "failed",
]  # fmt: skip
Asked = dict[str, dict[str, Any]]


def collect(runs: list[Run], asked: Asked, root: Path) -> pd.DataFrame:
    """One row for each run, in the order given. Scores are shares in [0, 1]; a run that failed has none.

    Args:
        runs: the runs to join.
        asked: for each folder below `root`, without its seed, the `settings` and the `code` that the config and the
            package now ask for: `data/d`, `models/m`, `checkpoints/d/m/dae.cl`, `evaluations/d/m/dae.cl.ft`.
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


def _place(run: Run, recipe: str) -> str:
    return f"{run.dataset}/{run.model}/seed{run.seed}/{recipe}"


def _stale(run: Run, asked: Asked, root: Path) -> Iterator[str]:
    """How a run differs from what is asked, from the dataset to the evaluation."""
    data, model = root / "data" / run.dataset, root / "models" / run.model
    yield from _file_differs(data / DATASET, asked[f"data/{run.dataset}"])
    yield from _file_differs(model / ORIGIN, asked[f"models/{run.model}"])
    dataset_hash = _hash_of(data / DATASET)
    before: Path = model
    for recipe in _recipes(run.recipe):
        folder = root / "checkpoints" / _place(run, recipe)
        wanted = asked[f"checkpoints/{run.dataset}/{run.model}/{recipe}"]
        yield from _incomplete(folder)
        recorded, provenance = _json(folder / "settings.json"), _json(folder / "provenance.json")
        now = {"settings": recorded["asked"], "seed": recorded["seed"]}
        asked_now = {"settings": wanted["settings"] | _tuned(wanted, root), "seed": run.seed}
        yield from _differences(folder / "settings.json", now, asked_now)
        yield from _differences(
            folder / "provenance.json",
            {"code": provenance["code"], "inputs": provenance["inputs"]},
            {"code": wanted["code"], "inputs": {"parent": _stands_for(before), "dataset": dataset_hash}},
        )
        before = folder
    metrics = root / "evaluations" / _place(run, run.recipe) / "metrics.json"
    yield from _incomplete(metrics.parent)
    yield from _file_differs(metrics, asked[f"evaluations/{run.dataset}/{run.model}/{run.recipe}"])
    inputs = {"inputs": {"checkpoint": _stands_for(before), "dataset": dataset_hash}}
    yield from _differences(metrics, {"inputs": _json(metrics)["inputs"]}, inputs)


def _tuned(wanted: dict[str, Any], root: Path) -> dict[str, Any]:
    """What a study found for a phase, but for what its variant sets itself; nothing without a study."""
    if "tuned" not in wanted:
        return {}
    found = _json(root.parent / wanted["tuned"])
    return {name: value for name, value in found.items() if name not in wanted["fixed"]}


def _recipes(recipe: str) -> list[str]:
    """A recipe and those it continues, shortest first."""
    before = parent(recipe)
    return [*(_recipes(before) if before else []), recipe]


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


def _incomplete(folder: Path) -> Iterator[str]:
    """What is missing of a folder, and which of its small files were altered; `evaluate` has checked the weights."""
    for name, expected in _json(folder / COMPLETE)["files"].items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing, though the folder was complete"
        elif path.suffix in {".json", ".csv"} and _hash_of(path) != expected:
            yield f"{path}: altered since it was written"


def _stands_for(folder: Path) -> str:
    """The hash that stands for all files of a complete folder."""
    return sha256_json(_json(folder / COMPLETE)["files"])


# Variants share checkpoints: each of these files is read once.
_json = cache(read_json)
_hash_of = cache(sha256)


def _row(run: Run, root: Path) -> dict[str, object]:
    checkpoint = root / "checkpoints" / _place(run, run.recipe)
    failure = failure_of(root / "evaluations" / _place(run, run.recipe))
    named = {"dataset": run.dataset, "model": run.model, "variant": run.variant, "seed": run.seed, "recipe": run.recipe}
    if failure:
        return {**named, "saw_test": False, "effective": None, "failed": failure}
    metrics = _json(root / "evaluations" / _place(run, run.recipe) / "metrics.json")
    settings = _json(checkpoint / "settings.json")
    provenance = _json(checkpoint / "provenance.json")
    return {
        **named,
        **{score: metrics[score] for score in SCORES},
        "averaging": metrics["averaging"],
        "n_test": metrics["n"],
        "largest_class_share": metrics["largest_class_share"],
        "n_train": settings["report"]["texts"],
        "max_length": settings["settings"]["max_length"],
        "precision_of_arithmetic": settings["settings"]["precision"],
        "validation_loss": provenance["best_validation_loss"],
        "best_step": provenance["best_step"],
        "steps": provenance["steps"],
        "ft_seconds": provenance["wall_seconds"],
        "effective": settings["effective"],
        "saw_test": any(_saw_test(root / "checkpoints" / _place(run, part)) for part in _recipes(run.recipe)),
        "failed": None,
    }


def failures(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """Which runs failed and why, as a sentence of a caption; empty if none did."""
    failed = results[results["failed"].notna()]
    lines = [
        f"{run['variant']} on {titles.get(run['dataset'], run['dataset'])} with "
        f"{titles.get(run['model'], run['model'])}, seed {run['seed']} ({run['failed']})"
        for run in failed.to_dict("records")
    ]
    return f"Failed, and left out of means: {'; '.join(lines)}." if lines else ""


def test_rows(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """How many rows each dataset was tested on, for a caption."""
    tests = results.dropna(subset="n_test").groupby("dataset", sort=False)["n_test"].first()
    return ", ".join(f"{titles.get(dataset, dataset)} {int(count):,}" for dataset, count in tests.items())


def _saw_test(checkpoint: Path) -> bool:
    """Whether a training had test rows, by the released protocol's switches."""
    settings = _json(checkpoint / "settings.json")["settings"]
    return bool(settings.get("train_on_test")) or settings.get("stopping_split") == "test"
