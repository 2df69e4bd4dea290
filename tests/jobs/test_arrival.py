"""What is found on arrival: looked at without a trace, said, and mended only as a run begins."""

import inspect
import json
import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake import cli
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.settings.types import MaxJobsPerTimespan

from threephase.artifacts.folders import writing
from threephase.errors import CheckpointError
from threephase.jobs import arrival
from threephase.jobs.owner import Ownership
from threephase.jobs.repairs import Repairs

PAST = 1_700_000_000_000_000_000  # nanoseconds
Traces = dict[str, tuple[int, bytes | None]]


def traces(folder: Path) -> Traces:
    """Date and content of everything in a folder, itself included."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The closing file of a sound folder of two files, the youngest in it; the working directory is around it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/checkpoint")
    with writing(folder) as made:
        (made / "weights").write_bytes(b"many numbers")
        (made / "settings").write_bytes(b"few words")
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "complete.json"):
        os.utime(path, ns=(PAST, PAST))
    return folder / "complete.json"


def looked(closing: Path, *files: Path, work: bool = False) -> tuple[arrival.Findings, Repairs]:
    repairs = Repairs(Path("results/repairs.json"))
    before = traces(Path.cwd())
    found = arrival.look([closing, Path("results/absent/complete.json")], files, repairs, work)
    assert traces(Path.cwd()) == before
    return found, repairs


def test_what_is_sound_is_passed_over(closing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, repairs = looked(closing)
    assert (found.damaged, found.younger, found.folders_ahead) == ({}, {closing: {}}, [])
    assert repairs.of(closing.parent) == 0
    assert capsys.readouterr().err == ""
    before = traces(Path.cwd())
    arrival.mend(found, repairs)
    assert traces(Path.cwd()) == before


def test_damage_counts_in_the_plan_at_once_and_for_later_runs_once_one_has_begun(
    closing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (closing.parent / "weights").write_bytes(b"other numbers")
    for work, will in ((False, "would"), (True, "will")):
        found, repairs = looked(closing, work=work)
        assert repairs.of(closing.parent) == 1
        assert capsys.readouterr().err == (
            f"results/checkpoint/weights: altered since it was written; results/checkpoint {will} be made again.\n"
        )
    arrival.mend(found, repairs)
    assert not closing.exists()
    assert Repairs(Path("results/repairs.json")).of(closing.parent) == 1


def test_copied_files_are_hashed_until_a_run_begins_and_no_date_that_snakemake_compares_moves(
    closing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = closing.parent / "weights"
    weights.touch()
    found, repairs = looked(closing)
    assert set(found.younger[closing]) == {weights}
    arrival.mend(found, repairs)
    assert {path.stat().st_mtime_ns for path in closing.parent.iterdir()} == {PAST}
    assert looked(closing)[0].younger == {closing: {}}


def test_a_file_that_changes_between_the_look_and_the_run_keeps_its_date(closing: Path) -> None:
    weights = closing.parent / "weights"
    weights.touch()
    found, repairs = looked(closing)
    weights.write_bytes(b"other numbers")
    os.utime(weights, ns=(PAST + 10**9, PAST + 10**9))
    arrival.mend(found, repairs)
    assert looked(closing)[0].damaged


def test_dates_that_are_yet_to_come_become_todays_and_the_closing_file_stays_the_youngest(
    closing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = Path("results/audit.json")
    audit.write_text("{}")
    tomorrow = time.time() + 86400
    for path in (*closing.parent.iterdir(), audit):
        os.utime(path, (tomorrow, tomorrow))
    found, repairs = looked(closing, audit)
    assert (
        "2 results came from the future (was the clock set back?); they would be dated now." in capsys.readouterr().err
    )
    arrival.mend(found, repairs)
    dates = [path.stat().st_mtime_ns for path in (*closing.parent.glob("[!c]*"), closing, audit)]
    assert dates == sorted(dates)
    assert abs(dates[-1] / 1e9 - time.time()) < 60


def test_a_look_leaves_the_lock_of_a_killed_workflow_and_a_run_removes_it(
    closing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = Path(".snakemake")
    (records / "locks").mkdir(parents=True)
    claim = {"process": 2**30, "started": 1.0, "machine": os.uname().nodename, "since": "today", "command": "snakemake"}
    (records / "owner.json").write_text(json.dumps(claim))
    before = traces(Path.cwd())
    assert arrival.begin(Ownership(records), work=False)
    assert traces(Path.cwd()) == before
    assert "Its lock would be removed" in capsys.readouterr().err
    assert arrival.begin(Ownership(records), work=True)
    assert "Its lock is removed; unfinished trainings go on." in capsys.readouterr().err
    assert list(records.iterdir()) == []


def test_a_look_judges_nothing_while_a_workflow_is_at_work(closing: Path) -> None:
    Path(".snakemake").mkdir()
    claim = {"process": 1, "started": 1.0, "machine": "elsewhere", "since": "today", "command": "snakemake"}
    Path(".snakemake/owner.json").write_text(json.dumps(claim))
    assert not arrival.begin(Ownership(Path(".snakemake")), work=False)


JUNK = ["", "nonsense", "[]", '{"results/data/topics": "often"}', '{"results/data/topics": -1}', "[" * 100_000]


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_junk_among_the_repairs_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "repairs.json"
    file.write_text(content)
    with pytest.raises(
        CheckpointError, match=r"repairs\.json: not the counts that a run wrote; delete it, and [^\n]+$"
    ):
        Repairs(file)


@pytest.mark.parametrize(
    ("command", "works"),
    [
        ("snakemake --cores 2", True),
        ("snakemake --cores 2 -- table3", True),
        ("snakemake --touch", True),
        ("python/snakemake/__main__.py --cores 2", True),
        ("snakemake --cores 2 --report page.html --report-after-run", True),
        ("snakemake --report page.html", False),
        ("snakemake -n", False),
        ("snakemake --dag", False),
        ("snakemake --list-changes code", False),
        ("snakemake --unlock", False),
        ("some_program.py --cores 2", False),
        ("python/pytest/__main__.py -q tests", False),
    ],
)
def test_a_command_line_that_works_is_told_from_one_that_looks(
    command: str, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", command.split())
    assert arrival.will_work(dryrun=False) is works
    assert not arrival.will_work(dryrun=True)  # as a profile may ask


def test_all_that_snakemake_can_do_besides_working_is_known() -> None:
    """Each branch of its command line that does not end in running the workflow."""
    asked = re.findall(
        r"if args\.(\w+)(?: is not None)?:\n(?:.*\n)?\s+(?:\w+ = )?\w*_api\.", inspect.getsource(cli.args_to_api)
    )
    assert len(asked) > 20
    assert set(asked) <= arrival.NOT_WORK


def test_snakemake_looks_for_jobs_when_there_is_cause_unless_a_person_set_a_rate() -> None:
    usual = cli.get_argument_parser().get_default("max_jobs_per_timespan")
    for given, lifted in ((usual, True), ("100/2s", False), ("7/1s", False)):
        limiter = JobRateLimiter(MaxJobsPerTimespan.parse_choice(given))
        scheduler = SimpleNamespace(job_rate_limiter=limiter)
        arrival.lift_usual_rate(scheduler)
        assert scheduler.job_rate_limiter is (None if lifted else limiter)
    assert "job_rate_limiter" in inspect.getsource(JobScheduler.schedule)
    arrival.lift_usual_rate(SimpleNamespace())  # another Snakemake has another way
