"""Which GPUs a job has: no two of this user's jobs on a machine share one, and a killed job's are free at once."""

import fcntl
import os
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from threephase import console
from threephase.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
WAIT = 0.5  # seconds between two looks for a free GPU

_held = ExitStack()  # locks last as long as the process


def claim(number: int, title: str, folder: Path | None = None) -> None:
    """Wait for so many GPUs that no other job has, and let this process and its children see no others.

    Does nothing on a machine without GPUs. Call it before CUDA is first used.

    Args:
        number: how many.
        title: what to call the job on the terminal, if it must wait.
        folder: where the locks lie; the machine's folder for temporary files if absent.

    Raises UserError where the machine has fewer.
    """
    names = visible() if number else []
    if not names:
        return
    if len(names) < number:
        raise UserError(
            f"{number} processes need {number} GPUs, but {len(names)} are there; lower `processes` in the profile"
        )
    # What a cluster gave to its job is free, though the names may be those of another job's on the same machine.
    given = os.environ.get("SLURM_JOB_ID", "")
    place = folder or Path(gettempdir())
    files = {name: place / f"threephase-gpu-{os.getuid()}-{given}-{name.replace('/', '_')}.lock" for name in names}
    waits = False
    while not (mine := _taken(files, number)):
        if not waits:
            print(f"  {title} · waits for a GPU", file=console.terminal, flush=True)
        waits = True
        time.sleep(WAIT)
    os.environ[VISIBLE] = ",".join(mine)


def visible() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    listed = os.environ.get(VISIBLE)
    if listed is not None:
        return [name.strip() for name in listed.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]  # by the driver: CUDA is not begun by this


def _taken(files: dict[str, Path], number: int) -> list[str]:
    """So many GPUs whose locks this process has now; none where there are not enough."""
    found: dict[str, IO[str]] = {}
    with ExitStack() as given_back:
        for name, path in files.items():
            if len(found) < number:
                file = given_back.enter_context(path.open("a"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                found[name] = file
        if len(found) < number:
            return []
        _held.push(given_back.pop_all())
    return list(found)
