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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil
from filelock import SoftFileLock, Timeout
from pydantic import TypeAdapter

from threephase.errors import UserError, printable

OWNER, TURN, RUN = "owner.json", "owner.lock", "THREEPHASE_RUN"
LOOK, MISSED = 3.0, 4  # seconds between two looks at the claim, and how many may not see it
SILENCE = 300.0  # seconds without a sign of life, after which a workflow on another machine counts as gone
LONGEST = 500  # characters of what is said of an owner
PATIENCE = 30.0  # seconds to wait for another workflow that is about to claim or release


class FolderInUseError(UserError):
    """Another workflow works in the folder."""


@dataclass(frozen=True)
class Owner:
    """The process of a workflow.

    Args:
        process: its number.
        started: seconds between the machine's start and its own, which tell it from a later process of the same
            number, also where the clock was set meanwhile.
        machine: where it runs.
        since: the time at which it began to work, for people.
        command: what was typed, for people.
        remote: whether its jobs run on other machines, and may outlive it.
    """

    process: int
    started: float
    machine: str
    since: str
    command: str
    remote: bool = False

    @classmethod
    def here(cls, remote: bool = False) -> "Owner":
        """This process."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        since = datetime.now().strftime("%Y-%m-%d %H:%M")
        started = _started(psutil.Process())
        return cls(os.getpid(), started, socket.gethostname(), since, command, remote)

    @property
    def run(self) -> str:
        """What tells its run from any other."""
        return f"{self.machine}-{self.process}-{self.started}"

    def __str__(self) -> str:
        said = f"process {self.process} on {self.machine} since {self.since}: {self.command}"
        return printable(said if len(said) <= LONGEST else f"{said[:LONGEST]}…")


_OWNER = TypeAdapter(Owner)


def _in_the_way(place: Path, error: OSError) -> UserError:
    return UserError(
        f"{place}: is no record of a run ({error.strerror}); delete it, or name a folder of your own (--directory)"
    )


def _started(process: psutil.Process) -> float:
    """Seconds between the machine's start and a process's; each alone moves when the clock is set."""
    return round(process.create_time() - psutil.boot_time(), 2)


class Ownership:
    """The claim of one workflow to a folder: a small file beside Snakemake's own records.

    On this machine an owner is alive if its process is; on another, if it has touched the file lately. Claims are made
    and taken away by one process at a time, and a new one never replaces a file that is there.

    Args:
        folder: Snakemake's folder of records (`.snakemake`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.file = self.folder / OWNER
        self._released = threading.Event()

    def look(self) -> tuple[Owner | None, bool]:
        """The other workflow that has a claim here, and whether it is alive; writes nothing.

        One on another machine is judged by this machine's clock.
        """
        owner = self._recorded()
        if owner is None or self._is_mine():
            return None, False
        return owner, self._is_alive(owner, time.time())

    def release_stale(self) -> Owner | None:
        """Remove the claim and the locks that a killed workflow left, and say which it was; None where there is none.

        One on another machine is judged by the clock of the disk that both see.

        Raises FolderInUseError if it is alive.
        """
        if not self.file.exists():
            return None
        with self._turn():
            return None if self._is_mine() else self._release_stale()

    def acquire(self, remote: bool = False) -> None:
        """Become the owner until this process ends; from then on it ends if another workflow takes its place.

        Jobs that run on other machines (`remote`) are told by their environment whose they are.

        Raises FolderInUseError if another workflow is the owner.
        """
        owner = Owner.here(remote)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._turn():
            if self._is_mine():
                return
            self._release_stale()
            beside = self.folder / f".{OWNER}.{owner.run}"  # whoever may read the folder may read whose it is
            try:
                with beside.open("w", encoding="utf-8") as file:
                    json.dump(asdict(owner), file)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(beside, self.file)  # unlike a renaming, this never takes another's place
            except FileExistsError:
                raise self._in_use() from None
            finally:
                beside.unlink(missing_ok=True)
        os.environ[RUN] = owner.run
        atexit.register(self._release, owner)
        self._end_after(owner.run, "the claim of this workflow to the folder is gone", beat=True)

    def leave_with_owner(self) -> None:
        """End this process, a job on another machine, soon after the workflow that submitted it is gone.

        A cluster does not stop jobs whose workflow was killed, and the next run must not meet them.
        """
        run = os.environ.get(RUN)
        if run:  # else not told: the cluster keeps its jobs' environment clean, or the run is without a lock
            self._end_after(run, "the workflow that submitted this job is gone")

    def _end_after(self, run: str, reason: str, beat: bool = False) -> None:
        """End this process soon after a run has lost its claim; until then, with `beat`, keep its sign of life.

        A shared disk may show a file late, so one look that sees no claim is not enough; one that sees another's is.
        The process leaves at once: whatever it tidied up would be the other's by now, Snakemake's locks too.
        """

        def watch() -> None:
            missed = 0
            while missed < MISSED and not self._released.wait(LOOK):
                owner = self._recorded()
                if owner and owner.run != run:
                    print(f"✗ {reason}: another works here ({owner})", file=sys.stderr, flush=True)
                    os._exit(1)
                missed = 0 if owner else missed + 1
                if owner and beat:
                    with suppress(OSError):
                        os.utime(self.file)
            if not self._released.is_set():
                print(f"✗ {reason}", file=sys.stderr, flush=True)
                os._exit(1)

        threading.Thread(target=watch, daemon=True).start()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only process that makes claims here or takes them away; a killed one's turn is over at once."""
        turn = SoftFileLock(self.folder / TURN, timeout=PATIENCE)
        try:
            held = turn.acquire()
        except Timeout:
            raise UserError(
                f"{self.folder / TURN}: held for {PATIENCE:.0f} s; delete it if no run begins or ends in this folder"
            ) from None
        except OSError as error:
            raise _in_the_way(self.folder / TURN, error) from None
        with held:
            yield

    def _release_stale(self) -> Owner | None:
        owner = self._recorded()
        if owner:
            if self._is_alive(owner, self._time_of_disk()):
                raise self._in_use()
            shutil.rmtree(self.folder / "locks", ignore_errors=True)
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise _in_the_way(self.file, error) from None
        return owner

    def _release(self, owner: Owner) -> None:
        self._released.set()
        if self._recorded() == owner:
            self.file.unlink(missing_ok=True)

    def _is_mine(self) -> bool:
        """Whether this process has the claim: it may run more than one workflow, one after the other."""
        owner = self._recorded()
        return owner is not None and owner.run == Owner.here().run

    def _in_use(self) -> FolderInUseError:
        return FolderInUseError(f"Another run works here ({self._recorded()}). Wait for it, or stop it.")

    def _recorded(self) -> Owner | None:
        """Who has the claim; None without one, and where the file is not what a workflow wrote.

        Raises UserError where another user hides it.
        """
        try:
            return _OWNER.validate_json(self.file.read_bytes())
        except PermissionError:
            raise UserError(
                f"{self.file}: another user works or worked here; name a folder of your own (--directory)"
            ) from None
        except (OSError, ValueError):
            return None

    def _is_alive(self, owner: Owner, now: float) -> bool:
        if owner.machine != socket.gethostname():
            try:
                return abs(now - self.file.stat().st_mtime) < SILENCE  # a date that is yet to come is no sign of life
            except OSError:
                return True
        try:
            process = psutil.Process(owner.process)
            return process.status() != psutil.STATUS_ZOMBIE and _started(process) == owner.started
        except psutil.AccessDenied:
            return True
        except (psutil.NoSuchProcess, ValueError, OverflowError):
            return False

    def _time_of_disk(self) -> float:
        with NamedTemporaryFile(dir=self.folder) as now:
            return Path(now.name).stat().st_mtime
