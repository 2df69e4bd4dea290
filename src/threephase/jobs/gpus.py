"""Which GPUs a job has: no two of this user's jobs on a machine share one, and a killed job's are free at once."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from threephase import console
from threephase.errors import UserError
from threephase.jobs.private import users_folder

if TYPE_CHECKING:
    from filelock import FileLock

VISIBLE = "CUDA_VISIBLE_DEVICES"
WAIT = 0.5  # seconds between two looks for a free GPU

_held: "list[FileLock]" = []  # for as long as the process lives: the kernel gives them back at its end


def acquire(number: int, title: str, folder: Path | None = None) -> None:
    """Wait for so many GPUs that no other job has, and let this process and its children see no others.

    A job that asks for none sees none. On a machine without GPUs nothing is waited for. Call it before CUDA is first
    used.

    Args:
        number: how many.
        title: what to call the job on the terminal, if it must wait.
        folder: where the locks lie; the user's private folder among the machine's temporary files if absent.

    Raises UserError where the machine has fewer.
    """
    if not number:
        os.environ[VISIBLE] = ""
        return
    names = visible()
    if not names:
        return
    if len(names) < number:
        raise UserError(
            f"{number} processes need {number} GPUs, but {len(names)} are there; lower `processes` in the profile"
        )
    from filelock import FileLock

    # What a cluster gave to its job is free, though the names may be those of another job's on the same machine.
    given = os.environ.get("SLURM_JOB_ID", "")
    place = folder or users_folder()
    locks = {name: FileLock(place / f"gpu-{given}-{name.replace('/', '_')}.lock") for name in names}
    waits = False
    while not (mine := _acquired(locks, number)):
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


def _acquired(locks: "dict[str, FileLock]", number: int) -> list[str]:
    """So many GPUs whose locks this process has now; none where there are not enough."""
    from filelock import Timeout

    found: dict[str, FileLock] = {}
    for name, lock in locks.items():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        found[name] = lock
        if len(found) == number:
            _held.extend(found.values())
            return list(found)
    for lock in found.values():
        lock.release()
    return []
