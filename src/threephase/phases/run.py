"""What every phase does around its own part: take the parent, train, write a checkpoint that is complete or absent."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from transformers import set_seed

from threephase.artifacts.folders import FAILED, failure_of, read_json, sha256, sha256_json, verify, write_json, writing
from threephase.artifacts.provenance import Clock, provenance, versions
from threephase.data.store import DATASET, Splits, cleaning_of, rows_of_phase_1
from threephase.encoders.encoder import load_encoder, resolve_max_length, save_encoder
from threephase.encoders.engines import resolve_engine, resolve_precision
from threephase.phases.twins import identity, taken_over
from threephase.processes import processes, rank
from threephase.settings.common import PhaseSettings
from threephase.training.loop import fit, history_of
from threephase.training.states import Unfinished
from threephase.training.task import Fitted, Measured, Task, Watch

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A phase's own part, ready to train.

    `seen` stands for all that the phase sees besides its optimiser: texts, labels, pairs, noise. Two variants whose
    `seen`, remaining settings and parents agree are the same training (DESIGN contract 1). `shapes_data` names
    the settings that act through `seen` alone.
    """

    task: Task
    seen: Any
    shapes_data: frozenset[str] = frozenset()
    report: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[], None] | None = None  # what the encoder needs before it is saved
    save_more: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Phase:
    """One of the phases: its name in recipes, its settings, its texts and its own part of the work."""

    name: str
    settings: type[PhaseSettings]
    texts: Callable[[Splits, Any], list[str]]  # (splits, settings) -> what the length rule "longest" looks at
    prepare: Callable[[SentenceTransformer, Splits, Any, int], Prepared]  # (encoder, splits, settings, seed)


def run_phase(
    phase: Phase,
    data: Path,
    parent: Path,
    settings: PhaseSettings,
    seed: int,
    out: Path,
    title: str,
    code: str = "",
    unfinished: Path | None = None,
    save_every: float = 300,
    watch: Watch | None = None,
    beside: Path | None = None,
) -> Fitted:
    """Train one phase and write its checkpoint.

    A training that diverges gives a checkpoint too: its best state, with `failed.json`, which says why. Whatever
    continues such a checkpoint fails with it, without training.

    Args:
        phase: which one; its `prepare` may extend the encoder in place.
        data: folder of the dataset's splits.
        parent: folder of the checkpoint (or base model) to start from.
        settings: resolved settings of the phase.
        seed: the run's seed.
        out: folder of the checkpoint: encoder, `settings.json`, `history.csv`, `provenance.json`, `complete.json`.
        title: what to call this training on the terminal.
        code: digest of the code that runs, to be recorded.
        unfinished: folder for what a killed training goes on with.
        save_every: seconds between two such states.
        watch: is told each evaluation, as `fit` says.
        beside: folder of other checkpoints of the same data, base model and seed: one that is the same training is
            taken over instead of trained again.
    """
    clock = Clock()
    parent_hash = verify(parent)
    inputs = {"parent": parent_hash, "dataset": sha256(data / DATASET)}
    splits = Splits(data)
    described = {"phase": phase.name, "asked": settings.model_dump(), "seed": seed, **cleaning_of(splits)}
    came_from: dict[str, Any] = {"seed": seed, "code": code, "inputs": inputs, "processes": processes()}
    failure = failure_of(parent)
    if failure:
        fitted = Fitted(history_of([]), 0, Measured(math.nan), 0, diverged=failure)
        given = {"settings": settings.model_dump(), "effective": sha256_json([parent_hash, failure]), "report": {}}
        prepared = None
    else:
        set_seed(seed)
        encoder = load_encoder(parent)
        resolved = _resolved(settings.for_texts(rows_of_phase_1(splits)), encoder, phase.texts(splits, settings))
        encoder.max_seq_length = resolved.max_length
        prepared = phase.prepare(encoder, splits, resolved, seed)
        logger.info("%s: %s", title, prepared.report)
        itself = _itself(phase.name, resolved.model_dump(), prepared, seed)
        effective = sha256_json([itself, _parent_effective(parent, parent_hash)])
        given = {"settings": resolved.model_dump(), "effective": effective, "report": prepared.report}
        came_from["identity"] = identity(itself, parent, parent_hash, code)
        taken = taken_over(beside, out, described | given, came_from, clock) if beside else None
        if taken:
            return taken
        state = sha256_json([phase.name, given, inputs, code, seed, versions()])
        states = Unfinished(unfinished, state, save_every) if unfinished else None
        fitted = fit(prepared.task, resolved, seed, title, states, watch)
        logger.info("best state: step %d of %d, validation %s", fitted.best_step, fitted.steps, fitted.best)
        if prepared.finish:
            prepared.finish()
    if rank():  # of several processes, the first one writes
        return fitted
    with writing(out) as folder:
        if prepared:
            save_encoder(encoder, folder)
            if prepared.save_more:
                prepared.save_more(folder)
        if fitted.diverged:
            write_json(folder / FAILED, {"reason": failure or f"{phase.name}: {fitted.diverged}"})
        write_json(folder / "settings.json", described | given)
        fitted.history.to_csv(folder / "history.csv", index=False)
        write_json(folder / "provenance.json", provenance(clock, **came_from, **fitted.record))
    return fitted


def _resolved(settings: PhaseSettings, encoder: SentenceTransformer, texts: list[str]) -> PhaseSettings:
    """The settings with what depends on the encoder, its texts and the machine as it is here."""
    return settings.model_copy(
        update={
            "max_length": resolve_max_length(settings.max_length, encoder, texts),
            "precision": resolve_precision(settings.precision),
            "engine": resolve_engine(settings.engine, encoder),
        }
    )


def _itself(phase: str, resolved: dict[str, Any], prepared: Prepared, seed: int) -> list[Any]:
    """What this training is but for its parent, whatever its variant is called."""
    acting = {key: value for key, value in resolved.items() if key not in prepared.shapes_data}
    return [phase, acting, prepared.seen, seed]


def _parent_effective(parent: Path, parent_hash: str) -> str:
    settings = parent / "settings.json"
    return read_json(settings)["effective"] if settings.exists() else parent_hash
