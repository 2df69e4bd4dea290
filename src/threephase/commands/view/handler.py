"""Snakemake's log as one view of a run: `snakemake --logger threephase`, which `threephase run` asks for.

Only a run that works has a view; a dry run or a listing is shown by Snakemake's own handler. What jobs and rules write
on standard error meanwhile is held back and shown line by line, so that nothing overwrites the picture. If the picture
fails, plain lines take its place, and the run goes on.
"""

import atexit
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import IO, Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from threephase.commands.view.faces import Face, Json, Lines, Picture
from threephase.commands.view.standing import Running, Standing, told_in
from threephase.jobs.asking import ask_jobs, leave_unasked
from threephase.jobs.telling import FOLDER
from threephase.plan.schedule import shown
from threephase.settings.phases import PHASES

LOOK = 0.25  # seconds between two looks
ASK = 1.0  # seconds before jobs are asked to stop, for a terminal's signal comes to them first, and between two times
NOTHING, LOG = "Nothing to be done", "Complete log(s): "
# What Snakemake says of Ctrl-C and of SIGTERM, and what is shown.
STOPPING = {
    "Terminating processes on user request": "Stopping: trainings save their state and end.",
    "Will exit after finishing": "Stopping: trainings here save their state and end; other jobs are waited for.",
}
# What Snakemake says of a job that failed, which the job's own line says better.
OF_JOBS = ("RuleException", "CalledProcessError", "Error in rule", "Error in group")
PLAIN = frozenset({"rules", "progress", "all"})  # of --quiet: what asks for less than a picture


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """What a person may choose."""

    json: bool = field(default=False, metadata={"help": "one event a line on standard output, for programs"})


