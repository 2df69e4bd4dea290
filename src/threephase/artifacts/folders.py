"""Files and folders that are complete or absent: written beside, closed with hashes of their files, then renamed."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import psutil

from threephase.errors import CheckpointError, UserError, fault_of_machine

# The small file that closes a folder, and those that say how a dataset and a base model came about.
COMPLETE = "complete.json"
DATASET = "dataset.json"
ORIGIN = "origin.json"
# Says in a checkpoint, or in an evaluation, why the training behind it diverged.
FAILED = "failed.json"

# What is being written is called `.<name>.<machine>.<process>.<token>.partial`, and the ending of a single file's name.
HALF_WRITTEN = re.compile(r"\..+\.(?P<machine>[^.]+)\.(?P<process>\d+)\.[0-9a-f]{8}\.partial(\.[^.]+)?")
MACHINE = re.sub(r"[^\w-]", "-", socket.gethostname())
ABANDONED = 7 * 24 * 3600  # seconds after which what another machine's process has not touched counts as left behind

_LOOKS: ContextVar[bool] = ContextVar("looks", default=False)
NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # file systems that cannot


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Hash of a value by its JSON form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def fingerprint(*parts: Iterable[str] | np.ndarray) -> str:
    """Hash of texts and arrays, in one pass over them."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            for text in part:
                digest.update(f"{len(text)}:{text}".encode())
        digest.update(b"|")
    return digest.hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON for people and programs."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; raises CheckpointError where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing; run the workflow to make it") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not valid JSON ({error}); delete that file and run again") from None


def read_hashes(path: Path) -> dict[str, str]:
    """The hashes that close a folder, by relative path. Raises CheckpointError where they are not what was written."""
    recorded = read_json(path)
    files = recorded.get("files") if isinstance(recorded, dict) else None
    if not (files and isinstance(files, dict) and all(isinstance(each, str) for each in files.values())):
        raise CheckpointError(f"{path}: not the hashes that a run wrote; delete that file and run again")
    return files


