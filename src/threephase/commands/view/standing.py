"""How a run stands: its jobs, those that run, what ended, what is left."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threephase.commands.view.remaining import Remaining

PARTS = ("recipe", "dataset", "seed", "model")  # wildcards that name a job, the most telling first
LAST = 4  # jobs that ended, as the picture shows them


@dataclass
class Running:
    """A job at work, as Snakemake names it, with what it told of itself.

    Args:
        rule: its rule.
        wildcards: those of the rule.
        message: what the rule calls the job; empty where it is silent.
        log: the job's log file, by which it tells; empty for a job that does nothing.
        started: when, by a clock that only goes on.
    """

    rule: str
    wildcards: Mapping[str, str]
    message: str
    log: str
    started: float
    step: int = 0
    steps: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    closed: bool = False  # whether it said how it ended

    @property
    def name(self) -> str:
        """Short, for a narrow terminal."""
        parts = [f"seed {self.wildcards[part]}" if part == "seed" else self.wildcards[part]
                 for part in PARTS if part in self.wildcards]  # fmt: skip
        if not parts:
            return self.message or self.rule
        trained = "recipe" in self.wildcards and self.wildcards["recipe"].rpartition(".")[2].startswith(self.rule)
        return " · ".join(parts if trained else [self.rule, *parts])

    @property
    def share(self) -> float | None:
        """Of its steps, those that are done; None for a job that counts none."""
        return self.step / self.steps if self.steps else None


class Standing:
    """What is known of a run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # jobs that are left to end, by rule
        self.total = 0
        self.done = 0
        self.failed = 0
        self.running: dict[int, Running] = {}
        self.last: deque[str] = deque(maxlen=LAST)
        self.remaining = Remaining()
        self.began = time.monotonic()
        self.stopping = False

    def plans(self, stats: Mapping[str, Any]) -> None:
        """So many jobs of each rule are to run."""
        self.counts = Counter({rule: int(count) for rule, count in stats.items() if rule != "total"})
        self.total = self.counts.total()
        self.began = time.monotonic()

    def begins(self, number: int, rule: str, wildcards: Mapping[str, str], message: str, log: str) -> None:
        """A job begins, or is handed to a cluster."""
        self.running[number] = Running(rule, wildcards, message or "", log, time.monotonic())
        self.remaining.begins(rule, wildcards, len(self.running))

    def ends(self, number: int, well: bool) -> Running | None:
        """A job ended; None for one that nobody saw begin."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self.counts[job.rule] -= 1
        self.done += well
        self.failed += not well
        if well:
            self.remaining.ends(job.rule, job.wildcards, time.monotonic() - job.started)
        return job

    def told(self, what: Mapping[str, Any]) -> Running | None:
        """A job told how far it is; the job, if it is known to run."""
        job = next((job for job in self.running.values() if job.log and job.log == what.get("log")), None)
        if job and "step" in what:
            job.step, job.steps = int(what["step"]), int(what["steps"])
            job.losses |= what["losses"]
        return job

    @property
    def elapsed(self) -> float:
        """Seconds since the first job could begin."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float | None:
        """Seconds until all is done; None where nothing tells yet."""
        now = time.monotonic()
        at_work = [(job.rule, job.wildcards, now - job.started, job.share) for job in self.running.values()]
        return self.remaining.seconds(self.counts, at_work)

    @property
    def share(self) -> float:
        """Of the run, what is done: of its time where that is known, else of its jobs."""
        left = self.left
        if left is not None:
            return self.elapsed / max(self.elapsed + left, 1e-9)
        return self.done / max(self.total, 1)


def told_in(folder: Path, read: dict[Path, int]) -> Iterator[dict[str, Any]]:
    """What jobs told in a folder since the last look; `read` keeps how far each file was read.

    A line that is still being written is left for the next look, and one that no job wrote is passed over.
    """
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            file.seek(read.get(path, 0))
            whole, end, _ = file.read().rpartition(b"\n")
        read[path] = read.get(path, 0) + len(whole + end)
        for line in whole.splitlines():
            try:
                what = json.loads(line)
            except ValueError:
                continue
            if isinstance(what, dict):
                yield what
