"""Where a result comes from: the versions, the commit, the machine, the time it took."""

import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threephase import __version__

_PACKAGE = Path(__file__).parents[1]
_CODE = (":/src", ":/rules", ":/workflow", ":/Snakefile")  # of the checkout, what can change a result
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "numpy", "scikit-learn", "snakemake")


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
    """Commit of the checkout that the package runs from, and whether its code was edited since; empty outside git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(_PACKAGE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "edited": bool(git("status", "--porcelain", "--", *_CODE))}
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
