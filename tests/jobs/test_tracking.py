"""Trackers: what lies in their stores after trainings and evaluations, read with their own packages."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from threephase import console
from threephase.errors import UserError
from threephase.jobs.trackers import refuse_absent
from threephase.jobs.tracking import name_tracker, tracked

RUN = "topics/tiny/seed1/dae.cl"
Curves = dict[str, dict[int, float]]


def of_tensorboard(folder: Path) -> tuple[dict[str, Any], Curves]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(folder / RUN)).Reload()
    curves = {name: {point.step: point.value for point in events.Scalars(name)} for name in events.Tags()["scalars"]}
    settings: dict[str, Any] = {}
    for content in events.summary_metadata.values():
        if content.plugin_data.plugin_name == "hparams":
            started = HParamsPluginData.FromString(content.plugin_data.content).session_start_info.hparams
            settings |= {name: getattr(value, value.WhichOneof("kind")) for name, value in started.items()}
    return settings, curves


def of_trackio(folder: Path) -> tuple[dict[str, Any], Curves]:
    """Read in a process of its own: the package takes its folder as it is loaded."""
    asked = (
        "import json, sys, trackio\nfrom trackio.sqlite_storage import SQLiteStorage as store\n"
        "(run,) = [run for run in trackio.Api().runs('threephase') if run.name == sys.argv[1]]\n"
        "print(json.dumps([run.config, store.get_logs('threephase', run.name, run_id=run.id)]))"
    )
    environment = os.environ | {"TRACKIO_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", asked, RUN], env=environment, capture_output=True, text=True, check=True
    )
    settings, logs = json.loads(done.stdout.splitlines()[-1])
    curves: Curves = {}
    for line in logs:
        for name in line.keys() - {"timestamp", "step"}:
            curves.setdefault(name, {})[line["step"]] = line[name]
    return settings, curves


def of_mlflow(folder: Path) -> tuple[dict[str, Any], Curves]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.absolute()}/mlflow.db")
    there = client.get_experiment_by_name("threephase")
    assert there
    (run,) = [run for run in client.search_runs([there.experiment_id]) if run.info.run_name == RUN]
    assert run.info.status == "FINISHED"
    curves = {
        name: {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        for name in run.data.metrics
    }
    return run.data.params, curves


READ: dict[str, Callable[[Path], tuple[dict[str, Any], Curves]]] = {
    "tensorboard": of_tensorboard, "trackio": of_trackio, "mlflow": of_mlflow
}  # fmt: skip


@pytest.fixture(params=READ)
def tracker(request: pytest.FixtureRequest) -> str:
    if find_spec(request.param) is None:  # not loaded to be looked for: Trackio takes its folder as it is loaded
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and an environment that is left as it was."""
    monkeypatch.chdir(tmp_path)
    for name in ("THREEPHASE_TRACK", "THREEPHASE_TRACK_LOG", "TRACKIO_DIR", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(console, "bar", Told)
    return tmp_path


class Told(console.TerminalBar):
    """A bar that nobody sees."""

    def __init__(self, title: str, steps: int, done: int) -> None:
        self.losses: list[dict[str, float]] = []

    def to(self, step: int) -> None:
        pass

    def tell(self, losses: Any) -> None:
        self.losses.append(losses)

    def close(self) -> None:
        pass


def train(*losses: float, done: int = 0, killed: bool = False, **settings: Any) -> None:
    """What a job does that trains: a step for each loss, and a checkpoint that says where it came from."""
    with tracked(f"results/logs/checkpoints/{RUN}.log"):
        bar = console.bar("cl", 4, done)
        for step, loss in enumerate(losses, done + 1):
            bar.to(step)
            bar.tell({"loss": loss})
        bar.tell({"validation": 0.25, "score": 0.75})
        bar.close()
        if killed:
            raise KeyboardInterrupt
        folder = Path("results/checkpoints") / RUN
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps({"phase": "cl", "settings": {"lr": 0.5} | settings}))
        record = {"steps": 4, "best_step": 2, "best_validation_loss": 0.25, "best_validation_score": None}
        (folder / "provenance.json").write_text(json.dumps(record | {"wall_seconds": 9.5}))


