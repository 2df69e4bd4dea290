"""Studies that search for hyper-parameters with Optuna: trials judged on validation rows, phases shared, ends kept."""

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from threephase import console
from threephase.artifacts import layout
from threephase.artifacts.folders import (
    COMPLETE,
    DATASET,
    failure_of,
    read_json,
    remove,
    sha256,
    sha256_json,
    take_name,
    verify,
    write_json,
    writing_file,
)
from threephase.data.store import Splits, validation_rows
from threephase.errors import UserError, fault_of_machine
from threephase.method.metrics import classification_metrics
from threephase.seeding import generator
from threephase.settings.layer import Layer
from threephase.settings.overlay import overlaid
from threephase.settings.phases import PHASES as SETTINGS
from threephase.settings.tuning import Parameter, TuningSettings, layer_of, part_of
from threephase.training.states import forget
from threephase.training.task import Measured, Watch
from threephase.tuning.owners import here, home_of, is_stale

logger = logging.getLogger(__name__)
optuna.logging.set_verbosity(optuna.logging.WARNING)

Steps = list[tuple[str, dict[str, Any], list[str]]]  # phase, settings before tuning, settings that stay
TRAININGS, RECORD, JOURNAL = "trainings", "study.json", "journal.log"
KEPT = 12  # trainings of earlier phases that a study keeps on the disk for trials to come, for each worker
LOOK = 1  # seconds between two looks at a trial that does not say yet whose it is
UNMARKED = timedelta(seconds=10)  # after which a trial that does not say whose it is is a dead worker's
SPARED = 300  # seconds since its last use during which a training stays in any case: somebody may be reading it
# What a trial's user attributes are called. A trial that failed without a reason was cut short, and does not count.
REASON, OWNER, WORKER, TRAINED, REUSED = "reason", "owner", "worker", "trained", "reused"


@dataclass(frozen=True)
class Plan:
    """What a study is: everything that its trials depend on, and how many there may be.

    Args:
        title: dataset, base model and group, for people.
        data: folder of the dataset's splits.
        base: folder of the base model.
        steps: the phases that a trial trains.
        settings: the config's block `tuning`.
        code: digest of the code.
        folder: where studies of this dataset, base model and group lie.
    """

    title: str
    data: Path
    base: Path
    steps: Steps
    settings: TuningSettings
    code: str
    folder: Path

    @classmethod
    def of(
        cls, where: tuple[str, str, str], settings: dict[str, Any], steps: Steps, code: str, data: Path, base: Path
    ) -> "Plan":
        """The plan of what is asked (`experiment.asked.Asked.study`) for a dataset, a base model and a group."""
        folder = layout.study(*where)
        return cls(" · ".join(where), data, base, steps, TuningSettings.model_validate(settings), code, folder)

    @cached_property
    def space(self) -> dict[str, Parameter]:
        """What is searched."""
        return part_of(self.settings.space, [phase for phase, _, _ in self.steps])

    @cached_property
    def key(self) -> str:
        """Hash of all that makes two trials comparable; another one is another study."""
        budget = {"trials", "hours", "workers", "storage", "enabled", "groups", "space"}
        return sha256_json(
            [
                {path: parameter.model_dump() for path, parameter in self.space.items()},
                self.settings.model_dump(mode="json", exclude=budget),
                self.steps,
                sha256(self.data / DATASET),
                verify(self.base),
                self.code,
            ]
        )[:16]

    @property
    def place(self) -> Path:
        """Folder of this study."""
        return self.folder / self.key

    @property
    def maximised(self) -> bool:
        """Whether a higher objective is better."""
        return self.settings.objective != "loss"

    def open(self) -> optuna.Study:
        """The study, begun or taken up. Raises UserError where its storage cannot be reached."""
        self.place.mkdir(parents=True, exist_ok=True)
        record = {
            "name": self.key, "title": self.title, "trials": self.settings.trials, "storage": self.settings.storage,
            "objective": self.settings.objective, "space": {path: vars(part) for path, part in self.space.items()},
        }  # fmt: skip
        with writing_file(self.place / RECORD) as beside:
            write_json(beside, record)
        pruner: BasePruner = MedianPruner(n_startup_trials=4) if self.settings.pruning else NopPruner()
        return optuna.create_study(
            storage=storage_of(self.place, self.settings.storage),
            study_name=self.key,
            direction="maximize" if self.maximised else "minimize",
            pruner=pruner,
            load_if_exists=True,
        )


