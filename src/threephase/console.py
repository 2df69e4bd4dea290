"""The person in front of the terminal, as opposed to the log."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Protocol, TextIO


class Bar(Protocol):
    """How far something is, with its last losses."""

    def to(self, step: int) -> None:
        """So many steps are done."""

    def tell(self, losses: Mapping[str, float]) -> None:
        """Show losses, each by its name."""

    def close(self) -> None:
        """It has ended."""


class TerminalBar:
    """A bar of its own on a real terminal, and nothing elsewhere.

    Args:
        title: what to call it.
        steps: how many there are.
        done: how many of them were done before.
    """

    def __init__(self, title: str, steps: int, done: int) -> None:
        from tqdm import tqdm  # a job begins without any library but psutil

        self.bar = tqdm(
            total=steps,
            initial=done,
            desc=title,
            unit="step",
            file=terminal,
            disable=None,  # not a terminal: no bar
            leave=False,
            dynamic_ncols=True,
            mininterval=0.5,
        )
        self.step = done

    def to(self, step: int) -> None:
        """So many steps are done."""
        self.bar.update(step - self.step)
        self.step = step

    def tell(self, losses: Mapping[str, float]) -> None:
        """Show losses, each by its name."""
        self.bar.set_postfix_str(", ".join(f"{name} {loss:.4f}" for name, loss in losses.items()), refresh=False)

    def close(self) -> None:
        """It has ended."""
        self.bar.close()


# Closing lines go here; a job that sends stdout and stderr to its log file points this at the terminal, or at the view
# of its run, and then bars go there too.
terminal: TextIO = sys.stderr
bar: Callable[[str, int, int], Bar] = TerminalBar


def open_closed_streams() -> None:
    """Stand-ins for the standard streams that whoever started this process has closed.

    Without them the first file that is opened takes the place of one, and gets what is meant for a person.
    """
    global terminal
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    terminal = terminal or sys.stderr


def own_name() -> str:
    """How a person calls `threephase` from where they are: its name if that finds it, else its path."""
    script = Path(sys.argv[0])
    if script.name != "threephase":
        return "threephase"
    found = shutil.which("threephase")
    return "threephase" if found and script.exists() and script.samefile(found) else quote(str(script))