def evaluate(accuracy: float) -> None:
    with tracked(f"results/logs/evaluations/{RUN}.log"):
        folder = Path("results/evaluations") / RUN
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps({"accuracy": accuracy, "f1": 0.125, "label_level": 1}))


TRAINS_ANOTHER = """
import json, sys
from pathlib import Path
from threephase import console
from threephase.jobs.tracking import tracked
name = sys.argv[1]
with tracked(f"results/logs/checkpoints/{name}.log"):
    bar = console.bar("ft", 2, 0)
    for step in (1, 2):
        bar.to(step)
        bar.tell({"loss": float(sys.argv[2])})
    bar.close()
    folder = Path("results/checkpoints") / name
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"settings": {"lr": sys.argv[2]}}))
    (folder / "provenance.json").write_text(json.dumps({"steps": 2}))
"""


def test_jobs_at_once_are_runs_of_their_own(tracker: str, here: Path) -> None:
    name_tracker(tracker)
    runs = {RUN: 4.0, "topics/tiny/seed1/dae": 8.0}
    started = [
        subprocess.Popen([sys.executable, "-c", TRAINS_ANOTHER, name, str(loss)], stderr=subprocess.PIPE, text=True)
        for name, loss in runs.items()
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert not [line for text in said for line in text.splitlines() if "not tracked" in line]
    settings, curves = READ[tracker](here / "results/tracking" / tracker)
    assert (settings["lr"], curves["loss/train"]) == ("4.0", {1: 4.0, 2: 4.0})


def test_curves_settings_and_scores_of_a_killed_and_finished_training_are_one_run(tracker: str, here: Path) -> None:
    name_tracker(tracker)
    train(9.0, 9.0, lr=7.0)  # of an earlier config
    with pytest.raises(KeyboardInterrupt):
        train(4.0, 3.0, 2.5, killed=True)
    train(3.0, 2.0, done=1)  # the same values again from the last saved state on, as trainings have them
    settings, curves = READ[tracker](here / "results/tracking" / tracker)
    assert not [name for name in curves if name.startswith("test/")]
    evaluate(0.5)
    settings, curves = READ[tracker](here / "results/tracking" / tracker)
    assert {name: str(settings[name]) for name in ("dataset", "model", "seed", "recipe", "lr")} == {
        "dataset": "topics", "model": "tiny", "seed": "1", "recipe": "dae.cl", "lr": "0.5"
    }  # fmt: skip
    assert curves["loss/train"][1] == 4.0
    assert curves["loss/train"][2] == 3.0
    assert curves["loss/train"][3] == 2.0
    assert curves["loss/validation"][3] == 0.25
    assert curves["score/validation"][3] == 0.75
    assert curves["best/validation_loss"] == {2: 0.25}
    assert curves["seconds"] == {2: 9.5}
    assert (curves["test/accuracy"], curves["test/f1"]) == ({2: 0.5}, {2: 0.125})


def test_a_tracker_that_fails_is_one_line_and_the_job_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "terminal", sys.stdout)
    (here / "results").mkdir()
    (here / "results/tracking").write_text("where the folder would be")
    name_tracker("tensorboard")
    train(4.0, 3.0)
    said = capsys.readouterr().out.splitlines()
    assert [line.startswith(f"! {RUN}: not tracked by tensorboard, the job goes on (") for line in said] == [True, True]


def test_without_a_tracker_and_for_other_jobs_nothing_is_sent(here: Path) -> None:
    name_tracker("none")
    train(4.0)
    name_tracker("tensorboard")
    with tracked("results/logs/tables/report.log"):
        assert console.bar is Told
    with tracked("elsewhere.log"):
        assert console.bar is Told
    assert not (here / "results/tracking").exists()


def test_a_tracker_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threephase.jobs.trackers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^config: track: needs the package mlflow; pip install mlflow, or "):
        refuse_absent("mlflow")
    refuse_absent("none")
