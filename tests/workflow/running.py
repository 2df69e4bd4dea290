"""How tests run the workflow: the real Snakemake, in a folder of its own."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import Any

import yaml
from loaded import run_loaded

from threephase.jobs.warm import FOLDER, start_server

PROJECT = Path(__file__).parents[2]
QUICK = {"all": {"max_length": 16, "batch_size": 8, "lr": 1e-3, "precision": "fp32"}, "dae": {"epochs": 1},
         "cl": {"pairs_per_text": 1}, "ft": {"max_epochs": 2}}  # fmt: skip


@cache
def warm() -> dict[str, str]:
    """Where jobs find the libraries loaded: a server starts once for all workflows of a run of the tests."""
    shared = os.environ.get("PYTEST_XDIST_TESTRUNUID")  # where several workers run the tests
    folder = Path(gettempdir()) / f"threephase-tests-{shared or token_hex(8)}"
    with suppress(FileExistsError):  # another worker starts it
        folder.mkdir(mode=0o700)
        start_server(folder, os.getppid() if shared else os.getpid())
    wait_for((folder / "socket").exists, "the libraries to load")
    return {FOLDER: str(folder)}


def environment() -> dict[str, str]:
    """The environment of a workflow."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path} | warm()


def snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder of its own."""
    command = ["snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder), "--cores", "2"]
    done = run_loaded([*command, "--configfile", str(folder / "config.yaml"), *arguments], environment(), PROJECT)
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done


def plan(folder: Path, *arguments: str) -> str:
    """What a dry run says."""
    done = snakemake(folder, "--dry-run", *arguments)
    return done.stdout + done.stderr


def write_config(folder: Path, source: Path, model: Path, **changes: Any) -> None:
    config = {
        "datasets": {
            "topics": {"source": {"train": str(source)}, "test_size": 0.2, "validation_size": 0.25}
        },
        "models": {"tiny": {"path": str(model)}},
        "variants": {
            "3-Phase": ["dae", "cl", "ft"],
            "DAE+FT": ["dae", "ft"],
            "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"],
            "FT": ["ft"],
        },
        "grid": [{"seeds": [1]}, {"variants": ["FT"], "seeds": [2]}],
        "hyperparameters": {"default": QUICK},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config | changes, sort_keys=False))


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A workflow that is running, in a session of its own as from a terminal of its own."""
    command = ["snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder), "--cores", "2"]
    return subprocess.Popen(
        [*command, "--configfile", str(folder / "config.yaml"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), cwd=PROJECT,
        start_new_session=True,
    )  # fmt: skip


def in_a_terminal(folder: Path, *arguments: str, columns: int = 80) -> str:
    """Run the workflow in a terminal of so many columns; everything that it was sent."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = ["snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder), "--cores", "2"]
    running = subprocess.Popen(
        [*command, "--configfile", str(folder / "config.yaml"), *arguments],
        stdout=theirs, stderr=theirs, env=environment() | {"TERM": "xterm-256color"}, cwd=PROJECT,
    )  # fmt: skip
    os.close(theirs)
    sent = b""
    with suppress(OSError):  # Linux says so where nobody holds the other side any longer
        while read := os.read(ours, 2**16):
            sent += read
    os.close(ours)
    text = sent.decode()
    assert running.wait(60) == 0, text
    return text


def wait_for(condition: Any, what: str, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
