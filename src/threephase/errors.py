"""Errors that a person can act on: one line that says what, where and what to do."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: what is no character to be seen stands there by its number.

    Labels, names and records of somebody else's may hold sequences that recolour, retitle or rewrite a terminal.
    """
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def looked_for(path: Path) -> str:
    """To end a line on what is not there: the folder from which a relative path was followed; an option may name it."""
    return "" if path.is_absolute() else f" (looked for from {Path.cwd()})"


class UserError(Exception):
    """A fault in what the user gave; its text is shown without a traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class ConfigError(UserError):
    """The workflow's config asks for something that cannot be done."""


class DataError(UserError):
    """A dataset cannot be used as it stands."""


class DownloadError(UserError):
    """Something could not be fetched, or arrived damaged."""


class ModelError(UserError):
    """A base model cannot be used as it stands."""


class CheckpointError(UserError):
    """A checkpoint is missing, incomplete or altered."""


class GivenError(UserError, ValueError):
    """What a caller gave to the estimator cannot be used as it stands; a ValueError, as scikit-learn's own are."""


class GuardError(UserError):
    """Something that trains, tunes or selects reached for the test split."""


class InterruptionError(UserError):
    """A training was asked to stop, by a person or by a scheduler; `signal` is the name of what asked, if known."""

    def __init__(self, text: str, signal: str | None = None) -> None:
        super().__init__(text)
        self.signal = signal


ENOUGH = 1 << 20  # bytes; with less than this free, a failed write is put down to a full disk
NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "out of memory", "bad_alloc")
NO_SPACE = ("No space left", "os error 28", "Disk quota", "os error 122")


def fault_of_machine(error: BaseException, folder: Path | None = None) -> str | None:
    """A line on what the machine lacked, with the remedy; None where the error has another reason.

    `folder` is where something was being written: libraries in C do not always say that the disk is full.
    """
    number = error.errno if isinstance(error, OSError) else None
    place = (error.filename if isinstance(error, OSError) and error.filename else None) or folder
    where = f"{place}: " if place else ""
    said = str(error)
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(sign in said for sign in NO_MEMORY):
        return (
            "out of memory; lower `batch_size` and `eval_batch_size` in the config's hyperparameters, or run fewer "
            "jobs at once (--cores)"
        )
    if number in {errno.EMFILE, errno.ENFILE} or "Too many open files" in said:
        return f"{where}too many open files; raise the limit (ulimit -n 4096) or run fewer jobs at once (--cores)"
    if number in {errno.ENOSPC, errno.EDQUOT} or any(sign in said for sign in NO_SPACE) or _is_full(folder):
        return (
            f"{where}the disk is full; free some space and run the same command again, which goes on from where it was"
        )
    if number in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return f"{where}no permission ({os.strerror(number)}); change that, or work in another folder (--directory)"
    return None


@contextmanager
def in_one_line(told: Callable[[Exception], UserError]) -> Iterator[None]:
    """Turn whatever is raised inside into the error that `told` makes of it.

    Errors that are lines already, and those of a machine that lacks something, stay as they are.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if fault_of_machine(error):
            raise
        raise told(error) from error


def _is_full(folder: Path | None) -> bool:
    return folder is not None and folder.exists() and shutil.disk_usage(folder).free < ENOUGH
