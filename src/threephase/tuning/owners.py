"""Whose a running trial is, for workers of several workflows may meet in one study.

A study's key is a hash of what it is, so two clones of one config that name the same database have one study. Each of
their workers may take back its own trials of an earlier life, and those of a process that is gone, and no others.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil

HOME = "home"  # the file that names a study's folder


def home_of(place: Path) -> str:
    """A name for a study's folder that no other one has, made at the first call.

    It is the same on all machines that see the folder, so a worker that a cluster starts again elsewhere knows the
    trials of its earlier life. A copy of the folder has another: the file's number on its disk is part of it.
    """
    file = place / HOME
    if not file.exists():
        beside = place / f".{HOME}.{token_hex(8)}"
        beside.write_text(token_hex(8), encoding="utf-8")
        with suppress(FileExistsError):  # another worker was first
            os.link(beside, file)
        beside.unlink()
    return f"{file.read_text(encoding='utf-8')}-{file.stat().st_ino}"


def here(place: Path, worker: int) -> dict[str, Any]:
    """What a worker marks its trials with: its folder, its number, and its process."""
    process = psutil.Process()
    return {
        "home": home_of(place), "worker": worker, "machine": _machine(), "process": process.pid,
        "started": _started(process),
    }  # fmt: skip


def is_stale(owner: Mapping[str, Any], home: str, worker: int | None) -> bool:
    """Whether a running trial is left over, as a worker of the folder `home` sees it; or the folder's end, without one.

    It is where it is that worker's own, who asks for a new one, or where its process on this machine is gone. Whether
    a process on another machine is gone nobody can say here: such a trial stays until its own folder goes on.
    """
    if owner["home"] == home and worker in (None, owner["worker"]):
        return True
    return owner["machine"] == _machine() and not _lives(owner["process"], owner["started"])


@cache
def _machine() -> str:
    """This machine, and where process numbers are those of a container, that."""
    numbers = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {numbers.readlink() if numbers.exists() else ''}".strip()


def _lives(number: int, started: float) -> bool:
    try:
        process = psutil.Process(number)
        return process.status() != psutil.STATUS_ZOMBIE and _started(process) == started
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def _started(process: psutil.Process) -> float:
    """Seconds between the machine's start and a process's, which tell it from a later one of the same number."""
    return round(process.create_time() - psutil.boot_time(), 2)
