"""A process with the heavy libraries loaded, from which the jobs of one workflow run start at once.

Importing torch, transformers and sentence-transformers takes longer than a small training. On one machine, the first
job of a run therefore starts a server that imports them and waits; later jobs hand their script to it, and it runs in
a fork of the server. Jobs that need all of it wait until it is loaded, for to load it beside the server takes longer;
others run by themselves until then. Project code is not preloaded. The job's own process stays, passes signals on and
ends as the fork ends; if it is killed, so is the fork. The server goes when the workflow does.

A job hands its environment over, passwords in it included. So the workflow names a folder for the server in
THREEPHASE_WARM that nobody can guess, the first job makes it for this user alone, and a job that finds anything else
there keeps away. Where THREEPHASE_WARM is absent, each job imports for itself. Who starts several workflows one after
another, as the tests do, can start a server for all of them and name its folder there.
"""

import atexit
import gc
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from types import FrameType
from typing import NoReturn

import psutil

from threephase import console
from threephase.jobs.asking import ASKS, leave_unasked
from threephase.jobs.private import is_private
from threephase.jobs.titles import RunTitle

FOLDER, FORKED, WORKFLOW = "THREEPHASE_WARM", "THREEPHASE_FORKED", "THREEPHASE_WORKFLOW"
LIBRARIES = (
    "pandas",
    "pyarrow.parquet",
    "pydantic.dataclasses",
    "pydantic.fields",
    "pydantic.main",
    "pydantic.type_adapter",
    "sentence_transformers",
    "transformers.models.bert.modeling_bert",
    "transformers.models.electra.modeling_electra",
    "transformers.models.roberta.modeling_roberta",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.manifold",
    "sklearn.metrics",
    "sklearn.svm",
    "statsmodels.stats.multitest",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "snakemake.io",
    "snakemake.iocontainers",
    "tabulate",
)
STARTING, LOADING = 5.0, 120.0  # seconds in which a server is started, and has loaded them also from a slow disk
DIED = 1  # exit code of a job whose fork left without a word: killed, or out of memory


def leave_with_workflow() -> None:
    """End this process soon after the workflow's, which THREEPHASE_WORKFLOW names, is gone.

    A workflow that is killed cannot stop its jobs, and the next one must not meet them.
    """
    workflow = os.environ.get(WORKFLOW)
    if not workflow or os.environ.get(FORKED):  # a fork leaves with the process that asked for it
        return

    def watch() -> None:
        while alive(int(workflow)):
            time.sleep(0.2)
        os._exit(DIED)

    threading.Thread(target=watch, daemon=True).start()


def offer_server() -> None:
    """Name the folder of a server for the jobs that this process, a workflow, starts; it goes as the process ends.

    Nothing is written by this: the first job makes the folder. A server that is named already stays.
    """
    if FOLDER in os.environ:
        return
    folder = Path(gettempdir()) / f"threephase-{token_hex(8)}"
    os.environ[FOLDER] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def run_warm(title: str | RunTitle = "", patient: bool = False) -> None:
    """Run this process's script in a fork of the server and exit as it does; return where there is none.

    Args:
        title: what to call the job should the fork be killed.
        patient: wait for a server that is still loading.
    """
    folder = os.environ.get(FOLDER)
    if not folder or os.environ.get(FORKED) or sys.platform != "linux":
        return
    connection = _connect(Path(folder), patient)
    if connection is None:
        return
    request = {"arguments": sys.argv, "cwd": str(Path.cwd()), "environment": dict(os.environ), "path": sys.path}
    with connection:
        answers = connection.makefile()
        try:
            socket.send_fds(connection, [b"!"], [0, 1, 2])
            connection.sendall(json.dumps(request).encode() + b"\n")
            fork = int(answers.readline())
        except (OSError, ValueError):
            return  # the server or the fork was gone before the script began

        def pass_on(number: int, frame: FrameType | None) -> None:
            with suppress(ProcessLookupError):
                os.kill(fork, number)

        for number in (signal.SIGINT, signal.SIGTERM, ASKS):
            signal.signal(number, pass_on)
        code = answers.readline()
    if not code:
        print(
            f"✗ {title}: killed; was it the lack of memory? Then lower `batch_size`, or --cores",
            file=console.terminal,
            flush=True,
        )
    os._exit(int(code) if code else DIED)


def _connect(folder: Path, patient: bool) -> socket.socket | None:
    """The server's socket; None where it is not ready, and then somebody starts it, or not to be trusted."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not is_private(folder):
            return None
    except OSError:
        return None
    else:
        start_server(folder, int(os.environ[WORKFLOW]))
    if patient:
        _wait_for_server(folder)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / "socket"))
    except OSError:
        connection.close()
        return None
    return connection


def _wait_for_server(folder: Path) -> None:
    """Return once the server that somebody has started there is ready, or is gone, or takes too long."""
    begun = time.monotonic()
    while not (folder / "socket").exists() and time.monotonic() < begun + LOADING:
        try:
            if not alive(int((folder / "process").read_text())):
                return
        except (OSError, ValueError):  # who made the folder has not started it yet
            if time.monotonic() > begun + STARTING:
                return
        time.sleep(0.05)


def start_server(folder: Path, process: int) -> None:
    """Start a server in a private folder; it goes with the process of this number."""
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    environment |= {"TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "threephase.jobs.warm", str(folder), str(process)],
        env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / "process").write_text(str(server.pid))


def load() -> None:
    """Import what jobs import of libraries."""
    for library in LIBRARIES:
        __import__(library)


def serve(folder: Path, workflow: int) -> None:
    """Load the libraries, then fork for every request until the process `workflow` is gone."""
    leave_unasked()
    load()
    with suppress(ImportError):  # a name of transformers' own: without it, jobs begin half a second later
        from pydantic import create_model
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("bert")  # compiles the patterns of all architectures, once a process
        create_model("Any")  # looks for pydantic's plugins among all installed packages, once a process
    gc.freeze()  # else each fork's first collection would walk, and so copy, all that is loaded here
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the forks
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "unready"))
    listener.listen(64)
    (folder / "unready").rename(folder / "socket")
    listener.settimeout(1)
    while alive(workflow):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listener.close()
            _run(connection)
        connection.close()
    shutil.rmtree(folder, ignore_errors=True)


def _run(connection: socket.socket) -> NoReturn:
    """In the fork: become the job, then say how it ended."""
    code = DIED
    try:
        connection.sendall(f"{os.getpid()}\n".encode())  # first: the exit code of what fails is no process
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        request = json.loads(connection.makefile().readline())
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"], **{FORKED: "1"})
        sys.path[:] = request["path"]
        for name in [name for name in sys.modules if name.split(".")[0] == __package__.split(".")[0]]:
            del sys.modules[name]  # the job's own path says where the package lies
        sys.argv[:] = request["arguments"]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        threading.Thread(target=_leave_with, args=(connection,), daemon=True).start()
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(f"{code}\n".encode())
    finally:
        os._exit(code)


def _leave_with(connection: socket.socket) -> None:
    """End this process once the one that asked for it has ended."""
    while connection.recv(1):
        pass
    os._exit(DIED)


def alive(process: int) -> bool:
    """Whether a process of this number runs on this machine; one that ended and is not yet buried does not."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