@contextmanager
def writing(directory: Path, closing: str = COMPLETE) -> Iterator[Path]:
    """A new folder to fill, which takes the name `directory` only when all went well.

    On success a file `closing` with the hash of every other file is added, unless it was written already. On failure
    nothing stays; what a killed process left goes at a later try.

    Several processes may write the same folder at once, each beside the others. A folder that another one completed
    since this block was entered stays, and this one's goes. A folder that was there before is replaced. POSIX has no
    exchange of two folders, so then the name is absent for an instant; half a folder is never under it.

    Raises UserError where the machine is at fault: a full disk, a folder that may not be written.
    """
    folder = _beside(directory)
    before = _closed(directory, closing)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        _remove_left_behind(folder)
    except OSError as error:
        raise _explained(error, directory.parent) from error
    try:
        yield folder
        if not (folder / closing).exists():
            write_json(folder / closing, {"files": file_hashes(folder)})
        for path in sorted(folder.rglob("*")):
            _to_disk(path)
        while not take_name(folder, directory):
            if _closed(directory, closing) not in (None, before):
                break  # another process was first
            remove(directory)
        _to_disk(directory.parent)
    except Exception as error:
        raise _explained(error, folder) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """A place to write one file to, which takes the name `path` only when all went well; its ending is the same.

    Of several processes that write the same file at once, the last one's stays. A reader finds the whole of an older
    or of a newer file. What a killed process left goes at a later try.

    Raises UserError where the machine is at fault: a full disk, a folder that may not be written.
    """
    beside = _beside(path.with_suffix(""), path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _to_disk(beside)
        beside.replace(path)
        _remove_left_behind(path)
    except Exception as error:
        raise _explained(error, path.parent) from error
    finally:
        beside.unlink(missing_ok=True)


def take_name(folder: Path, directory: Path) -> bool:
    """Rename a folder to `directory`; gives False, and does nothing, where there is one already."""
    try:
        folder.rename(directory)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def remove(directory: Path) -> None:
    """Remove a folder at once: nobody finds half of it under its name. Nothing happens where it is gone already."""
    aside = _beside(directory)
    with suppress(FileNotFoundError):
        directory.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _beside(path: Path, ending: str = "") -> Path:
    """A new name in the same folder that says which process writes there."""
    return path.with_name(f".{path.name}.{MACHINE}.{os.getpid()}.{token_hex(4)}.partial{ending}")


def _closed(directory: Path, closing: str) -> bytes | None:
    """What the closing file says; None for a folder that is not complete."""
    try:
        return (directory / closing).read_bytes()
    except OSError:
        return None


def _remove_left_behind(newest: Path) -> None:
    """Remove what dead processes were writing beside a file or folder that is new."""
    for path in newest.parent.glob(".*.partial*"):
        writer = HALF_WRITTEN.fullmatch(path.name)
        if writer and _is_gone(writer, path, newest):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_gone(writer: re.Match[str], path: Path, newest: Path) -> bool:
    """Whether a process is certain not to go on writing; one on another machine is, after days without a change."""
    if writer["machine"] == MACHINE:
        return not psutil.pid_exists(int(writer["process"]))
    try:
        return newest.stat().st_mtime - path.stat().st_mtime > ABANDONED  # by the clock of the disk that both see
    except OSError:
        return False


def _explained(error: Exception, folder: Path) -> Exception:
    """The error in words that a person can act on, where it is the machine's fault."""
    found = None if isinstance(error, UserError) else fault_of_machine(error, folder)
    return CheckpointError(found) if found else error


def _to_disk(path: Path) -> None:
    """Have a file or folder on the disk itself, so that its name does not outlive its content in a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FSYNC:
            raise
    finally:
        os.close(descriptor)


def file_hashes(directory: Path) -> dict[str, str]:
    """Hash of every file below a folder, by relative path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def verify(directory: Path, closing: str = COMPLETE) -> str:
    """Check a folder's files against its hashes and return the hash that stands for all of them.

    Raises CheckpointError if the folder is incomplete or a file is missing or altered; then its closing file goes, so
    that the next run of the workflow makes it again.
    """
    recorded = read_hashes(directory / closing)
    found = _first_damage(directory, recorded)
    if found:
        discard(directory, closing)
        raise CheckpointError(f"{found}; run the same command again: it makes {directory} anew")
    return sha256_json(recorded)


def refuse_damaged(directory: Path) -> None:
    """Raise CheckpointError for a folder of somebody's that is not as it was written; it stays as it is."""
    found = _first_damage(directory, read_hashes(directory / COMPLETE))
    if found:
        raise CheckpointError(f"{found}; take a whole copy of {directory}")


def _first_damage(directory: Path, recorded: dict[str, str]) -> str | None:
    faults = (_damage(directory / name, expected) for name, expected in recorded.items())
    return next((fault for fault in faults if fault), None)


def _damage(path: Path, expected: str) -> str | None:
    if not path.is_file():
        return f"{path}: missing, though its folder was complete"
    return None if sha256(path) == expected else f"{path}: altered since it was written"


def refuse_taken(directory: Path) -> None:
    """Raise CheckpointError where a folder holds anything but what was written there as a whole, for it would go."""
    there = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}
    if not there and (directory.is_dir() or not directory.exists()):
        return
    if COMPLETE not in there or there - {COMPLETE, *read_hashes(directory / COMPLETE)}:
        raise CheckpointError(f"{directory}: something else is there; name a new folder")


def failure_of(directory: Path) -> str | None:
    """Why the training behind a complete folder diverged; None where it did not."""
    return read_json(directory / FAILED)["reason"] if (directory / FAILED).exists() else None


def damage(directory: Path, closing: str = COMPLETE) -> str | None:
    """What is wrong with a folder that looks complete, found without reading what nobody touched; None if nothing is.

    Hashed are only files that are younger than the folder's closing file, which was written last, and the closing
    file itself must be readable. `verify` is the thorough check, before use.
    """
    closed = directory / closing
    try:
        recorded = read_hashes(closed)
    except CheckpointError:
        return f"{closed}: not as it was written"
    since = closed.stat().st_mtime_ns
    for name, expected in recorded.items():
        path = directory / name
        if not path.is_file() or path.stat().st_mtime_ns > since:
            found = _damage(path, expected)
            if found:
                return found
    return None


@contextmanager
def looking() -> Iterator[None]:
    """While this lasts damage is said and nothing is discarded: who looks writes nothing (DESIGN contract 8)."""
    before = _LOOKS.set(True)
    try:
        yield
    finally:
        _LOOKS.reset(before)


def discard(directory: Path, closing: str = COMPLETE) -> None:
    """Take a folder's closing file away: it no longer counts as complete, and is replaced when it is made again."""
    if _LOOKS.get():
        return
    with suppress(OSError):  # a folder of somebody else's stays as it is
        (directory / closing).unlink()
