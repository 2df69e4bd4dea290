"""What trainings are told to an experiment tracker, if the config names one (`track`).

The workflow names it to its jobs by THREEPHASE_TRACK. A training is a run of the tracker, and its log file names it:
`results/logs/checkpoints/bbc/all-MiniLM-L6-v2/seed1/dae.cl.log` is the run `bbc/all-MiniLM-L6-v2/seed1/dae.cl`. What
its bar is told goes there while it trains; settings and what came of it are read from its checkpoint as the job ends,
and test scores from the evaluation, as that ends. No rule and no digest knows of it, and whatever a tracker does, the
job goes on.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from threephase import console
from threephase.artifacts import layout
from threephase.artifacts.folders import failure_of, read_json
from threephase.errors import printable
from threephase.jobs.telling import TRACKER
from threephase.jobs.trackers import STORES, Point, Store, refuse_absent

LOG = "THREEPHASE_TRACK_LOG"
FOLDER = layout.RESULTS / "tracking"
TRAINS, TESTS = "checkpoints", "evaluations"
PAUSE = 5.0  # seconds between two times that points are sent
NAMES = {"loss": "loss/train", "validation": "loss/validation", "score": "score/validation"}  # by what a bar is told
RESULTS = {
    "best_validation_loss": "best/validation_loss", "best_validation_score": "best/validation_score",
    "best_step": "best/step", "wall_seconds": "seconds",
}  # fmt: skip
SCORES = ("accuracy", "precision", "recall", "f1")


def name_tracker(tracker: str) -> None:
    """Have the jobs that this process starts send to a tracker, or to none."""
    if tracker == "none":
        os.environ.pop(TRACKER, None)
    else:
        os.environ[TRACKER] = tracker


@contextmanager
def tracked(log: str) -> Iterator[None]:
    """Send to the tracker what the job with this log file trains or tests, if there is one to send to."""
    tracker, (step, name) = os.environ.get(TRACKER), step_and_name(log)
    if not tracker or step not in (TRAINS, TESTS):
        yield
        return
    os.environ[LOG] = log
    bar = console.bar
    track_bars()
    try:
        yield
    finally:
        console.bar = bar
    sender = Sender(tracker, name)
    sender.does(lambda store: (_settle if step == TRAINS else _tested)(store, name))


def step_and_name(log: str) -> tuple[str, str]:
    """Of a run's log file its step (`checkpoints`) and the run, `bbc/m/seed1/dae.cl`; of another one nothing."""
    place = Path(log)
    if not place.is_relative_to(layout.LOGS) or place.suffix != ".log":
        return "", ""
    step, _, name = place.relative_to(layout.LOGS).with_suffix("").as_posix().partition("/")
    return step, name


def track_bars() -> None:
    """Send what this process's bars are told to the tracker, for the job whose log file the environment names."""
    tracker, (step, name) = os.environ.get(TRACKER), step_and_name(os.environ.get(LOG, ""))
    if tracker and step == TRAINS:
        console.bar = partial(TrackedBar, console.bar, Sender(tracker, name))


class Sender:
    """Sends to one run of a tracker; with its first fault, of which it says a line, it falls silent.

    Args:
        tracker: its name.
        run: the run's.
    """

    def __init__(self, tracker: str, run: str) -> None:
        self.tracker, self.name = tracker, run
        self.store: Store | None = None
        self.broken = False

    def does(self, what: Callable[[Store], None]) -> None:
        """Do something to the run."""
        if self.broken:
            return
        try:
            if self.store is None:
                refuse_absent(self.tracker)
                self.store = STORES[self.tracker](FOLDER / self.tracker, self.name)
            what(self.store)
        except Exception as error:
            self.broken = True
            reason = printable(f"{type(error).__name__}: {error}".splitlines()[0][:200])
            line = f"! {self.name}: not tracked by {self.tracker}, the job goes on ({reason})"
            print(line, file=console.terminal, flush=True)


class TrackedBar:
    """A bar whose losses go to a tracker too, some seconds' worth at a time.

    Args:
        shown: makes the bar that a person sees, of the other arguments.
        sender: of the run.
        title: as of `console.TerminalBar`.
        steps: see there.
        done: see there.
    """

    def __init__(
        self, shown: Callable[[str, int, int], console.Bar], sender: Sender, title: str, steps: int, done: int
    ) -> None:
        self.bar = shown(title, steps, done)
        self.sender = sender
        self.step = done
        self.points: list[Point] = []
        self.sent = time.monotonic()
        sender.does(lambda store: store.begin(done))

    def to(self, step: int) -> None:
        """So many steps are done."""
        self.bar.to(step)
        self.step = step

    def tell(self, losses: Mapping[str, float]) -> None:
        """Show losses, and send them."""
        self.bar.tell(losses)
        self.points.append((self.step, {NAMES[name]: value for name, value in losses.items()}))
        if time.monotonic() - self.sent >= PAUSE:
            self._send()

    def close(self) -> None:
        """It has ended: badly, until the job says that it ended well."""
        self.bar.close()
        self._send()
        self.sender.does(lambda store: store.close(False))

    def _send(self) -> None:
        points, self.points = self.points, []
        if points:
            self.sender.does(lambda store: store.write(points))
        self.sent = time.monotonic()


def _settle(store: Store, name: str) -> None:
    """Of a finished training, or baseline: what it was trained with, and what came of it on validation rows."""
    folder = layout.RESULTS / TRAINS / name
    trained, record = read_json(folder / "settings.json"), read_json(folder / "provenance.json")
    dataset, model, seed, recipe = name.split("/")
    run = {"dataset": dataset, "model": model, "seed": seed.removeprefix("seed"), "recipe": recipe}
    found = {shown: record[key] for key, shown in RESULTS.items() if _is_number(record.get(key))}
    store.begin(None if record.get("steps") else 0)  # a baseline takes no steps, and no bar began its run
    store.settle(run | trained["settings"], found, record.get("best_step", 0))
    store.close(failure_of(folder) is None)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _tested(store: Store, name: str) -> None:
    """Of an evaluation: its scores on the test split, beside what was trained."""
    metrics = read_json(layout.RESULTS / TESTS / name / "metrics.json")
    record = read_json(layout.RESULTS / TRAINS / name / "provenance.json")
    scores: dict[str, Any] = {f"test/{score}": metrics[score] for score in SCORES if score in metrics}
    if scores:
        store.begin(None)
        store.write([(record.get("best_step", 0), scores)])
        store.close(True)
