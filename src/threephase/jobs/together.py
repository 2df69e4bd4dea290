"""One training by several processes of this machine, its ranks: a phase with a GPU for each of them.

They find one another through a file in a private folder and talk over the loopback interface, so that nobody else
can reach them.
"""

import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from threephase import console
from threephase.errors import InterruptionError, UserError
from threephase.jobs.rank import REASON, REQUEST
from threephase.jobs.warm import FORKED, WORKFLOW
from threephase.phases.run import Phase

GRACE = 10.0  # seconds for the other ranks to end by themselves, once one has failed
LOOK = 0.1  # seconds between two looks at them


def train_together(processes: int, phase: Phase, guarded: Path | None, work: dict[str, Any]) -> None:
    """Do what `run_phase` does with the arguments `work`, in several processes on this machine.

    Batches are those of one process, shared out. A signal to stop is passed on; processes whose job is killed go.

    Args:
        processes: how many.
        phase: which one.
        guarded: folder of the datasets whose test splits they cannot open.
        work: arguments of `run_phase`, `settings` as a dict.

    Raises UserError with the reason of the process that failed first, RuntimeError where it left none.
    """
    with TemporaryDirectory(prefix="threephase-") as folder:
        place = Path(folder)
        request = {"phase": phase.name, "guarded": guarded, "work": work, "terminal": _terminal()}
        (place / REQUEST).write_text(json.dumps(request, default=str), encoding="utf-8")
        code = _ended(place, processes)
        if code:
            if (place / REASON).exists():
                stopped, reason = json.loads((place / REASON).read_text(encoding="utf-8"))
                raise InterruptionError(reason) if stopped else UserError(reason)
            raise RuntimeError(f"a training process ended with code {code}")


def _terminal() -> str:
    """Where the first process finds the terminal of this one."""
    return f"/proc/{os.getpid()}/fd/{console.terminal.fileno()}"


def _threads(processes: int) -> int:
    """This job's processors for each process."""
    return max(1, int(os.environ.get("OMP_NUM_THREADS", 1)) // processes)


def _ended(place: Path, processes: int) -> int:
    """Start the ranks and wait for them: the exit code of the first that failed, else 0.

    A signal to stop goes to each of them once, and not also from the terminal. None outlives this.
    """
    from threephase.training.stopping import asked_to_stop

    passed_on, failed, until = False, 0, math.inf
    with asked_to_stop() as asked:
        ranks = [_started(place, rank, processes) for rank in range(processes)]
        try:
            while any(rank.poll() is None for rank in ranks) and time.monotonic() < until:
                time.sleep(LOOK)
                if asked and not passed_on:
                    passed_on = True
                    for rank in ranks:
                        rank.terminate()
                if not failed:
                    failed = next((rank.returncode for rank in ranks if rank.returncode), 0)
                    if failed and not asked:  # the others may wait for it for ever; asked to stop, they may be saving
                        until = time.monotonic() + GRACE
            return failed or next((rank.returncode for rank in ranks if rank.returncode), 0)
        finally:
            for rank in ranks:
                rank.kill()
                rank.wait()


def _started(place: Path, rank: int, processes: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != FORKED}
    environment |= {
        WORKFLOW: str(os.getpid()),
        "OMP_NUM_THREADS": str(_threads(processes)),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "GLOO_SOCKET_IFNAME": _loopback(),
        "NCCL_SOCKET_IFNAME": _loopback(),
    }
    command = [sys.executable, "-m", "threephase.jobs.rank", str(place)]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def _loopback() -> str:
    """The network interface that reaches this machine alone."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
