"""The view of a run, from records as Snakemake logs them: what is said, time left, a picture that breaks."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from threephase import console
from threephase.commands.view.faces import picture
from threephase.commands.view.handler import View, changes_of_config
from threephase.commands.view.remaining import Remaining
from threephase.jobs.telling import tell_view

NAMES = {"dataset": "d", "model": "m", "seed": "1", "recipe": "dae.ft"}


def record(event: LogEvent | None, said: str = "", level: int = logging.INFO, **what: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, __file__, 1, said, None, None)
    made.__dict__ |= {"event": event, **what}
    return made


def begins(number: int, log: str) -> logging.LogRecord:
    return record(
        LogEvent.JOB_INFO, jobid=number, rule_name="ft", wildcards=NAMES, rule_msg=f"ft · {number}", log=[log]
    )


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    for name in ("terminal", "bar"):
        monkeypatch.setattr(console, name, getattr(console, name))
    monkeypatch.setenv("THREEPHASE_VIEW", "")
    monkeypatch.setenv("THREEPHASE_VIEW_LOG", "")
    made = View(as_json=False, moving=False, quiet=False)
    made.terminal = made.plain.terminal = io.StringIO()
    made.standing.plans({"ft": 2, "total": 2})
    yield made
    made.close()


def test_a_job_speaks_for_itself_and_snakemake_for_one_that_is_silent(view: View) -> None:
    view.take(begins(1, "a.log"))
    view.take(begins(2, "b.log"))
    tell_view("a.log", io.StringIO())
    print("✓ ft · loss 0.1", file=console.terminal)
    view.take(record(LogEvent.JOB_FINISHED, job_id=1))
    view.take(record(LogEvent.JOB_ERROR, "Error in rule ft", logging.ERROR, jobid=2))
    view.take(record(LogEvent.ERROR, "RuleException: long", logging.ERROR))
    view.take(record(None, "Select jobs to execute..."))
    assert view.plain.terminal.getvalue().splitlines() == ["✓ ft · loss 0.1", "✗ ft · 2: failed (log: b.log)"]
    assert (view.standing.done, view.standing.failed, view.standing.counts["ft"]) == (1, 1, 0)


def test_a_bar_reaches_the_line_of_its_own_job_within_80_columns(view: View) -> None:
    from rich.console import Console

    view.take(begins(1, "a.log"))
    view.take(begins(2, "b.log"))
    tell_view("b.log", io.StringIO())
    bar = console.bar("ft", 8, 0)
    bar.to(4)
    bar.tell({"loss": 0.5, "validation": 0.25})
    view._listen()
    shown = Console(width=80, file=io.StringIO(), record=True)
    shown.print(picture(view.standing, 80, 24))
    head, first, second = shown.export_text().splitlines()
    assert "0 of 2 jobs" in head
    assert "%" not in first
    assert " 50% " in second
    assert "loss 0.500 val 0.250" in second
    assert max(map(len, (head, first, second))) <= 80


def test_what_is_laid_over_the_config_is_read_as_snakemake_reads_it() -> None:
    given = ["--cores", "1", "--config", "limits={train: 5}", "save_every=0"]
    assert changes_of_config(given) == {"limits": {"train": "5"}, "save_every": 0}
    assert changes_of_config(["--cores", "1"]) == {}


def test_a_picture_that_breaks_gives_way_to_lines(view: View) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    view.face = Broken()  # type: ignore[assignment]
    view.take(begins(1, "a.log"))
    view.take(record(LogEvent.JOB_FINISHED, job_id=1))
    assert "✓ ft · 1\n" in view.plain.terminal.getvalue()


def test_a_half_written_line_waits_for_its_end(view: View, tmp_path: Path) -> None:
    file = view.folder / "1.jsonl"
    whole = json.dumps({"log": "x", "said": "✗ late"})
    file.write_text(whole[:9])
    view._listen()
    with file.open("a") as more:
        more.write(whole[9:] + "\n")
    view._listen()
    assert view.plain.terminal.getvalue() == "✗ late\n"


def test_the_costs_of_a_large_grid_are_taken_in_whole(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pipe holds, of which nothing is read before the process has ended."""
    program = (
        "import json; print(json.dumps({'trainings': [('ft', ('d', 'm', 'dae.cl.ft', str(n)), 1.5) for n in"
        " range(5000)], 'others': {}}))"
    )
    usual = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **given: usual([sys.executable, "-c", program], **given))
    view.configs = ["config.yaml"]
    view.held = TemporaryFile(buffering=0)  # noqa: SIM115
    view.take(record(LogEvent.RUN_INFO, stats={"ft": 5000, "total": 5000}))
    assert view.counting is not None
    assert view.counting.wait(timeout=60) == 0
    view.take(record(None))
    assert len(view.standing.remaining.costs["ft"]) == 5000
    view.held = None  # standard error was not taken


def test_time_left_follows_the_plan_and_what_trainings_took() -> None:
    remaining = Remaining()
    one, two = NAMES, NAMES | {"seed": "2"}
    remaining.plans([("ft", ("d", "m", "dae.ft", "1"), 10.0), ("ft", ("d", "m", "dae.ft", "2"), 30.0)], {})
    remaining.begins("ft", one, 1)
    assert remaining.seconds({"ft": 2}, [("ft", one, 5.0, None)]) is None
    assert remaining.seconds({"ft": 2}, [("ft", one, 5.0, 0.5)]) == pytest.approx(5 + 30)  # a second for each unit
    remaining.ends("ft", one, 20.0)
    assert remaining.seconds({"ft": 1}, []) == pytest.approx(60)
    remaining.begins("ft", two, 1)
    assert remaining.seconds({"ft": 1}, [("ft", two, 15.0, 0.25)]) == pytest.approx(45)
