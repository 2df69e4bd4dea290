"""How a run that is to end asks its trainings to save their state and end.

What a terminal sends comes to a run's jobs too. A signal to the run's own process alone does not, and Snakemake would
leave its jobs to their work. So the view asks them, once a second until the run has ended, by a signal of its own: a
training that listens for SIGTERM, and was not asked before, takes it for one. Every other job takes no notice.
"""

import os
import signal
import threading
from contextlib import suppress
from types import FrameType

import psutil

ASKS = signal.SIGUSR1
SCRIPTS = "/.snakemake/scripts/"  # in the command of every process that runs a script for Snakemake


def leave_unasked() -> None:
    """Let this process, and what it starts, take no notice until it says otherwise."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(ASKS, signal.SIG_IGN)


def heed_run() -> None:
    """Let the training in this process, if one listens, hear its run."""
    signal.signal(ASKS, _hear)


def _hear(number: int, frame: FrameType | None) -> None:
    if callable(signal.getsignal(signal.SIGTERM)):  # it is what usually ends a process, once a training was asked
        os.kill(os.getpid(), signal.SIGTERM)


def ask_jobs() -> None:
    """Ask the jobs on this machine that this process, a workflow, has started."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(SCRIPTS in argument for argument in process.cmdline()[1:2]):
                process.send_signal(ASKS)
