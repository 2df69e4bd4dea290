"""Trainings that need not be: what another variant's training was to the bit is taken over from there.

Two variants can ask for one training under two recipes, as No Imb. does of balanced data. The rules cannot know it,
for it shows only once pairs are drawn. So a training that is about to begin looks among the checkpoints beside its own.
Nothing depends on what lies there: where the twin is absent, half written or altered, the training runs, and gives
the same weights.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.folders import (
    COMPLETE,
    failure_of,
    read_hashes,
    read_json,
    sha256,
    sha256_json,
    write_json,
    writing,
)
from threephase.artifacts.provenance import Clock, versions
from threephase.errors import CheckpointError
from threephase.training.task import Fitted, Measured

SETTINGS, PROVENANCE, HISTORY = "settings.json", "provenance.json", "history.csv"


class _NotWholeError(Exception):
    """The twin went, or was altered, while it was copied."""


def identity(itself: list[Any], parent: Path, parent_hash: str, code: str) -> str:
    """Hash of all that a training's weights follow from: what it is, its code, its libraries, and its parent's own.

    Args:
        itself: what it is but for its parent.
        parent: folder of the checkpoint, or base model, that it starts from.
        parent_hash: stands for a parent that does not say its own identity.
        code: digest of the code that runs.
    """
    record = parent / PROVENANCE
    before = read_json(record).get("identity", parent_hash) if record.exists() else parent_hash
    return sha256_json([itself, before, code, versions()])


def taken_over(
    beside: Path, out: Path, described: dict[str, Any], came_from: dict[str, Any], clock: Clock
) -> Fitted | None:
    """Write a checkpoint as the copy of one that is the same training; None, and nothing written, where there is none.

    The copy has settings and inputs of its own, and the twin's word for time and machine.

    Args:
        beside: folder of the checkpoints to look among.
        out: folder of the checkpoint.
        described: its `settings.json`.
        came_from: what stands in its provenance besides machine and time; its `identity` says what training it is.
        clock: since when it has been looked for.
    """
    twin = _twin(beside, came_from["identity"])
    if twin is None:
        return None
    with suppress(_NotWholeError):
        with writing(out) as folder:
            _copy(twin, folder)
            record = read_json(folder / PROVENANCE)
            taken = {"from": twin.name, "at": clock.started.isoformat(timespec="seconds")}
            write_json(folder / SETTINGS, described)
            write_json(folder / PROVENANCE, record | came_from | {"taken_over": taken})
        return Fitted(
            history=pd.read_csv(out / HISTORY),
            best_step=record["best_step"],
            best=Measured(record["best_validation_loss"], record["best_validation_score"]),
            steps=record["steps"],
            best_at_the_end=record["best_at_the_end"],
            diverged=failure_of(out),
            resumed=record["resumed_after_step"],
        )
    return None


def _twin(beside: Path, identity: str) -> Path | None:
    """A complete checkpoint that is this training, and was trained: copies are none, so who asks anew gets it anew."""
    for closing in sorted(beside.glob(f"*/{COMPLETE}")):
        with suppress(CheckpointError):
            record = read_json(closing.with_name(PROVENANCE))
            if record.get("identity") == identity and "taken_over" not in record:
                return closing.parent
    return None


def _copy(twin: Path, folder: Path) -> None:
    """Copy a checkpoint's files, each as its hash says. Raises _NotWholeError where that cannot be."""
    try:
        for name, expected in read_hashes(twin / COMPLETE).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(twin / name, folder / name)
            if sha256(folder / name) != expected:
                raise _NotWholeError(name)
    except (CheckpointError, FileNotFoundError) as error:
        raise _NotWholeError(str(error)) from None
