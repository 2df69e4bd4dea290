"""Studies: what is searched, what trials share, how they end, and that an interrupted one is the same one."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from running import environment

from threephase.errors import ConfigError, UserError
from threephase.experiment.reading import load
from threephase.settings.layer import Layer
from threephase.settings.overlay import overlaid
from threephase.settings.phases import PHASES
from threephase.settings.tuning import PAPERS_SPACE, Parameter, TuningSettings, layer_of, part_of
from threephase.training.loop import Training
from threephase.training.task import Measured, Watch
from threephase.tuning import owners
from threephase.tuning import study as study_module
from threephase.tuning.report import shown_studies, trial_table, write_report
from threephase.tuning.study import (
    KEPT,
    SPARED,
    TRAININGS,
    Plan,
    _tidy,
    fail_stale_trials,
    finished,
    work,
)

QUICK = {"batch_size": 8, "max_length": 16, "precision": "fp32", "lr": 1e-3}
EPOCHS = 6
SPACE = {
    "cl.lr": {"choices": [1e-3, 2e-3]},
    "ft.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "ft.max_epochs": {"low": 1, "high": 3, "integer": True},
}


def settings(**changes: Any) -> TuningSettings:
    return TuningSettings.model_validate({"space": SPACE, "trials": 4, "objective": "loss", "seeds": [1]} | changes)


@pytest.fixture
def plan(tmp_path: Path, dataset: Path, base_models: dict[str, Path]) -> Plan:
    steps = [
        (phase, PHASES[phase](**QUICK, **more).model_dump(), [])
        for phase, more in (("cl", {"pairs_per_text": 1}), ("ft", {"max_epochs": EPOCHS}))
    ]
    return Plan("topics · tiny · main", dataset, base_models["bert"], steps, settings(), "code", tmp_path / "studies")


def run(plan: Plan, worker: int = 1) -> pd.DataFrame:
    """Work until the budget is spent; the trials without the time they took."""
    work(plan, worker, save_every=0, unfinished=plan.folder / f"states{worker}")
    return trial_table(finished(plan.open()), plan.maximised).drop(columns="seconds")


def test_the_papers_space_is_of_settings_that_there_are() -> None:
    for path, parameter in PAPERS_SPACE.items():
        for value in parameter.examples:
            layer_of({path: value}, PAPERS_SPACE)
    assert set(part_of(PAPERS_SPACE, ["ft"])) == {
        "ft.lr", "all.max_length", "all.batch_size", "ft.max_epochs", "ft.freeze", "ft.eps"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"dae.lrr": {"choices": [1]}}, "unknown key 'lrr'; did you mean 'lr'?"),
        ({"dea.lr": {"choices": [1]}}, "'dea.lr' is not <phase>.<setting>"),
        ({"dae.lr": {"choices": [1.0], "low": 1}}, None),
        ({"dae.lr": {}}, "give either `choices`, or `low` and `high`"),
        ({"dae.lr": {"low": 1, "high": 1}}, "`low` must be below `high`"),
        ({"dae.lr": {"low": 0, "high": 1, "log": True}}, "with `log`, `low` must be above 0"),
        ({"dae.lr": {"choices": [1, 1]}}, "a value stands twice"),
        ({"dae.lr": {"choices": [-1]}}, "dae.lr: Input should be greater than 0"),
        ({"dae.train_on_test": {"choices": [True]}}, "would show the test split to a study"),
        ({"ft.stopping_split": {"choices": ["test"]}}, "would show the test split to a study"),
        ({"dae.lr": {"choices": [1], "also": ["cl.lr"]}, "cl.lr": {"choices": [1]}}, "'cl.lr' stands there twice"),
    ],
)
def test_a_wrong_space_is_one_clear_line(space: dict[str, Any], said: str | None) -> None:
    if said is None:
        TuningSettings.model_validate({"space": space})
    else:
        with pytest.raises(ValueError, match=said.replace("?", r"\?")):
            TuningSettings.model_validate({"space": space})


@given(st.floats(1e-9, 1.0), st.sampled_from(["dae", "cl", "joint", "ft"]))
def test_a_value_reaches_its_phases_and_not_what_the_variant_sets(value: float, phase: str) -> None:
    space = {"dae.lr": Parameter(low=1e-9, high=1.0, also=("cl.lr",)), "all.eps": Parameter(low=1e-9, high=1.0)}
    layer = layer_of({"dae.lr": value, "all.eps": value}, space)
    base = PHASES[phase]().model_dump()
    found = overlaid(base, layer.given(phase), fixed=[])
    assert found["eps"] == value
    assert found["lr"] == (base["lr"] if phase == "ft" else value)
    assert overlaid(base, layer.given(phase), fixed=["eps", "lr"]) == base


def config(**tuning: Any) -> dict[str, Any]:
    return {
        "datasets": {"topics": {"source": {"train": "x.csv"}, "test_size": 0.2}},
        "models": {"tiny": {"path": "tiny"}},
        "variants": {"3-Phase": ["dae", "cl", "ft"], "FT": ["ft"], "FT (tuned)": [{"ft": {"tag": "tuned"}}]},
        "grid": [{"seeds": [1]}],
        "tuning": {"enabled": True, **tuning},
    }


def test_the_ablations_take_the_values_of_3_phase_and_a_baseline_has_a_study_of_its_own() -> None:
    made = load(config(groups={"baseline": {"tunes": "FT (tuned)"}}))
    assert made.groups()["main"].variants == ("3-Phase", "FT")
    assert [made.group_of(recipe) for recipe in ("dae", "ft", "ft-tuned")] == ["main", "main", "baseline"]
    assert made.tuned_recipe("baseline").prefixes == ["ft-tuned"]


def test_one_word_chooses_tuned_values() -> None:
    assert load(config(enabled=False) | {"hyperparameters": {"use": "tuned"}}).tuned
    assert not load(config(enabled=False)).tuned


@pytest.mark.parametrize(
    ("tuning", "said"),
    [
        (
            {"groups": {"baseline": {"tunes": "FT"}, "other": {"tunes": "3-Phase", "gives_to": ["FT"]}}},
            "both train 'ft'",
        ),
        ({"groups": {"baseline": {"tunes": "FTT"}}}, "unknown variant 'FTT'; did you mean 'FT'?"),
        ({"space": {"joint.lr": {"choices": [1]}}}, "no tuned variant has the phase of 'joint.lr'"),
        ({"groups": {"g" * 101: {"tunes": "FT (tuned)"}}}, "use 100 characters at the most"),
    ],
)
def test_groups_that_cannot_be_are_refused(tuning: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        load(config(**tuning))


@pytest.mark.parametrize("leak", [{"ft": {"stopping_split": "test"}}, {"dae": {"train_on_test": True}}])
def test_a_study_of_phases_that_see_the_test_split_is_refused(leak: dict[str, Any]) -> None:
    hyperparameters = {"default": leak}
    with pytest.raises(ConfigError, match=r"tuning: a study never sees the test split, but '.*' on topics with tiny"):
        load(config() | {"hyperparameters": hyperparameters})
    load(config(enabled=False) | {"hyperparameters": hyperparameters})
    apart = config(main=False, groups={"baseline": {"tunes": "FT (tuned)"}}) | {
        "hyperparameters": {"default": {"dae": {"train_on_test": True}}}
    }
    load(apart)  # the study trains phase 3 alone


def test_trials_share_earlier_phases_and_the_best_is_written(plan: Plan, tmp_path: Path) -> None:
    trials = run(plan)
    assert len(trials) == 4
    first_of_each = ~trials["cl.lr"].duplicated()
    assert trials["trained"].tolist() == [2 if first else 1 for first in first_of_each]
    assert trials["reused"].tolist() == [0 if first else 1 for first in first_of_each]
    found = write_report(plan, tmp_path / "out")
    complete = trials[trials["state"] == "complete"]
    assert found["value"] == complete["value"].min()
    best = trials.iloc[found["trial"] - 1]
    assert found["hyperparameters"]["ft"]["lr"] == best["ft.lr"]
    assert Layer.model_validate(found["hyperparameters"]).given("cl") == {"lr": best["cl.lr"]}
    for name in ("best.yaml", "trials.csv", "ft.json", "history.svg", "importances.svg", "parallel.svg", "slices.png"):
        assert (tmp_path / "out" / name).stat().st_size > 10
    assert "4 of 4 trials, 0 running" in shown_studies_in(plan)


def shown_studies_in(plan: Plan) -> str:
    """As `threephase study show` prints it."""
    root = plan.folder.parent / "show"
    place = root / "studies/topics/tiny/main"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(plan.folder, place)
    return shown_studies(root)


@pytest.mark.parametrize("storage", [None, "sqlite:///{folder}/studies.db"])
def test_who_looks_at_a_study_that_has_no_storage_makes_none(plan: Plan, tmp_path: Path, storage: str | None) -> None:
    address = storage and storage.format(folder=tmp_path)
    place = tmp_path / "root/studies/topics/tiny/main/key"
    replace(plan, settings=settings(storage=address)).open()
    shutil.copytree(plan.place, place)
    (place / "journal.log").unlink(missing_ok=True)
    (tmp_path / "studies.db").unlink(missing_ok=True)
    before = sorted(tmp_path.rglob("*"))
    assert "0 of 4 trials, 0 running" in shown_studies(tmp_path / "root")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the training end like a killed process's after so many steps."""

    def after(steps: int) -> None:
        left = [steps]
        usual = Training.forward

        def forward(self: Training, batch: list[Any]) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return usual(self, batch)

        monkeypatch.setattr(Training, "forward", forward)

    return after


