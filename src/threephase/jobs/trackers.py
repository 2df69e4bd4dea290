"""The stores of experiment trackers: TensorBoard, Trackio and MLflow, each in a folder of this machine.

Every store has the same few methods (`Store`). Their packages are extras of this one, loaded by the first run that is
opened; none of them is told to reach a server.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from threephase.errors import UserError

PROJECT = "threephase"  # of Trackio, and the experiment of MLflow
MOST_PARAMS = 100  # that MLflow takes at once

Point = tuple[int, Mapping[str, float]]  # a step, and values by name


class Store(Protocol):
    """One run in the store of a tracker."""

    def begin(self, after: int | None) -> None:
        """Open the run. `after` steps it goes on, after 0 it begins anew; None: as it is, for what is known later."""

    def write(self, points: Iterable[Point]) -> None:
        """Add values."""

    def settle(self, settings: Mapping[str, Any], results: Mapping[str, float], step: int) -> None:
        """Say what it was trained with, and what came of it at a step."""

    def close(self, well: bool) -> None:
        """Let go of the run, which has ended well or not, until somebody opens it again."""


class TensorBoard:
    """A folder of event files for each run.

    Args:
        folder: of all runs.
        run: its name.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.folder = folder / run

    def begin(self, after: int | None) -> None:
        """Open the run; the steps that a killed training took after its last saved state are taken once more."""
        from torch.utils.tensorboard import SummaryWriter

        if after == 0:
            for events in self.folder.glob("events.out.tfevents.*"):
                events.unlink()
        self.writer = SummaryWriter(str(self.folder), purge_step=after + 1 if after else None)

    def write(self, points: Iterable[Point]) -> None:
        """Add values."""
        for step, values in points:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def settle(self, settings: Mapping[str, Any], results: Mapping[str, float], step: int) -> None:
        """The settings as what TensorBoard calls hyper-parameters, beside the results."""
        plain = {name: value if isinstance(value, bool | int | float | str) else str(value)
                 for name, value in settings.items()}  # fmt: skip
        self.writer.add_hparams(plain, dict(results), run_name=".", global_step=step)

    def close(self, well: bool) -> None:
        """Write what is left."""
        self.writer.close()


class Trackio:
    """A run of a project in Trackio's database.

    Args:
        folder: of the database.
        run: its name.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.name = run
        self.settings: dict[str, Any] = {}
        os.environ["TRACKIO_DIR"] = str(folder.absolute())
        for elsewhere in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(elsewhere, None)

    def begin(self, after: int | None) -> None:
        """Open the run; a training that begins anew takes the place of those of its name."""
        import trackio

        with suppress(ValueError):  # there is no project yet
            for run in trackio.Api().runs(PROJECT):
                if run.name == self.name and after == 0:
                    run.delete()
                elif run.name == self.name:  # an opening without its settings would take them away
                    known = run.config or {}
                    self.settings = {name: value for name, value in known.items() if not name.startswith("_")}
        self.run = self._opened()

    def _opened(self) -> Any:
        import trackio

        return trackio.init(
            PROJECT, self.name, config=self.settings, resume="allow", embed=False, auto_log_gpu=False,
            auto_log_cpu=False,
        )  # fmt: skip

    def write(self, points: Iterable[Point]) -> None:
        """Add values."""
        for step, values in points:
            self.run.log(dict(values), step=step)

    def settle(self, settings: Mapping[str, Any], results: Mapping[str, float], step: int) -> None:
        """Open the run once more with the settings, for only an opening takes them."""
        self.run.finish()
        self.settings = dict(settings)
        self.run = self._opened()
        self.write([(step, results)])

    def close(self, well: bool) -> None:
        """Write what is left."""
        self.run.finish()


class MLflow:
    """A run of an experiment in a database of SQLite's, as MLflow has it without a server.

    Args:
        folder: of the database.
        run: its name.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.folder = folder.absolute()
        self.name = run
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

    def begin(self, after: int | None) -> None:
        """Open the run; a training that begins anew takes the place of those of its name, which stay in the trash."""
        from mlflow import MlflowClient

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "mlflow.lock"):  # two jobs at once would both make the tables
            self.client = MlflowClient(f"sqlite:///{self.folder}/mlflow.db")
            there = self.client.get_experiment_by_name(PROJECT)
            experiment = (
                there.experiment_id
                if there
                else self.client.create_experiment(PROJECT, artifact_location=(self.folder / "artifacts").as_uri())
            )
        earlier = self.client.search_runs([experiment], f"attributes.run_name = '{self.name}'")
        if after == 0:
            for run in earlier:
                self.client.delete_run(run.info.run_id)
            earlier = []
        run = earlier[0] if earlier else self.client.create_run(experiment, run_name=self.name)
        self.run = run.info.run_id
        self.client.update_run(self.run, status="RUNNING")

    def write(self, points: Iterable[Point]) -> None:
        """Add values."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for step, values in points for name, value in values.items()]
        self.client.log_batch(self.run, metrics=metrics)

    def settle(self, settings: Mapping[str, Any], results: Mapping[str, float], step: int) -> None:
        """The settings as what MLflow calls params, beside the results."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in settings.items()]
        for first in range(0, len(params), MOST_PARAMS):
            self.client.log_batch(self.run, params=params[first : first + MOST_PARAMS])
        self.write([(step, results)])

    def close(self, well: bool) -> None:
        """Say how it ended."""
        self.client.set_terminated(self.run, "FINISHED" if well else "FAILED")


STORES: dict[str, Callable[[Path, str], Store]] = {"tensorboard": TensorBoard, "trackio": Trackio, "mlflow": MLflow}


def refuse_absent(tracker: str) -> None:
    """Raise UserError for a tracker whose package is not installed."""
    if tracker != "none" and find_spec(tracker) is None:
        raise UserError(f"config: track: needs the package {tracker}; pip install {tracker}, or say `track: none`")
