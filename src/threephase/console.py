"""The person in front of the terminal, as opposed to the log."""

import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import TextIO

# Bars and closing lines go here; a job that sends stdout and stderr to its log file points this at the terminal.
terminal: TextIO = sys.stderr


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
