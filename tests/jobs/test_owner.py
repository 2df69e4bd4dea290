"""One workflow at a time has a claim to a folder, and each that loses it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from running import wait_for

from threephase.errors import UserError
from threephase.jobs import owner
from threephase.jobs.owner import FolderInUseError, Owner, Ownership

# A workflow that claims a folder and works until its stdin is closed. `judges` is how long it thinks over whether
# another is alive.
WORKFLOW = """
import json, socket, sys, time
from pathlib import Path
from threephase.jobs import owner

folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
socket.gethostname = lambda: given["machine"]
owner.LOOK, owner.SILENCE = 0.1, given["silence"]
judged = owner.Ownership._is_alive

def is_alive(*arguments):
    found = judged(*arguments)
    time.sleep(given["judges"])
    return found

owner.Ownership._is_alive = is_alive
try:
    owner.Ownership(folder).acquire()
except owner.FolderInUseError:
    print("refused", flush=True)
    sys.exit(3)
print("works", flush=True)
sys.stdin.read()
"""


def workflow(folder: Path, **given: Any) -> subprocess.Popen[str]:
    given = {"machine": "here", "silence": 300, "judges": 0} | given
    return subprocess.Popen(
        [sys.executable, "-c", WORKFLOW, str(folder), json.dumps(given)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def says(run: subprocess.Popen[str]) -> str:
    assert run.stdout
    return run.stdout.readline().strip()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is on the machine that the workflows call theirs."""
    monkeypatch.setattr(owner.socket, "gethostname", lambda: "here")


def test_a_second_workflow_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first = workflow(tmp_path)
    assert says(first) == "works"
    found, alive = Ownership(tmp_path).look()
    assert found
    assert (found.process, alive) == (first.pid, True)
    with pytest.raises(FolderInUseError, match=rf"Another run works here \(process {first.pid} on here since"):
        Ownership(tmp_path).release_stale()
    assert says(workflow(tmp_path)) == "refused"
    first.communicate()
    assert Ownership(tmp_path).look() == (None, False)
    assert says(workflow(tmp_path)) == "works"


def test_a_killed_workflow_of_this_machine_is_known_at_once_and_its_locks_go(tmp_path: Path) -> None:
    run = workflow(tmp_path)
    assert says(run) == "works"
    (tmp_path / "locks").mkdir()
    run.kill()
    # nobody has waited for it yet
    wait_for(lambda: psutil.Process(run.pid).status() == psutil.STATUS_ZOMBIE, "its end")
    found, alive = Ownership(tmp_path).look()
    assert found
    assert not alive
    assert (tmp_path / "locks").exists()
    assert Ownership(tmp_path).release_stale() == found
    assert not (tmp_path / "locks").exists()
    assert Ownership(tmp_path).release_stale() is None
    run.communicate()


def test_a_later_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    record(tmp_path, process=os.getpid(), started=Owner.here().started - 1)
    assert Ownership(tmp_path).look()[1] is False
    record(tmp_path, process=os.getppid(), started=owner._started(psutil.Process(os.getppid())))
    assert Ownership(tmp_path).look()[1] is True


def test_when_a_process_began_stays_the_same_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    began = Owner.here().started
    boot, create = psutil.boot_time, psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot() - 3600)  # psutil reckons both by the clock
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create(process) - 3600)
    assert Owner.here().started == began


def test_a_workflow_of_another_machine_counts_as_gone_after_a_silence(tmp_path: Path) -> None:
    record(tmp_path, machine="elsewhere")
    assert Ownership(tmp_path).look()[1] is True
    long_ago = time.time() - owner.SILENCE - 1
    os.utime(tmp_path / "owner.json", (long_ago, long_ago))
    assert Ownership(tmp_path).look()[1] is False
    assert str(Ownership(tmp_path).release_stale()).endswith(": snakemake")


def test_of_two_that_find_a_killed_one_at_once_only_one_works(tmp_path: Path) -> None:
    """The one that judges slowly must not take away what the other claimed meanwhile."""
    record(tmp_path, process=os.getpid(), started=-1)
    slow = workflow(tmp_path, judges=1)
    wait_for((tmp_path / "owner.lock").exists, "the slow one to judge")
    quick = workflow(tmp_path)
    assert sorted([says(slow), says(quick)]) == ["refused", "works"]


