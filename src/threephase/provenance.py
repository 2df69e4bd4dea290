"""Where a result comes from: the code it ran, the versions, the machine."""

import ast
import hashlib
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threephase import __version__

PACKAGE = Path(__file__).parent
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "accelerate", "numpy", "scikit-learn", "snakemake")


def code_digest(script: Path) -> str:
    """Digest of what a script does: its own code and that of every module of the package that it reaches.

    Comments, docstrings and layout do not count, and neither does code that it does not import, so a rule
    that depends on this digest reruns when its own code changes and not otherwise.
    """
    digest = hashlib.sha256()
    for path in sorted(_reached(script)):
        digest.update(path.name.encode())
        digest.update(_meaning(path).encode())
    return digest.hexdigest()[:16]


def _reached(script: Path) -> set[Path]:
    found, waiting = {script}, [script]
    while waiting:
        for path in _imports(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    return found


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of the package that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(_files(names))


def _files(names: Iterable[str]) -> Iterable[Path]:
    for name in names:
        top, *inner = name.split(".")
        if top == PACKAGE.name:
            for depth in range(1, len(inner) + 1):
                place = PACKAGE.joinpath(*inner[:depth])
                for file in (place / "__init__.py", place.with_suffix(".py")):
                    if file.is_file():
                        yield file


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _meaning(path: Path) -> str:
    """The file's syntax tree without docstrings and positions."""
    tree = _parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


class Clock:
    """When something began, and the seconds since then whatever becomes of the machine's time of day."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._from = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._from


def provenance(clock: Clock, **facts: Any) -> dict[str, Any]:
    """Versions, git commit, hardware and wall time, with the `facts` of the caller (seed, input hashes …)."""
    return {
        **facts,
        "started": clock.started.isoformat(timespec="seconds"),
        "wall_seconds": round(clock.seconds, 2),
        "versions": {"threephase": __version__, "python": platform.python_version(), **versions()},
        "git": _git_commit(),
        "hardware": _hardware(),
        "peak_memory_mib": round(peak_memory() / 2**20),
    }


def versions() -> dict[str, str]:
    """Of the libraries that a training's numbers depend on."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found


def _git_commit() -> dict[str, Any]:
    """Commit of the checkout that the package runs from, and whether it was edited since; empty outside git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(PACKAGE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "edited": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def peak_memory() -> int:
    """Bytes that this process had at the most: of the GPU's memory where it has one, else of the machine's."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _hardware() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }
