"""Three ways to show how a run stands: a live picture, plain lines, lines of JSON."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from threephase.commands.view.standing import Running, Standing
from threephase.errors import printable
from threephase.plan.schedule import shown

WIDE = 110  # columns from which a line has room for a score and the time
STYLES = {"✓": "green", "✗": "bold red", "!": "yellow", "†": "yellow"}


class Face(Protocol):
    """What a person, or a program, sees of a run."""

    def line(self, text: str) -> None:
        """Say something that stays."""

    def ended(self, text: str, standing: Standing) -> None:
        """Say that a job ended well, in its own words."""

    def event(self, name: str, what: Mapping[str, Any]) -> None:
        """For programs: something happened."""

    def look(self, standing: Standing) -> None:
        """Show how the run stands now."""

    def close(self) -> None:
        """Nothing more will be shown."""


class Lines:
    """A line for each job that ended and whatever else is to be said; for files, pipes and plain terminals.

    Args:
        terminal: where they go.
        quiet: whether only what fails is said.
    """

    def __init__(self, terminal: TextIO, quiet: bool = False) -> None:
        self.terminal = terminal
        self.quiet = quiet

    def line(self, text: str) -> None:
        """Say something."""
        print(printable(text), file=self.terminal, flush=True)

    def ended(self, text: str, standing: Standing) -> None:
        """Say that a job ended well."""
        if not self.quiet:
            self.line(text)

    def event(self, name: str, what: Mapping[str, Any]) -> None:
        """Lines say it already."""

    def look(self, standing: Standing) -> None:
        """Lines do not move."""

    def close(self) -> None:
        """Every line was written at once."""


class Json:
    """One event a line, for programs: `{"time": seconds, "event": name, …}`."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def line(self, text: str) -> None:
        """Something that was said."""
        self.event("said", {"text": text})

    def ended(self, text: str, standing: Standing) -> None:
        """What a job said as it ended well; that it ended is an event of its own."""
        self.line(text)

    def event(self, name: str, what: Mapping[str, Any]) -> None:
        """Something happened."""
        print(json.dumps({"time": round(time.time(), 3), "event": name, **what}), file=self.out, flush=True)

    def look(self, standing: Standing) -> None:
        """How the run stands follows from its events."""

    def close(self) -> None:
        """Every line was written at once."""


class Picture:
    """A live picture at the foot of a terminal: the run, each job at work, what ended last; above it what stays."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.console = Console(file=terminal, highlight=False, force_terminal=True)
        self.live = Live(console=self.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
                         transient=True)  # fmt: skip
        self.live.start()

    def line(self, text: str) -> None:
        """Say something that stays, above the picture."""
        self.console.print(_styled(text), soft_wrap=True)

    def ended(self, text: str, standing: Standing) -> None:
        """It stands in the picture among the last."""

    def event(self, name: str, what: Mapping[str, Any]) -> None:
        """The picture shows it already."""

    def look(self, standing: Standing) -> None:
        """Draw anew, as wide as the terminal is now."""
        size = os.get_terminal_size(self.terminal.fileno())
        self.console.size = (size.columns, size.lines)
        self.live.update(picture(standing, size.columns, size.lines), refresh=True)

    def close(self) -> None:
        """Take the picture away; what was said stays."""
        self.live.update(Text(), refresh=True)
        self.live.stop()


def picture(standing: Standing, columns: int, rows: int) -> Group:
    """How a run stands, on a terminal of this size."""
    wide = columns >= WIDE
    room = max(1, rows - len(standing.last) - 3)
    jobs = [job for job in standing.running.values() if job.log]
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for _ in range(4 if wide else 3):
        table.add_column(no_wrap=True)
    for job in jobs[:room]:
        table.add_row(*_row(job, wide))
    more = [Text(f"  and {len(jobs) - room} more jobs", "dim")] if len(jobs) > room else []
    last = [_cut(text, columns) for text in standing.last]
    return Group(_head(standing, columns), table, *more, *last)


def _head(standing: Standing, columns: int) -> Table:
    """The run as a whole: jobs that are done, a bar, the time left."""
    left = standing.left
    told = "stopping: trainings save their state" if standing.stopping else (
        "time left: not known yet" if left is None else f"about {shown(left)} left"
    )  # fmt: skip
    failed = f" · {standing.failed} failed" if standing.failed else ""
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_column(no_wrap=True)
    bar = ProgressBar(total=1.0, completed=standing.share)
    head.add_row(
        Text(f"{standing.done} of {standing.total} job{'' if standing.total == 1 else 's'}{failed}", "bold"),
        bar,
        Text(told),
    )
    return head


def _row(job: Running, wide: bool) -> list[Any]:
    share = job.share
    bar: Any = Text("") if share is None else ProgressBar(total=1.0, completed=share, width=20 if wide else 10)
    percent = Text("" if share is None else f"{share:4.0%}")
    row = [Text(f"  {job.name}"), bar, percent, Text(losses(job.losses, wide), "cyan")]
    return [*row, Text(f"{shown(time.monotonic() - job.started):>9}", "dim")] if wide else row


def losses(told: Mapping[str, float], wide: bool) -> str:
    """The last losses of a training: `loss 0.321 val 0.298`, with a score where there is room."""
    names = {"loss": "loss", "validation": "val"} | ({"score": "score"} if wide else {})
    return " ".join(f"{name} {told[key]:.3f}" for key, name in names.items() if key in told)


def _styled(text: str) -> Text:
    sign = text.lstrip()[:1]
    return Text(printable(text), STYLES.get(sign, "") if sign != "✓" else "")


def _cut(text: str, columns: int) -> Text:
    line = Text(printable(text), "dim", no_wrap=True, overflow="ellipsis")
    line.truncate(columns, overflow="ellipsis")
    return line