def test_a_workflow_that_was_frozen_ends_once_another_has_its_place(tmp_path: Path) -> None:
    frozen = workflow(tmp_path)
    assert says(frozen) == "works"
    os.kill(frozen.pid, signal.SIGSTOP)
    time.sleep(0.3)
    successor = workflow(tmp_path, machine="elsewhere", silence=0.2)
    assert says(successor) == "works"
    claim = (tmp_path / "owner.json").read_bytes()
    (tmp_path / "locks").mkdir()
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(timeout=60) == 1
    said = frozen.communicate()[1]
    assert f"another works here (process {successor.pid} on elsewhere" in said
    assert (tmp_path / "owner.json").read_bytes() == claim
    assert (tmp_path / "locks").exists()
    assert successor.poll() is None


def test_a_workflow_ends_if_its_claim_is_taken_away(tmp_path: Path) -> None:
    run = workflow(tmp_path)
    assert says(run) == "works"
    (tmp_path / "owner.json").unlink()
    assert run.wait(timeout=60) == 1
    assert run.communicate()[1] == "✗ the claim of this workflow to the folder is gone\n"


JUNK = [b"", b"nonsense", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"process": "x"}']


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_junk_is_no_claim(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "owner.json").write_bytes(content)
    assert Ownership(tmp_path).look() == (None, False)
    assert Ownership(tmp_path).release_stale() is None
    assert not (tmp_path / "owner.json").exists()


def test_what_is_no_file_in_the_place_of_a_claim_is_named_and_a_dangling_link_goes(tmp_path: Path) -> None:
    for name in ("owner.json", "owner.lock"):
        folder = tmp_path / f"in the way of {name}"
        (folder / name).mkdir(parents=True)
        if name == "owner.lock":
            record(folder)
        with pytest.raises(
            UserError, match=rf"{re.escape(str(folder / name))}: is no record of a run \(.*\); delete it"
        ):
            Ownership(folder).release_stale()
    (tmp_path / "owner.json").symlink_to(tmp_path / "nowhere")
    assert says(workflow(tmp_path)) == "works"


def test_a_date_that_is_yet_to_come_keeps_nobody_alive(tmp_path: Path) -> None:
    record(tmp_path, machine="elsewhere", command="x" * 10**6)
    tomorrow = time.time() + 86400
    os.utime(tmp_path / "owner.json", (tomorrow, tomorrow))
    found, alive = Ownership(tmp_path).look()
    assert not alive
    assert len(str(found)) < 1000
    assert says(workflow(tmp_path)) == "works"


@pytest.mark.parametrize("process", [0, -1, 10**30])
def test_a_number_that_no_process_has_is_nobody(tmp_path: Path, process: int) -> None:
    record(tmp_path, process=process)
    assert Ownership(tmp_path).look()[1] is False


def test_what_a_claim_says_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    record(tmp_path, command="snakemake\x1b]0;title\x07\x1b[2J\u202e", since="\u009b31m")
    owner, _ = Ownership(tmp_path).look()
    assert str(owner).isprintable()
    assert "snakemake\\x1b]0;title" in str(owner)


def test_a_claim_that_may_not_be_read_is_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    record(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", hidden)
    for does in (Ownership(tmp_path).look, Ownership(tmp_path).release_stale):
        with pytest.raises(UserError, match=r"owner\.json: another user works or worked here; name [^\n]+$"):
            does()
    assert (tmp_path / "owner.json").exists()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_claim_may_be_read_by_whoever_the_umask_says(tmp_path: Path, mask: int, mode: int) -> None:
    program = (
        f"import os, sys; os.umask({mask}); from pathlib import Path; from threephase.jobs.owner import Ownership;"
        f"Ownership(Path({str(tmp_path)!r})).acquire();"
        f"print(Path({str(tmp_path / 'owner.json')!r}).stat().st_mode & 0o777)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(said) == mode
    assert [path.name for path in tmp_path.iterdir()] == []


def record(folder: Path, **changes: Any) -> None:
    """A claim as a workflow writes it."""
    claim = {"process": 1, "started": 1.0, "machine": "here", "since": "today", "command": "snakemake"}
    (folder / "owner.json").write_text(json.dumps(claim | changes))
