"""Folders that are complete or absent: written beside, closed with the hashes of their files, then renamed."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from threephase.errors import CheckpointError

# The small file that closes a folder, and those that say how a dataset and a base model came about.
COMPLETE = "complete.json"
DATASET = "dataset.json"
ORIGIN = "origin.json"


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
    except ValueError as error:
        raise CheckpointError(f"{path}: not valid JSON ({error}); delete its folder and run again") from None


@contextmanager
def writing(directory: Path, closing: str = COMPLETE) -> Iterator[Path]:
    """A new folder to fill, which takes the name `directory` only when all went well.

    On success a file `closing` with the hash of every other file is added, unless it was written already. An
    older folder of that name is replaced. On failure nothing stays.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{directory.name}.", suffix=".partial", dir=directory.parent))
    folder.chmod(0o755)
    try:
        yield folder
        if not (folder / closing).exists():
            write_json(folder / closing, {"files": file_hashes(folder)})
        shutil.rmtree(directory, ignore_errors=True)
        folder.rename(directory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def file_hashes(directory: Path) -> dict[str, str]:
    """Hash of every file below a folder, by relative path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def verify(directory: Path, closing: str = COMPLETE) -> str:
    """Check a folder's files against its hashes and return the hash that stands for all of them.

    Raises CheckpointError if the folder is incomplete or a file is missing or altered.
    """
    recorded = read_json(directory / closing)["files"]
    for name, expected in recorded.items():
        path = directory / name
        if not path.is_file():
            raise CheckpointError(f"{path}: missing, though the folder was complete; delete the folder and run again")
        if sha256(path) != expected:
            raise CheckpointError(f"{path}: altered since it was written; delete its folder and run again")
    return sha256_json(recorded)