@pytest.mark.parametrize("steps", [3, 12, 33])
def test_an_interrupted_study_is_the_same_study(
    plan: Plan, tmp_path: Path, steps: int, interrupted: Callable[[int], None]
) -> None:
    undisturbed = run(replace(plan, folder=tmp_path / "undisturbed"))
    interrupted(steps)
    with pytest.raises(KeyboardInterrupt):
        run(plan)
    again = run(plan)
    counts = ["trained", "reused"]
    pd.testing.assert_frame_equal(again.drop(columns=counts), undisturbed.drop(columns=counts))
    states = [trial.state for trial in plan.open().get_trials()]
    assert TrialState.RUNNING not in states
    assert len(states) == len(undisturbed) + 1


def test_a_larger_budget_goes_on_and_another_space_begins_anew(plan: Plan) -> None:
    few = run(replace(plan, settings=settings(trials=2)))
    more = run(plan)
    pd.testing.assert_frame_equal(more.head(2), few)
    assert len(more) == 4
    for other in (
        replace(plan, settings=settings(space=SPACE | {"cl.lr": {"choices": [1e-3]}})),
        replace(plan, code="other"),
        replace(plan, settings=settings(objective="accuracy")),
    ):
        assert other.key != plan.key
    assert replace(plan, settings=settings(workers=3, hours=1.0)).key == plan.key


