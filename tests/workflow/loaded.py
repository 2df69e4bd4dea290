"""Programs that begin with Snakemake loaded: what a test runs dozens of times need not read it from the disk each time.

Each is a fork of a process that has imported Snakemake and nothing of the project; its own path says where that lies.
"""

import atexit
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

LIBRARIES = ["snakemake.cli", "pydantic", "smart_open", "requests", "rich.progress", "docutils.core", "yte"]
SECONDS = 500  # until a program is taken for stuck


def context() -> ForkServerContext:
    """Its process with the libraries begins with the first program of this one."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(LIBRARIES)
    return found


def run_loaded(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python program, by its name or place, as `subprocess.run` would: in a folder, with an environment."""
    with TemporaryDirectory() as scratch:
        said = [Path(scratch, name) for name in ("stdout", "stderr")]
        process = context().Process(target=become, args=(command, environment, folder, *said))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, SECONDS, *(path.read_bytes() for path in said))
        return subprocess.CompletedProcess(command, process.exitcode, *(path.read_text() for path in said))


def become(command: list[str], environment: dict[str, str], folder: Path, stdout: Path, stderr: Path) -> None:
    """In the fork: be the program."""
    for number, place in enumerate((Path(os.devnull), stdout, stderr)):
        opened = os.open(place, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    name, *arguments = command
    program = name if os.sep in name else shutil.which(name, path=environment["PATH"])
    assert program is not None, f"no {name} on PATH"
    sys.argv[:] = [program, *arguments]
    sys.path[:0] = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # by which a workflow gives its claim back; some Pythons leave it out here