def has_begun(place: Path, address: str | None) -> bool:
    """Whether the storage of a study is there, for who looks: to open one that is not would make it."""
    if address is None:
        return (place / JOURNAL).exists()
    kind, _, file = address.partition(":///")
    return not kind.startswith("sqlite") or Path(file.partition("?")[0]).exists()


def storage_of(place: Path, address: str | None, first: bool = True) -> BaseStorage:
    """The database at an address, or the journal in a study's folder; `first`: look once more where a table appears."""
    if address is None:
        journal = str(place / JOURNAL)
        return JournalStorage(JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal)))
    try:
        return RDBStorage(address)
    except Exception as error:
        if first and "already exists" in str(error):  # another worker makes the tables of an empty database just now
            time.sleep(LOOK)
            return storage_of(place, address, first=False)
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"tuning.storage: {address.rpartition('@')[2]}: not to be reached ({reason})") from error


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that came to an end of their own, in order: complete, pruned, or failed for a reason."""
    return [trial for trial in study.get_trials(deepcopy=False) if _has_ended(trial)]


def _has_ended(trial: FrozenTrial) -> bool:
    with_reason = trial.state == TrialState.FAIL and REASON in trial.user_attrs
    return with_reason or trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def fail_stale_trials(study: optuna.Study, place: Path, worker: int | None = None) -> None:
    """Have no trial running that a dead worker of the study's folder left; of all its workers where none is named.

    Trials of other folders, which may meet in one database, stay unless their process on this machine is gone
    (`tuning.owners`). A trial that does not say yet whose it is may be one that another worker has just asked for. Its
    worker says so at once, or was killed before it could.
    """
    home = home_of(place)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        owner = trial.user_attrs.get(OWNER)
        if is_stale(owner, home, worker) if owner else _is_nobodys(trial):
            with suppress(UpdateFinishedTrialError):  # another worker sees it too, now or a moment ago
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def _is_nobodys(trial: FrozenTrial) -> bool:
    asked = trial.datetime_start or datetime.now()
    return OWNER not in trial.user_attrs and datetime.now() - asked > UNMARKED


def work(plan: Plan, worker: int, save_every: float, unfinished: Path) -> int:
    """Try until the study's budget is spent; gives the number of its finished trials.

    A worker that was killed goes on: its last trial is drawn again, and trains on from its last saved state.
    """
    study = plan.open()
    while True:
        fail_stale_trials(study, plan.place, worker)
        done = finished(study)
        others = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if _hours(done) >= (plan.settings.hours or np.inf):
            return len(done)
        if len(done) + len(others) >= plan.settings.trials:
            if len(done) >= plan.settings.trials or all(OWNER in trial.user_attrs for trial in others):
                return len(done)
            time.sleep(LOOK)  # whose the other is shows within UNMARKED; a dead worker's gives its place back
            continue
        # The draw is a function of what is finished, so that an interrupted study is the same study.
        draw = generator(plan.settings.seed, "tuning", len(done), worker).integers(2**31)
        study.sampler = TPESampler(seed=int(draw), n_startup_trials=10)
        trial = study.ask()
        try:
            trial.set_user_attr(WORKER, worker)
            trial.set_user_attr(OWNER, here(plan.place, worker))
        except UpdateFinishedTrialError:  # this process slept, and another worker took it for dead
            continue
        if _is_beyond(study, trial.number, plan.settings.trials):
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            continue
        try:
            _attempt(study, trial, plan, save_every, unfinished)
        except UpdateFinishedTrialError:  # taken for dead meanwhile: what it found does not count
            logger.warning("trial %d was ended by another worker", trial.number)
            continue
        _say(study, plan)
        _tidy(plan)


def _is_beyond(study: optuna.Study, number: int, trials: int) -> bool:
    """Whether a study's budget is spent on trials asked for before this one.

    Workers that look at once both see the last free place. The storage numbers their trials in one order, so that
    only the later one gives its place back.
    """
    before = [trial for trial in study.get_trials(deepcopy=False) if trial.number < number]
    return sum(trial.state == TrialState.RUNNING or _has_ended(trial) for trial in before) >= trials


def _attempt(study: optuna.Study, trial: Trial, plan: Plan, save_every: float, unfinished: Path) -> None:
    """One trial, told to the study however it ends."""
    layer = layer_of({path: _suggest(trial, path, plan.space[path]) for path in plan.space}, plan.space)
    for known in finished(study):
        if known.params == trial.params and known.state == TrialState.COMPLETE:
            trial.set_user_attr(REUSED, len(plan.steps) * len(plan.settings.seeds))
            study.tell(trial, known.value, skip_if_finished=True)
            return
    try:
        study.tell(trial, _objective(trial, plan, layer, save_every, unfinished), skip_if_finished=True)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    except _FailedTrialError as failure:
        _fail(study, trial, str(failure))
    except Exception as error:
        reason = fault_of_machine(error) or ""
        if not reason.startswith("out of memory"):
            raise
        _fail(study, trial, "out of memory")


def _fail(study: optuna.Study, trial: Trial, reason: str) -> None:
    logger.info("trial failed: %s", reason)
    trial.set_user_attr(REASON, reason)
    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


class _FailedTrialError(Exception):
    """A training of a trial diverged."""


def _suggest(trial: Trial, path: str, parameter: Parameter) -> Any:
    if parameter.choices is not None:
        return trial.suggest_categorical(path, list(parameter.choices))
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.integer:
        return trial.suggest_int(path, int(parameter.low), int(parameter.high), log=parameter.log)
    return trial.suggest_float(path, parameter.low, parameter.high, log=parameter.log)


def _objective(trial: Trial, plan: Plan, layer: Layer, save_every: float, unfinished: Path) -> float:
    """Mean over the seeds of the last phase's validation loss or score."""
    steps = [(phase, overlaid(base, layer.given(phase), fixed)) for phase, base, fixed in plan.steps]
    values = []
    counts = {TRAINED: 0, REUSED: 0}
    for place, seed in enumerate(plan.settings.seeds):

        def watch(number: int, measured: Measured, first: int = place * 1_000_000) -> None:
            value = getattr(measured, plan.settings.objective)  # whichever score the phase's own criterion looks at
            assert value is not None
            trial.report(value, first + number)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            values.append(_of_seed(plan, trial.number, steps, seed, watch, counts, save_every, unfinished))
        finally:
            for name, count in counts.items():
                trial.set_user_attr(name, count)
    return float(np.mean(values))


