"""Who works in a results folder: one workflow at a time, and a killed one is told from one that lives."""

import atexit
import json
import os
import shlex
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from threephase.warm import alive

OWNER = "owner.json"
BEAT = 30.0  # seconds between two signs of life, for workflows on other machines
SILENCE = 300.0  # seconds without one, after which a workflow on another machine counts as gone


@dataclass(frozen=True)
class Owner:
    """The process of a workflow. `ticks` tells it from a later one of the same number, whatever the clock says."""

    process: int
    ticks: str
    machine: str
    since: str
    command: str

    @classmethod
    def here(cls) -> "Owner":
        """This process."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        since = datetime.now().strftime("%Y-%m-%d %H:%M")
        return cls(os.getpid(), _ticks(os.getpid()) or "", socket.gethostname(), since, command)

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine} since {self.since}: {self.command}"


def _ticks(process: int) -> str | None:
    """When a process of this machine began, in the kernel's count; empty where it says nothing, None without one."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return "" if not Path("/proc/self/stat").exists() and alive(process) else None


class Ownership:
    """The claim of one workflow to a folder: a small file beside Snakemake's own records.

    On this machine an owner is alive if its process is; on another, if it has touched the file lately, by the clock of
    the disk that both see.

    Args:
        folder: Snakemake's folder of records (`.snakemake`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.file = self.folder / OWNER

    def other(self) -> Owner | None:
        """Another workflow that is at work here."""
        owner = self._recorded()
        return owner if owner and owner.process != os.getpid() and self._is_alive(owner) else None

    def bury(self) -> Owner | None:
        """Remove the locks that a killed workflow left, and say which it was; None where there is none."""
        owner = self._recorded()
        if owner is None or self._is_alive(owner):
            return None
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "locks", ignore_errors=True)
        return owner

    def claim(self) -> None:
        """Become the owner until this process ends. Raises FileExistsError if another workflow is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = Owner.here()
        with NamedTemporaryFile("w", dir=self.folder, prefix=f".{OWNER}.", delete=False, encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        try:
            os.link(file.name, self.file)  # unlike a renaming, this never takes another's place, on NFS neither
        finally:
            Path(file.name).unlink()
        atexit.register(self._give_up, owner)
        threading.Thread(target=self._beat, args=(owner,), daemon=True).start()

    def _recorded(self) -> Owner | None:
        try:
            return Owner(**json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _is_alive(self, owner: Owner) -> bool:
        if owner.machine == socket.gethostname():
            return _ticks(owner.process) == owner.ticks
        try:
            with NamedTemporaryFile(dir=self.folder) as now:
                return Path(now.name).stat().st_mtime - self.file.stat().st_mtime < SILENCE
        except OSError:
            return True

    def _beat(self, owner: Owner) -> None:
        while self._recorded() == owner:
            with suppress(OSError):
                os.utime(self.file)
            time.sleep(BEAT)

    def _give_up(self, owner: Owner) -> None:
        if self._recorded() == owner:
            self.file.unlink(missing_ok=True)