def test_a_budget_in_hours_ends_a_study(plan: Plan) -> None:
    assert len(run(replace(plan, settings=settings(trials=50, hours=1 / 3600)))) < 10


def test_a_diverged_trial_is_recorded_and_the_study_goes_on(plan: Plan) -> None:
    space = {"cl.lr": {"choices": [1e-3, 1e30]}, "ft.lr": SPACE["ft.lr"]}
    trials = run(replace(plan, settings=settings(space=space, trials=6)))
    hot = trials["cl.lr"] == 1e30
    assert hot.any()
    assert not hot.all()
    assert (trials.loc[hot, "state"] == "fail").all()
    assert trials.loc[hot, "reason"].str.startswith("cl: the ").all()
    assert (trials.loc[~hot, "state"] != "fail").all()


def test_a_trial_without_memory_is_recorded(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from threephase.phases import run as phases_run

    def none_left(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    monkeypatch.setattr(phases_run, "fit", none_left)
    trials = run(replace(plan, settings=settings(trials=2)))
    assert trials["reason"].tolist() == ["out of memory", "out of memory"]
    with pytest.raises(UserError, match=r"none of 2 trials came to a value \(out of memory\)"):
        write_report(plan, plan.folder / "out")


def test_bad_trials_are_pruned_by_their_validation_losses(plan: Plan) -> None:
    space = {"ft.lr": {"choices": [1e-9, 5e-3, 4e-3, 3e-3, 6e-3, 2e-9, 3e-9, 4e-9]}}
    plan = replace(plan, settings=settings(space=space, trials=10))
    trials = run(plan)
    assert set(trials["state"]) == {"complete", "pruned"}
    done = finished(plan.open())
    for place, trial in enumerate(done):
        if trial.state == TrialState.PRUNED:
            assert len(trial.intermediate_values) < EPOCHS
            epoch = max(trial.intermediate_values)
            others = [earlier for earlier in done[:place] if earlier.state == TrialState.COMPLETE]
            median = statistics.median(
                other.intermediate_values[epoch] for other in others if other.intermediate_values
            )
            assert min(trial.intermediate_values.values()) > median
    unpruned = replace(plan, settings=settings(space=space, trials=5, pruning=False))
    assert set(run(unpruned)["state"]) == {"complete"}


def test_scores_on_validation_rows_can_be_the_objective(plan: Plan) -> None:
    scored = replace(plan, settings=settings(objective="accuracy", trials=3, seeds=[1, 2]))
    trials = run(scored)
    complete = trials[trials["state"] == "complete"]
    assert complete["value"].between(0, 1).all()
    assert complete["best_so_far"].is_monotonic_increasing
    assert (complete["trained"] + complete["reused"] == 4).all()
    reported = [value for trial in finished(scored.open()) for value in trial.intermediate_values.values()]
    assert reported
    assert all(0 <= value <= 1 for value in reported)  # what pruning looks at is the score, too


@pytest.mark.parametrize("objective", ["loss", "accuracy", "f1"])
def test_pruning_looks_at_the_objective_whatever_the_criterion_of_phase_3(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    told = Measured(loss=0.1, score=0.2, accuracy=0.3, f1=0.4)

    def of_seed(plan: Plan, trial: int, steps: Any, seed: int, watch: Watch, *others: Any) -> float:
        watch(1, told)
        return 0.5

    monkeypatch.setattr(study_module, "_of_seed", of_seed)
    judged = replace(plan, settings=settings(objective=objective, trials=1))
    run(judged)
    (trial,) = finished(judged.open())
    assert trial.intermediate_values == {1: getattr(told, objective)}


def test_trials_are_judged_by_accuracy_on_a_seed_that_is_not_reported_unless_told_otherwise() -> None:
    given = TuningSettings()
    assert (given.objective, given.seeds) == ("accuracy", (101,))
    assert 1e-8 in given.space["ft.eps"].examples


WORKER = """
from threephase.jobs.warm import run_warm
run_warm()
import sys, pickle
from pathlib import Path
from threephase.tuning.study import work
plan = pickle.loads(Path(sys.argv[1]).read_bytes())
work(plan, int(sys.argv[2]), 0, plan.folder / f"states{sys.argv[2]}")
"""


def workers(plan: Plan, numbers: list[int]) -> list[subprocess.Popen[bytes]]:
    import pickle

    plan.folder.mkdir(parents=True, exist_ok=True)
    described, program = plan.folder / "plan", plan.folder / "worker.py"
    described.write_bytes(pickle.dumps(plan))
    program.write_text(WORKER)
    command = [sys.executable, str(program), str(described)]
    return [subprocess.Popen([*command, str(number)], env=environment()) for number in numbers]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL, started here from Debian's packages."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    if not found:
        pytest.skip("needs PostgreSQL's server (Debian's package postgresql)")
    folder = tmp_path_factory.mktemp("postgres")
    user = {"user": "postgres"} if os.getuid() == 0 else {}  # it will not run as root
    if user:
        folder = Path(f"/tmp/threephase-postgres-{os.getpid()}")
        folder.mkdir()
        shutil.chown(folder, "postgres")
    port = 20000 + os.getpid() % 20000
    try:
        tools: Any = {"check": True, "capture_output": True, "cwd": "/", **user}
        subprocess.run([found[-1] / "initdb", "-D", folder / "data", "-A", "trust", "-U", "tuner"], **tools)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        log = folder / "log"
        subprocess.run([found[-1] / "pg_ctl", "-D", folder / "data", "-o", options, "-l", log, "-w", "start"], **tools)
        yield f"postgresql+psycopg2://tuner@127.0.0.1:{port}/postgres"
        subprocess.run([found[-1] / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], **tools)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", ["journal", "database"])
def test_two_workers_share_a_study_and_a_killed_one_leaves_no_trial_hanging(
    plan: Plan, kind: str, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("postgres") if kind == "database" else None
    space = SPACE | {"cl.lr": {"choices": [1e-3]}}  # both train phase 2 at once, and start from the same
    plan = replace(plan, settings=settings(space=space, trials=10, workers=2, storage=address))
    first, second = workers(plan, [1, 2])
    study = plan.open()
    end = time.monotonic() + 300
    while {trial.user_attrs["worker"] for trial in finished(study)} != {1, 2}:  # else one of them might do it all
        assert time.monotonic() < end
        time.sleep(0.1)
    first.kill()
    first.wait()
    (third,) = workers(plan, [1])
    assert second.wait() == 0
    assert third.wait() == 0
    fail_stale_trials(study, plan.place)
    done = finished(study)
    assert len(done) == 10
    assert {trial.user_attrs["worker"] for trial in done} == {1, 2}
    assert not study.get_trials(states=(TrialState.RUNNING,))


def test_of_two_workers_that_see_the_last_place_at_once_the_later_gives_it_back(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks how many trials there are before it asks for one."""
    plan = replace(plan, settings=settings(trials=1, workers=2))
    others, usual = plan.open(), optuna.Study.ask

    def ask(study: optuna.Study) -> optuna.Trial:
        mark(usual(others), plan, 2)  # between this worker's look and its trial
        return usual(study)

    monkeypatch.setattr(optuna.Study, "ask", ask)
    assert work(plan, 1, save_every=0, unfinished=plan.folder / "states") == 0
    assert [trial.state for trial in others.get_trials()] == [TrialState.RUNNING, TrialState.FAIL]
    assert not list(plan.folder.rglob(TRAININGS))
    monkeypatch.setattr(optuna.Study, "ask", usual)
    others.tell(0, state=TrialState.FAIL)  # the other was killed: its place is free again
    assert len(run(plan)) == 1


def test_a_worker_that_was_killed_before_it_marked_its_trial_does_not_leave_the_study_one_short(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is back before that trial counts as nobody's, and would take it for another worker's."""
    monkeypatch.setattr(study_module, "UNMARKED", timedelta(seconds=2))
    plan = replace(plan, settings=settings(trials=1))
    plan.open().ask()
    assert len(run(plan)) == 1


def mark(trial: optuna.Trial, plan: Plan, worker: int, **other: Any) -> None:
    """As a worker in the plan's folder does, but for what is said otherwise."""
    trial.set_user_attr("owner", owners.here(plan.place, worker) | other)
    trial.set_user_attr("worker", worker)


def test_of_two_workflows_in_one_database_neither_ends_the_others_trials(plan: Plan, tmp_path: Path) -> None:
    """Two clones of one config have one study, and a worker 1 each."""
    database = settings(storage=f"sqlite:///{tmp_path}/studies.db")
    mine, other = (replace(plan, settings=database, folder=tmp_path / name) for name in ("mine", "other"))
    study = mine.open()
    other.open()
    elsewhere = {"machine": "another"}
    started_again = {"machine": "another", "process": 7}  # a cluster had this worker on another machine before
    for of, worker, more in [
        (other, 1, {}), (other, 1, elsewhere), (mine, 2, elsewhere), (mine, 1, started_again),
        (other, 1, {"started": 0.0}),
    ]:  # fmt: skip
        mark(study.ask(), of, worker, **more)
    running, gone = TrialState.RUNNING, TrialState.FAIL
    fail_stale_trials(study, mine.place, worker=1)
    assert [trial.state for trial in study.get_trials()] == [running, running, running, gone, gone]
    fail_stale_trials(study, mine.place)
    assert [trial.state for trial in study.get_trials()] == [running, running, gone, gone, gone]


def test_a_folder_keeps_its_name_and_a_copy_has_another(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    name = owners.home_of(tmp_path / "study")
    assert owners.home_of(tmp_path / "study") == name
    shutil.copytree(tmp_path / "study", tmp_path / "copy")
    assert owners.home_of(tmp_path / "copy") != name
    (tmp_path / "study").rename(tmp_path / "moved")
    assert owners.home_of(tmp_path / "moved") == name
    assert [path.name for path in (tmp_path / "moved").iterdir()] == [owners.HOME]


def test_a_trial_that_was_taken_away_ends_no_worker(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def of_seed(plan: Plan, number: int, *others: Any) -> float:
        if not taken:
            taken.append(number)
            plan.open().tell(number, state=TrialState.FAIL)
        return 0.5

    monkeypatch.setattr(study_module, "_of_seed", of_seed)
    assert run(replace(plan, settings=settings(trials=1)))["value"].tolist() == [0.5]


def test_a_stale_trial_that_two_workers_see_fails_once(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    study = plan.open()
    mark(study.ask(), plan, 1)
    seen = study.get_trials()
    fail_stale_trials(study, plan.place, worker=1)
    monkeypatch.setattr(optuna.Study, "get_trials", lambda *_, **__: seen)  # the other looked before that
    fail_stale_trials(study, plan.place, worker=1)
    monkeypatch.undo()
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL]


def test_workers_that_find_an_empty_database_at_once_both_work(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL refuses the second that makes a table which is not there yet when both look."""
    answers: list[Any] = [RuntimeError('type "studydirection" already exists'), "the storage"]

    def storage(address: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(study_module, "RDBStorage", storage)
    monkeypatch.setattr(study_module, "LOOK", 0)
    assert study_module.storage_of(plan.folder, "postgresql://somewhere") == "the storage"


def test_a_database_that_is_not_there_is_one_line_without_its_password(plan: Plan) -> None:
    address = "postgresql+psycopg2://tuner:secret@127.0.0.1:1/none"
    with pytest.raises(UserError, match=r"tuning\.storage: 127\.0\.0\.1:1/none: not to be reached") as raised:
        replace(plan, settings=settings(storage=address)).open()
    assert "secret" not in str(raised.value)


def test_only_trials_of_a_dead_worker_fail(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    study = plan.open()
    mark(study.ask(), plan, 1)
    study.ask()  # another worker, which has not said yet that it is its own

    def running() -> int:
        return len(study.get_trials(states=(TrialState.RUNNING,)))

    fail_stale_trials(study, plan.place, worker=2)
    assert running() == 2
    fail_stale_trials(study, plan.place, worker=1)
    assert running() == 1
    monkeypatch.setattr(study_module, "UNMARKED", timedelta(0))  # long enough ago: its worker was killed
    fail_stale_trials(study, plan.place, worker=1)
    assert running() == 0
    assert finished(study) == []


def test_a_phase_that_another_worker_completed_meanwhile_stays_as_it_is(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may be reading it."""
    from threephase.phases import run as phases_run

    plan = replace(plan, settings=settings(space=SPACE | {"cl.lr": {"choices": [1e-3]}}, trials=3, workers=2))
    usual, made = phases_run.run_phase, []

    def train(phase: Any, *arguments: Any, **named: Any) -> Any:
        if not made:
            made.append(None)
            run(replace(plan, settings=plan.settings.model_copy(update={"trials": 2})), worker=2)
            made[:] = (plan.place / TRAININGS).glob("cl-*/complete.json")
            made.append(made[0].stat().st_ino)
        return usual(phase, *arguments, **named)

    monkeypatch.setattr(phases_run, "run_phase", train)
    trials = run(plan)
    assert trials["trained"].tolist() == [2, 2, 1]
    assert made[0].stat().st_ino == made[1]
    assert [folder.name for folder in (plan.place / TRAININGS).iterdir()] == [made[0].parent.name]


def test_trainings_in_use_stay_and_old_ones_go(plan: Plan) -> None:
    trainings = [plan.place / TRAININGS / f"cl-{number}" for number in range(KEPT + 3)]
    now = time.time()
    for number, folder in enumerate(trainings):
        folder.mkdir(parents=True)
        (folder / "complete.json").touch()
        date = now if number else now - SPARED - 1  # all but the first were used a moment ago
        os.utime(folder / "complete.json", (date, date))
    _tidy(plan)
    assert sorted(plan.place.glob(f"{TRAININGS}/*")) == sorted(trainings[1:])
