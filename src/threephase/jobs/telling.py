"""What a job tells the view of its run (threephase.commands.view): lines of JSON, in a file that no other job writes.

A run with a view names a folder in THREEPHASE_VIEW. A job that finds it, which one on another machine may not, tells
there what it would else say on its terminal: `{"log": …, "said": …}` for each line and `{"log": …, "step": …,
"steps": …}` with the last losses for how far its training is. Its log file is its name.
"""

import io
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

from threephase import console

FOLDER, LOG = "THREEPHASE_VIEW", "THREEPHASE_VIEW_LOG"
TRACKER = "THREEPHASE_TRACK"  # where jobs find the name of the tracker to tell (threephase.jobs.tracking)
PAUSE = 0.3  # seconds between two steps that are told


def tell_view(log: str, terminal: TextIO) -> None:
    """Send what this process says, and its bars, to the view of its run; to `terminal` where there is none.

    Processes that this one starts may do the same by `tell_view_too`.
    """
    console.terminal = terminal
    folder = os.environ.get(FOLDER)
    if not folder or not Path(folder).is_dir():
        return
    os.environ[LOG] = log
    teller = Teller(Path(folder) / f"{os.getpid()}.jsonl", log, terminal)
    console.terminal, console.bar = cast(TextIO, teller), teller.bar


def tell_view_too(terminal: TextIO) -> None:
    """Be heard as the job that started this process; say it on `terminal` where no view hears that job."""
    tell_view(os.environ.get(LOG, ""), terminal)


class Teller(io.TextIOBase):
    """What a job has for a terminal while a view listens.

    Args:
        file: where the view reads; made with the first line.
        log: the job's log file.
        terminal: what says it where that file cannot be written.
    """

    def __init__(self, file: Path, log: str, terminal: TextIO) -> None:
        super().__init__()
        self.file = file
        self.log = log
        self.beyond = terminal
        self.begun = ""  # a line without its end

    def write(self, text: str) -> int:
        """Tell each line as it ends."""
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            if not self.tell(said=line):
                print(line, file=self.beyond, flush=True)
        return len(text)

    def tell(self, **what: Any) -> bool:
        """Add a line to the file; False if that could not be."""
        with suppress(OSError), self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"log": self.log, **what}) + "\n")
            return True
        return False

    def bar(self, title: str, steps: int, done: int) -> "ToldBar":
        """How far a training is."""
        return ToldBar(self, title, steps, done)

    def fileno(self) -> int:
        """That of the terminal beyond."""
        return self.beyond.fileno()


class ToldBar:
    """A bar that the view draws; arguments as of `console.TerminalBar`."""

    def __init__(self, teller: Teller, title: str, steps: int, done: int) -> None:
        self.teller = teller
        self.title, self.steps = title, steps
        self.losses: dict[str, float] = {}
        self.told = 0.0  # when, by a clock that only goes on
        self.done = done
        self.to(done)

    def to(self, step: int) -> None:
        """So many steps are done."""
        self.done = step
        if time.monotonic() - self.told >= PAUSE:
            self._tell()

    def tell(self, losses: Mapping[str, float]) -> None:
        """Show losses, each by its name."""
        self.losses |= losses
        self._tell()

    def close(self) -> None:
        """It has ended."""
        self._tell()

    def _tell(self) -> None:
        self.told = time.monotonic()
        self.teller.tell(title=self.title, step=self.done, steps=self.steps, losses=self.losses)
