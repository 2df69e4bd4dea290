"""A process with the heavy libraries loaded, from which the jobs of one workflow run start at once.

Importing torch, transformers and sentence-transformers takes longer than a small training. On one machine, the first
job of a run therefore starts a server that imports them and waits; later jobs hand their script to it, and it runs in
a fork of the server. Project code is not preloaded. The job's own process stays, passes signals on and ends as the
fork ends; if it is killed, so is the fork. The server goes when the workflow does.

The workflow names the server's folder in THREEPHASE_WARM; where that is absent, each job imports for itself.
"""

import array
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

FOLDER, FORKED, WORKFLOW = "THREEPHASE_WARM", "THREEPHASE_FORKED", "THREEPHASE_WORKFLOW"
LIBRARIES = ("pandas", "pyarrow.parquet", "sentence_transformers", "sklearn.metrics", "sklearn.feature_extraction.text")
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


def run_warm(title: str = "") -> None:
    """Run this process's script in a fork of the server and exit as it does; return where there is none.

    `title` is what to call the job should the fork be killed.
    """
    folder = os.environ.get(FOLDER)
    if not folder or os.environ.get(FORKED) or sys.platform != "linux":
        return
    connection = _connect(Path(folder))
    if connection is None:
        return
    request = {"script": sys.argv[0], "cwd": str(Path.cwd()), "environment": dict(os.environ), "path": sys.path}
    with connection:
        streams = array.array("i", [0, 1, 2])
        connection.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(json.dumps(request).encode() + b"\n")
        answers = connection.makefile()
        fork = int(answers.readline() or 0)

        def pass_on(number: int, frame: FrameType | None) -> None:
            os.kill(fork, number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        code = answers.readline()
    if not code:
        print(
            f"✗ {title}: killed; was it the lack of memory? Then lower `batch_size`, or --cores",
            file=sys.stderr,
            flush=True,
        )
    os._exit(int(code) if code else DIED)


def _connect(folder: Path) -> socket.socket | None:
    """The server's socket; None where it is not ready, and then somebody starts it."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / "socket"))
        return connection
    except OSError:
        connection.close()
    try:
        folder.mkdir(mode=0o700)
    except OSError:
        return None  # another job has started it, or it cannot be
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    environment |= {"TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": "1"}
    subprocess.Popen(
        [sys.executable, "-m", "threephase.warm", str(folder)],
        env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return None


def serve(folder: Path, workflow: int) -> None:
    """Load the libraries, then fork for every request until the process `workflow` is gone."""
    for library in LIBRARIES:
        __import__(library)
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
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _run(connection: socket.socket) -> NoReturn:
    """In the fork: become the job, then say how it ended."""
    code = DIED
    try:
        _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(3 * array.array("i").itemsize))
        streams = array.array("i")
        streams.frombytes(ancillary[0][2])
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        request = json.loads(connection.makefile().readline())
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"], **{FORKED: "1"})
        sys.path[:] = request["path"]
        sys.argv[:] = [request["script"]]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        connection.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_leave_with, args=(connection,), daemon=True).start()
        runpy.run_path(request["script"], run_name="__main__")
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
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def folder_for(process: int, root: Path) -> Path:
    """The server's folder for a workflow's process."""
    return root / f"threephase-{os.getuid()}-{process}-{int(time.time())}"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    serve(place, int(place.name.split("-")[2]))
