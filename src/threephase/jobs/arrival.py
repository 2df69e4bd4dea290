"""Before work starts: what a killed run left, what was damaged meanwhile, what bears a date that cannot be.

While Snakemake reads the rules, all of this is only looked at, and the plan counts on it. A run mends it as it begins.
"""

import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.cli import get_argument_parser

from threephase.artifacts.folders import damage, discard
from threephase.errors import CheckpointError, printable
from threephase.jobs.owner import LOOK, MISSED, Ownership
from threephase.jobs.repairs import Repairs

USUAL_RATE = (100, 1)  # jobs, and in how many seconds, that Snakemake starts at most unless asked otherwise
# What Snakemake's command line can ask for instead of running jobs.
NOT_WORK = frozenset(
    {
        "archive",
        "cleanup_metadata",
        "cleanup_shadow",
        "conda_cleanup_envs",
        "conda_create_envs_only",
        "container_cleanup_images",
        "containerize",
        "d3dag",
        "dag",
        "delete_all_output",
        "delete_temp_output",
        "deploy_sources",
        "detailed_summary",
        "dryrun",
        "filegraph",
        "generate_unit_tests",
        "lint",
        "list_changes",
        "list_conda_envs",
        "list_input_changes",
        "list_params_changes",
        "list_rules",
        "list_target_rules",
        "list_untracked",
        "print_compilation",
        "report",
        "rulegraph",
        "summary",
        "unlock",
    }
)


def will_work(dryrun: bool) -> bool:
    """Whether this process was started to run jobs.

    Snakemake knows it for sure only after it has read the rules. Until then its command line tells; a program that
    calls Snakemake as a library counts as one that looks, and mends things no sooner than its run begins.

    Args:
        dryrun: whether Snakemake's settings say so; they know profiles too.
    """
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    if dryrun or name != "snakemake":
        return False
    asked, _ = get_argument_parser().parse_known_args()
    given = {name for name in NOT_WORK if getattr(asked, name, None) not in (None, False)}
    return not (given - {"report"} if asked.report_after_run else given)


def lift_usual_rate(scheduler: Any) -> None:
    """Let Snakemake's scheduler start whatever can start, unless a person limited how many jobs do in what time.

    With a limit, of which it has one by default, every look for jobs that can start asks for another one a second
    later, and so does that one: the looks of an hour of training went on together and took a seventh of a core.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == USUAL_RATE:
        scheduler.job_rate_limiter = None


@dataclass
class Findings:
    """What is to be mended.

    Args:
        damaged: what is wrong with a folder, by its closing file.
        folders_ahead: closing files whose date is yet to come, those first that others rest on.
        files_ahead: likewise files that are no part of a folder.
        younger: by closing file, the dates of sound files that are younger than it and so are hashed at every look.
    """

    damaged: dict[Path, str] = field(default_factory=dict)
    folders_ahead: list[Path] = field(default_factory=list)
    files_ahead: list[Path] = field(default_factory=list)
    younger: dict[Path, dict[Path, int]] = field(default_factory=dict)

    def lines(self, work: bool) -> list[str]:
        """What a person should know, as of a run that works or of a look."""
        will, are = ("will", "are") if work else ("would", "would be")
        ahead = len(self.folders_ahead) + len(self.files_ahead)
        lines = [f"{fault}; {closing.parent} {will} be made again." for closing, fault in self.damaged.items()]
        if ahead:
            lines.append(f"{ahead} results came from the future (was the clock set back?); they {are} dated now.")
        return lines


def begin(ownership: Ownership, work: bool) -> bool:
    """Say whether a killed workflow was here and, before work, remove its locks and wait for its jobs to end.

    Snakemake would refuse to run for the sake of such a lock, so this comes before everything else.

    Returns False where a workflow is at work here, and a look should not judge what it is making.
    Raises FolderInUseError if this one would work too, CheckpointError if it could not write.
    """
    if work and not os.access(".", os.W_OK):
        raise CheckpointError(f"{Path.cwd()}: may not be written; name a folder of your own (--directory)")
    if not work:
        other, alive = ownership.look()
        if other and not alive:
            say(f"A run was killed here ({other}). Its lock would be removed; unfinished trainings would go on.")
        return not alive
    killed = ownership.release_stale()
    if killed:
        say(f"A run was killed here ({killed}). Its lock is removed; unfinished trainings go on.")
        if killed.remote:
            seconds = int(LOOK * (MISSED + 2))
            say(f"Waiting {seconds} s for its jobs on other machines to end.")
            time.sleep(seconds)
    return True


def look(folders: Iterable[Path], files: Iterable[Path], repairs: Repairs, work: bool) -> Findings:
    """Look through what earlier runs made, say what is wrong with it, and have the plan make good what is damaged.

    Writes nothing.

    Args:
        folders: closing files of folders, those first that others rest on. Absent ones are passed over.
        files: files that are no part of a folder. Absent ones are passed over.
        repairs: counts a damaged folder, so that the rule that makes it has other params.
        work: whether a run is about to begin.
    """
    closings = [closing for closing in folders if closing.exists()]
    found = Findings(
        folders_ahead=[closing for closing in closings if _is_ahead(closing)],
        files_ahead=[path for path in files if path.exists() and _is_ahead(path)],
    )
    for closing in closings:
        younger = _younger(closing)
        fault = damage(closing.parent, closing.name)
        if fault:
            found.damaged[closing] = fault
            repairs.mark(closing.parent)
        else:
            found.younger[closing] = younger
    for line in found.lines(work):
        say(line)
    return found


def mend(found: Findings, repairs: Repairs) -> None:
    """Do what a look found to be done, once the run has begun and nobody else works here.

    What is ahead gets today's date, in order: no job may have older output than input. Files that were hashed and are
    sound get the date of their closing file, so that nothing hashes them again. The closing file, whose date Snakemake
    compares, keeps its own.
    """
    for closing in found.folders_ahead:
        for path in [*closing.parent.rglob("*"), closing]:  # it stays the youngest of its folder
            _date_now(path)
    for path in found.files_ahead:
        _date_now(path)
    for closing, dates in found.younger.items():
        for path, seen in dates.items():
            _date_back(path, seen, closing)
    for closing in found.damaged:
        discard(closing.parent, closing.name)
    if found.damaged:
        repairs.write()


def _is_ahead(path: Path) -> bool:
    return path.stat().st_mtime > time.time() + 1


def _younger(closing: Path) -> dict[Path, int]:
    """Dates of what is younger in a folder than the file that closes it."""
    closed = closing.stat().st_mtime_ns
    dates = {path: path.stat().st_mtime_ns for path in closing.parent.rglob("*")}
    return {path: date for path, date in dates.items() if date > closed}


def _date_now(path: Path) -> None:
    """Give a file today's date; one of somebody else's keeps its own."""
    with suppress(OSError):
        os.utime(path)


def _date_back(path: Path, seen: int, closing: Path) -> None:
    """Give a file the date of its closing file, unless it was touched since it was seen, or is somebody else's."""
    with suppress(OSError):
        if path.stat().st_mtime_ns == seen:
            closed = closing.stat().st_mtime_ns
            os.utime(path, ns=(closed, closed))


def say(line: str) -> None:
    """One line on the terminal, whatever the run's picture shows there."""
    print(printable(line), file=sys.stderr, flush=True)
