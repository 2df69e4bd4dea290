"""A copy of the project to edit, and what its workflow would do."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from loaded import run_loaded
from running import PROJECT, environment

Planned = set[tuple[str, str]]  # rule and recipe of each job
RULES_OF_MESSAGES = {"test": "evaluate", "data": "dataset", "base model": "base_model"}


class Checkout:
    """A copy of the project with its own package, config and results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def fresh(cls, folder: Path) -> "Checkout":
        for name in ("src", "rules", "workflow", "profiles", "config"):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(PROJECT / name, folder)
        return cls(folder)

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        """What a run in this checkout says."""
        done = run_loaded(
            ["snakemake", "--cores", "2", "--configfile", "config.yaml", *arguments],
            environment() | {"PYTHONPATH": str(self.folder / "src")}, self.folder,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, said
        return said

    def planned(self, *arguments: str) -> Planned:
        """Rule and recipe of every job that would run; `seed2` stands behind the recipe of another seed."""
        said = self.snakemake("--dry-run", *arguments)
        jobs = {(name, "") for name in re.findall(r"^(?:local)?rule (.+):$", said, re.MULTILINE)}
        for message in re.findall(r"^Job \d+: (.*)$", said, re.MULTILINE):
            kind, *parts = message.split(" · ")
            rule = RULES_OF_MESSAGES.get(kind, kind.replace(" ", ""))
            seed = "" if len(parts) < 4 or parts[3] == "seed 1" else " " + parts[3].replace(" ", "")
            jobs.add((rule, parts[2] + seed if len(parts) == 4 else ""))
        return {job for job in jobs if job[0] != "all"}

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        path = self.folder / file
        before = path.read_text()
        after = change(before)
        assert after != before
        path.write_text(after)