class LogHandler(LogHandlerBase):
    """Turns what Snakemake logs, and what jobs tell, into a view."""

    def __post_init__(self) -> None:
        """Look whether this run works, and name the folder where its jobs tell."""
        from threephase.jobs.arrival import will_work

        self.view: View | None = None
        self.own: logging.Handler | None = None
        if will_work(self.common_settings.dryrun):
            leave_unasked()
            self.view = View(*self._choice(), changes_of_config(sys.argv[1:]))
        else:
            self.own = self._snakemakes()

    def _choice(self) -> tuple[bool, bool, bool]:
        quiet = {str(getattr(each, "value", each)).lower() for each in self.common_settings.quiet or ()}
        as_json = bool(getattr(self.settings, "json", False))
        moving = (
            not as_json and sys.stderr.isatty() and not quiet & PLAIN and not self.common_settings.nocolor
            and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in (None, "dumb")
        )  # fmt: skip
        return as_json, moving, "all" in quiet

    def _snakemakes(self) -> logging.Handler:
        """What Snakemake would use without this plugin."""
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        given = self.common_settings
        handler = ColorizingTextHandler(
            nocolor=given.nocolor,
            stream=sys.stdout if given.stdout else sys.stderr,
            formatter=DefaultFormatter(given.quiet, given.show_failed_logs),
        )
        handler.addFilter(
            DefaultFilter(given.quiet, given.debug_dag, given.verbose, given.dryrun, given.printshellcmds)
        )
        return handler

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record in."""
        if self.own:
            self.own.handle(record)
        elif self.view:
            self.view.take(record)

    def close(self) -> None:
        """The run has ended."""
        if self.view:
            self.view.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's log file is written as ever."""
        return False

    @property
    def has_filter(self) -> bool:
        """It takes every record."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It has its own words."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """The graph of the rules is not shown."""
        return False


def changes_of_config(arguments: list[str]) -> dict[str, Any]:
    """What `--config` lays over the config files, of a command line, or a profile, that Snakemake took."""
    from snakemake.cli import parse_args, parse_config

    return dict(parse_config(parse_args(arguments)[1].config))


class View:
    """One run: what is known of it, and the face that shows it.

    Args:
        as_json: events for programs.
        moving: a live picture, else lines.
        quiet: of lines, only those of failures.
        changes: what is laid over the config files.
    """

    def __init__(self, as_json: bool, moving: bool, quiet: bool, changes: Mapping[str, Any] | None = None) -> None:
        self.changes = dict(changes or {})
        self.standing = Standing()
        self.terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        self.plain = Lines(self.terminal, quiet)
        self.moving = moving
        self.face: Face = Json(os.fdopen(os.dup(1), "w", encoding="utf-8")) if as_json else self.plain
        self.lock = threading.RLock()
        self.folder = Path(mkdtemp(prefix="threephase-view-"))
        self.read: dict[Path, int] = {}
        self.held: IO[bytes] | None = None  # what is written on standard error while the run works
        self.left_over = b""
        self.configs: list[str] = []
        self.counting: subprocess.Popen[bytes] | None = None  # the plan's costs
        self.costs: IO[bytes] | None = None  # what it prints: a file, for nobody empties a pipe before it has ended
        self.log = ""
        self.asked = 0.0  # when jobs were asked to stop, by a clock that only goes on
        self.ended = threading.Event()
        os.environ[FOLDER] = str(self.folder)
        atexit.register(self.close)

    def take(self, record: logging.LogRecord) -> None:
        """Take in what Snakemake logs."""
        with self.lock:
            self._listen()
            event = getattr(record, "event", None)
            known: dict[Any, Callable[[Any], None]] = {
                LogEvent.WORKFLOW_STARTED: self._started,
                LogEvent.RUN_INFO: self._begins,
                LogEvent.JOB_INFO: self._job_begins,
                LogEvent.JOB_FINISHED: lambda given: self._job_ends(given.job_id, True),
                LogEvent.JOB_ERROR: lambda given: self._job_ends(given.jobid, False),
                LogEvent.GROUP_ERROR: lambda given: None,
                LogEvent.ERROR: self._message,
                None: self._message,
            }
            if event in known:
                known[event](record)
            self._look()

    def _started(self, record: Any) -> None:
        self.configs = [str(path) for path in record.configfiles or ()]

    def _begins(self, record: Any) -> None:
        self.standing.plans(record.stats)
        self._event("begins", {"jobs": dict(self.standing.counts)})
        if self.held is None:
            self.held = TemporaryFile(buffering=0)  # noqa: SIM115
            sys.stderr.flush()
            os.dup2(self.held.fileno(), 2)
            if self.moving:
                with self._safely():
                    self.face = Picture(self.terminal)
            threading.Thread(target=self._watch, daemon=True).start()
        if self.configs and self.standing.counts.keys() & {*PHASES, "study_worker"} and self.counting is None:
            command = [
                sys.executable,
                "-m",
                "threephase.commands.view.counting",
                json.dumps(self.changes),
                *self.configs,
            ]
            with suppress(OSError):
                self.costs = TemporaryFile()  # noqa: SIM115
                self.counting = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=self.costs, stderr=subprocess.DEVNULL
                )

    def _job_begins(self, record: Any) -> None:
        wildcards, logs = dict(record.wildcards or {}), list(record.log or ())
        log = str(logs[0]) if logs else ""
        self.standing.begins(record.jobid, record.rule_name, wildcards, record.rule_msg, log)
        if log:
            self._event("job begins", {"job": record.jobid, "rule": record.rule_name, "wildcards": wildcards})

    def _job_ends(self, number: int, well: bool) -> None:
        job = self.standing.ends(number, well)
        if job is None or not job.log:
            return
        named = {"job": number, "rule": job.rule, "wildcards": dict(job.wildcards)}
        self._event("job ends" if well else "job fails", named)
        if not job.closed:  # on another machine, or killed
            said = job.message or job.name
            self._say(f"✓ {said}" if well else f"✗ {said}: failed (log: {job.log})", job)

    def _message(self, record: Any) -> None:
        """What Snakemake says in words: errors and warnings are shown, the rest stands in its log."""
        said = record.getMessage()
        stopping = next((line for begins, line in STOPPING.items() if said.startswith(begins)), None)
        if stopping:
            self._stops(stopping)
        elif said.startswith(LOG):
            self.log = said.removeprefix(LOG)
        elif said.startswith(NOTHING):
            self._say(said)
        elif record.levelno >= logging.WARNING and not said.startswith(OF_JOBS):
            self._say(said.strip())

    def _stops(self, line: str) -> None:
        """Jobs are asked from now on; Snakemake says so again with each that ends."""
        if not self.standing.stopping:
            self.standing.stopping = True
            self.asked = time.monotonic()
            self._say(line)

    def _listen(self) -> None:
        """Take in what jobs told, and what was written on standard error, since the last look."""
        for what in told_in(self.folder, self.read):
            job = self.standing.told(what)
            if "said" in what:
                self._say(str(what["said"]), job)
            elif job:
                self._event("progress", {"rule": job.rule, "wildcards": dict(job.wildcards), **what})
        for line in self._held_lines():
            self._say(line)
        if self.costs and self.counting and self.counting.poll() is not None:
            with self.costs as answer, suppress(ValueError, KeyError, TypeError):
                answer.seek(0)
                costs = json.loads(answer.read())
                self.standing.remaining.plans(costs["trainings"], costs["others"])
            self.costs = None

    def _held_lines(self, all_of_it: bool = False) -> list[str]:
        if self.held is None:
            return []
        place = self.read.get(Path(), 0)
        new = os.pread(self.held.fileno(), 1 << 20, place)
        self.read[Path()] = place + len(new)
        *lines, self.left_over = (self.left_over + new).split(b"\n")
        if all_of_it and self.left_over:
            lines.append(self.left_over)
            self.left_over = b""
        return [line.decode(errors="replace") for line in lines]

    def _say(self, text: str, job: Running | None = None) -> None:
        """Show a line of a job, or of nobody's; a job that ended well goes to the last ones."""
        if job and text[:1] in "✓✗":
            job.closed = True
        well = text.startswith("✓") and " failed" not in text
        if well:
            self.standing.last.append(text)
        with self._safely():
            if well:
                self.face.ended(text, self.standing)
            else:
                self.face.line(text)

    def _event(self, name: str, what: Mapping[str, Any]) -> None:
        with self._safely():
            self.face.event(name, what)

    def _look(self) -> None:
        with self._safely():
            self.face.look(self.standing)

    def _safely(self) -> "_Safely":
        return _Safely(self)

    def _watch(self) -> None:
        while not self.ended.wait(LOOK):
            with self.lock:
                if not self.ended.is_set():
                    self._listen()
                    self._look()
            if self.standing.stopping and time.monotonic() - self.asked >= ASK:
                ask_jobs()
                self.asked = time.monotonic()

    def close(self) -> None:
        """Say what jobs told last, take the picture away, give standard error back, and say how it ended."""
        with self.lock:
            if self.ended.is_set():
                return
            self.ended.set()
            self._listen()
            rest = self._held_lines(all_of_it=True)
            with self._safely():
                self.face.close()
            if self.held:
                os.dup2(self.terminal.fileno(), 2)
            if isinstance(self.face, Picture):
                self.face = self.plain
            for line in rest:
                self._say(line)
            if self.held and self.standing.total:
                self._event("ends", {"done": self.standing.done, "failed": self.standing.failed})
                self._say(self._closing())
            if self.counting:
                self.counting.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _closing(self) -> str:
        """How the run ended, in a line or two."""
        standing = self.standing
        log = f"\n  Snakemake's log: {_near(self.log)}" if self.log else ""
        counted = f"{standing.total} job{'' if standing.total == 1 else 's'}"
        done = f"{standing.done} of {counted} {'is' if standing.total == 1 else 'are'} done"
        if standing.stopping:
            return f"! Stopped; {done} and stay, the same command goes on.{log}"
        if standing.failed:
            return f"✗ {standing.failed} failed, {done}; the same command tries again what is missing.{log}"
        if standing.done < standing.total:
            return f"! {done}; the same command goes on.{log}"
        return f"✓ {counted} in {shown(standing.elapsed)}."


class _Safely:
    """Whatever fails to show anything is replaced by plain lines: the view may break, the run may not."""

    def __init__(self, view: View) -> None:
        self.view = view

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        broken, self.view.face = self.view.face, self.view.plain
        if isinstance(broken, Picture):
            with suppress(Exception):
                broken.live.stop()
            with suppress(OSError, ValueError):
                self.view.plain.line(f"! the picture cannot be drawn ({type(error).__name__}: {error}); lines go on")
        return True


def _near(paths: str) -> str:
    """Paths as they are called from here."""
    here = Path.cwd()
    return ", ".join(
        str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path for path in paths.split(", ")
    )