def _of_seed(
    plan: Plan,
    trial: int,
    steps: list[tuple[str, dict[str, Any]]],
    seed: int,
    watch: Watch,
    counts: dict[str, int],
    save_every: float,
    unfinished: Path,
) -> float:
    """Train the phases one after another, or take those that another trial trained alike; judge the last.

    Workers that train the same phase at once all go on from what was complete first.
    """
    from threephase.phases.all import PHASES
    from threephase.phases.run import run_phase

    parent, key = plan.base, plan.key
    for number, (phase, settings) in enumerate(steps, 1):
        last = number == len(steps)
        key = sha256_json([key, phase, settings, seed])
        own, shared = (plan.place / TRAININGS / f"{phase}-{name}" for name in (f"trial{trial}", key[:16]))
        out = own if last else shared
        if not last and _is_there(shared):
            counts[REUSED] += 1
        else:
            counts[TRAINED] += 1
            title = f"{plan.title} · {phase}, seed {seed}"
            run_phase(
                PHASES[phase], plan.data, parent, SETTINGS[phase](**settings), seed, own, title, plan.code,
                unfinished, save_every, watch if last else None,
            )  # fmt: skip
            if not last:
                _share(own, shared)
            forget(unfinished)
        reason = failure_of(out)
        if reason:
            raise _FailedTrialError(reason)
        parent = out
    try:
        return _judged(parent, plan)
    finally:
        remove(parent)  # a classifier is judged once


