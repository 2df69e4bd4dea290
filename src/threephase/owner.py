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

OWNER, RUN = "owner.json", "THREEPHASE_RUN"
BEAT = 30.0  # seconds between two signs of life, for workflows on other machines
LOOK, MISSED = 3.0, 4  # seconds between a remote job's looks at its owner, and how many may miss it
SILENCE = 300.0  # seconds without one, after which a workflow on another machine counts as gone


@dataclass(frozen=True)
class Owner:
    """The process of a workflow. `ticks` tells it from a later one of the same number, whatever the clock says."""

    process: int
    ticks: str
    machine: str
    since: str
    command: str
    remote: bool = False  # whether its jobs run on other machines, and may outlive it

    @classmethod
    def here(cls, remote: bool = False) -> "Owner":
        """This process."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        since = datetime.now().strftime("%Y-%m-%d %H:%M")
        return cls(os.getpid(), _ticks(os.getpid()) or "", socket.gethostname(), since, command, remote)

    @property
    def run(self) -> str:
        """What tells its run from any other."""
        return f"{self.machine}-{self.process}-{self.ticks}"

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

    def claim(self, remote: bool = False) -> None:
        """Become the owner until this process ends. Raises FileExistsError if another workflow is.

        Jobs that run on other machines (`remote`) are told by their environment whose they are.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = Owner.here(remote)
        with NamedTemporaryFile("w", dir=self.folder, prefix=f".{OWNER}.", delete=False, encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        try:
            os.link(file.name, self.file)  # unlike a renaming, this never takes another's place, on NFS neither
        finally:
            Path(file.name).unlink()
        os.environ[RUN] = owner.run
        atexit.register(self._give_up, owner)
        threading.Thread(target=self._beat, args=(owner,), daemon=True).start()

    def leave_with_owner(self) -> None:
        """End this process, a job on another machine, soon after the workflow that submitted it is gone.

        A cluster does not stop jobs whose workflow was killed, and the next run must not meet them. A shared disk may
        show a file late, so one look is not enough.
        """
        run = os.environ.get(RUN)
        if not run:  # not told: the cluster keeps its jobs' environment clean, or the run is without a lock
            return

        def watch() -> None:
            looks = 0
            while looks < MISSED:
                time.sleep(LOOK)
                owner = self._recorded()
                looks = 0 if owner and owner.run == run else looks + (MISSED if owner else 1)
            print("✗ the workflow that submitted this job is gone", file=sys.stderr, flush=True)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()

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
