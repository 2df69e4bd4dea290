"""The frame of one job of the grid: its log file, its threads, no hub, one line for the person who waits."""

import ctypes
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NoReturn, TextIO

from threephase import console
from threephase.errors import UserError, fault_of_machine, printable
from threephase.jobs.asking import heed_run
from threephase.jobs.gpus import acquire
from threephase.jobs.telling import TRACKER, tell_view
from threephase.jobs.titles import RunTitle
from threephase.jobs.warm import leave_with_workflow, run_warm


class Outcome:
    """What a job's closing line says besides title and time."""

    def __init__(self) -> None:
        self.sign = "✓"
        self.parts: list[str] = []

    def says(self, part: str) -> None:
        """Add a part to the line."""
        self.parts.append(part)

    def fails(self, reason: str) -> None:
        """The job did its work, and its result is a failure."""
        self.sign = "✗"
        self.says(reason)


@contextmanager
def job(
    log: str, threads: int, title: str | RunTitle, online: bool = False, gpus: int = 0, models: bool = False
) -> Iterator[Outcome]:
    """Run a job's work with all its output in `log`, and say on the terminal how it ended.

    Only `online` jobs, the downloads, may reach a hub. Of the machine's GPUs, if it has any, the job sees so many
    as it asks for in `gpus`. A job that asks for some, or loads `models`, waits for the process that has the libraries.

    Enter it before the heavy libraries are imported: they take their threads and switches from their environment.
    The job ends with the workflow that started it, however that ends. A UserError is shown as its one line, and so
    is what the machine lacked; any other failure as its last line and the place of the log.
    """
    console.open_closed_streams()
    heed_run()
    leave_with_workflow()
    _pass_path_on()
    tell_view(log, sys.stderr)
    if not online:  # what the server has loaded was told at once that there is no hub
        try:
            run_warm(title, patient=models or gpus > 0)
        except KeyboardInterrupt as error:
            _ends(title, error, log)
    started = time.monotonic()
    outcome = Outcome()
    with Path(log).open("w", encoding="utf-8", buffering=1) as file:
        tell_view(log, _redirect_output(file.fileno()))
        configure_process(threads, online)
        keep_freed_memory()
        try:
            acquire(gpus, str(title))
            with _tracked(log):
                yield outcome
        except BaseException as error:
            with suppress(OSError):  # the log may be on the disk that is full
                traceback.print_exc()
            _ends(title, error, log)
        line = " · ".join([f"{outcome.sign} {title}", *outcome.parts, f"{time.monotonic() - started:.0f} s"])
        print(line, file=console.terminal, flush=True)


def _tracked(log: str) -> AbstractContextManager[None]:
    """Tell the tracker what this job does; where there is none, load nothing for it."""
    if TRACKER not in os.environ:
        return nullcontext()
    from threephase.jobs.tracking import tracked  # after the threads are set, for it loads numpy

    return tracked(log)


def _ends(title: str | RunTitle, error: BaseException, log: str) -> NoReturn:
    """Say why the job ends, and end it."""
    print(f"✗ {title}: {_reason(error, log)}", file=console.terminal, flush=True)
    raise SystemExit(1) from None


def _reason(error: BaseException, log: str) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    return fault_of_machine(error) or printable(f"{type(error).__name__}: {error} (log: {log})")


def _redirect_output(log: int) -> TextIO:
    """Point stdout and stderr, also those of libraries in C, at the log; give back what was stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    os.dup2(log, 1)
    os.dup2(log, 2)
    return terminal


def _pass_path_on() -> None:
    """Let the processes that this job starts find what its script finds.

    In a conda environment that Snakemake made, that is the whole package: it is not installed there, and Snakemake
    takes PYTHONPATH away and gives each script the path of its own process instead.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)


def configure_process(threads: int, online: bool) -> None:
    """One log format, the job's share of the cores, no hub, and no library warning that nobody can act on."""
    os.environ |= {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    if not online:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if "torch" in sys.modules:  # loaded before this job began (threephase.jobs.warm): the environment comes too late
        sys.modules["torch"].set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", force=True)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="torch|transformers|sentence_transformers")


def keep_freed_memory() -> None:
    """Let the C library keep what training frees at every step, instead of asking the kernel for it again.

    On two cores this took a fifth off phase 3's time and a quarter off phase 1's. Other C libraries go without.
    """
    trim_threshold, mmap_threshold, never = -1, -3, 1 << 30
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_threshold, never)
    mallopt(trim_threshold, never)