def _share(own: Path, shared: Path) -> None:
    """Give a training the name that other trials look for; where another worker's has it, that one stays."""
    while not take_name(own, shared):
        if _is_there(shared):
            remove(own)
            return
        remove(shared)


def _is_there(training: Path) -> bool:
    """Whether a training is complete; if so, it counts as used now."""
    try:
        os.utime(training / COMPLETE)
    except FileNotFoundError:
        return False
    return True


def _judged(checkpoint: Path, plan: Plan) -> float:
    if plan.settings.objective == "loss":
        return float(read_json(checkpoint / "provenance.json")["best_validation_loss"])
    from threephase.method.classifier import load_classifier, predict

    trained = read_json(checkpoint / "settings.json")
    level = trained["report"]["label_level"] - 1
    data = Splits(plan.data)
    names = data.described["label_names"][level]
    rows = validation_rows(data, trained["settings"]["label_fraction"], trained["seed"])
    predicted = predict(load_classifier(checkpoint), rows.texts)
    return float(
        classification_metrics(rows.labels[:, level], predicted.argmax(axis=1), names)[plan.settings.objective]
    )


def _tidy(plan: Plan) -> None:
    """Keep the trainings that were made or used last; others are trained again if a trial wants them.

    What was used in the last minutes stays: a phase reads its parent as soon as that is made or found.
    """
    used: dict[Path, float] = {}
    for closing in (plan.place / TRAININGS).glob(f"*/{COMPLETE}"):
        with suppress(FileNotFoundError):  # another worker tidies up, too
            used[closing.parent] = closing.stat().st_mtime
    now = max(used.values(), default=0.0)  # by the clock of the disk, which all workers see
    for training in sorted(used, key=used.__getitem__)[: -KEPT * plan.settings.workers]:
        if now - used[training] > SPARED:
            remove(training)


def _hours(trials: list[FrozenTrial]) -> float:
    return sum(trial.duration.total_seconds() for trial in trials if trial.duration) / 3600


def _say(study: optuna.Study, plan: Plan) -> None:
    """A line on the trial that ended, for the person who waits."""
    done = finished(study)
    if not done:  # its only trial was taken away
        return
    print(f"  {plan.title} · {progress(done, plan.settings.trials, plan.maximised)}", file=console.terminal, flush=True)


def progress(done: list[FrozenTrial], trials: int, maximised: bool) -> str:
    """`trial 4 of 20: 0.3121 · best 0.2980 (trial 2) · about 12 min left`."""
    last = done[-1]
    shown = {TrialState.COMPLETE: f"{last.value:.4f}" if last.value is not None else "", TrialState.PRUNED: "pruned"}
    parts = [f"trial {len(done)} of {trials}: {shown.get(last.state) or last.user_attrs.get(REASON, 'failed')}"]
    best = best_of(done, maximised)
    if best:
        parts.append(f"best {best.value:.4f} (trial {done.index(best) + 1})")
    left = _hours(done) * 60 / len(done) * (trials - len(done))
    if left > 0:
        parts.append(f"about {left:.0f} min left" if left >= 1 else "less than a minute left")
    return " · ".join(parts)


def best_of(trials: list[FrozenTrial], maximised: bool) -> FrozenTrial | None:
    """The trial with the best objective; the first of equals."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    sign = -1 if maximised else 1
    return min(complete, key=partial(_value, sign), default=None)


def _value(sign: int, trial: FrozenTrial) -> float:
    assert trial.value is not None
    return sign * trial.value
