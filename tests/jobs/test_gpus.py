"""Jobs on one machine share no GPU."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from threephase.errors import UserError
from threephase.jobs.gpus import acquire, visible
from threephase.jobs.private import users_folder

HOLDER = """
import os, sys, time
from pathlib import Path
from threephase.jobs.gpus import acquire
acquire(int(sys.argv[1]), "job", Path(sys.argv[2]))
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
time.sleep(60)
"""


class Holder:
    """A job that acquires GPUs and keeps them."""

    def __init__(self, number: int, folder: Path, **environment: str) -> None:
        command = [sys.executable, "-c", HOLDER, str(number), str(folder)]
        given = os.environ | {"CUDA_VISIBLE_DEVICES": "0,1,GPU-ab"} | environment
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=given)

    def gpus(self) -> list[str]:
        """What it got, once it has it."""
        assert self.process.stdout
        return self.process.stdout.readline().strip().split(",")

    def waits(self) -> bool:
        """Whether it says that it waits."""
        assert self.process.stderr
        return "waits for a GPU" in self.process.stderr.readline()

    def kill(self) -> None:
        """End it without a chance to give anything back."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def test_no_two_jobs_share_a_gpu_and_a_killed_one_frees_its_own(tmp_path: Path) -> None:
    first, second = Holder(2, tmp_path), None
    try:
        taken = first.gpus()
        second = Holder(1, tmp_path)
        assert sorted(taken + second.gpus()) == ["0", "1", "GPU-ab"]
        third = Holder(1, tmp_path)
        assert third.waits()
        first.kill()
        assert set(third.gpus()) < set(taken)
        third.kill()
    finally:
        for holder in filter(None, (first, second)):
            holder.kill()


def test_what_a_cluster_gave_to_each_job_is_its_own(tmp_path: Path) -> None:
    """Two jobs of a cluster on one machine may both call theirs 0."""
    holders = [Holder(1, tmp_path, SLURM_JOB_ID=job, CUDA_VISIBLE_DEVICES="0") for job in ("7", "8")]
    try:
        assert [holder.gpus() for holder in holders] == [["0"], ["0"]]
    finally:
        for holder in holders:
            holder.kill()


def test_too_few_gpus_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UserError, match="4 processes need 4 GPUs, but 2 are there"):
        acquire(4, "job")


def test_a_machine_without_gpus_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    acquire(2, "job")
    assert visible() == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_job_that_asks_for_none_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    acquire(0, "job")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_locks_lie_where_no_other_user_can_have_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = users_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert users_folder() == folder
    folder.chmod(0o777)
    with pytest.raises(UserError, match="is not a private folder of yours; remove it"):
        users_folder()
    folder.rmdir()
    folder.symlink_to(tmp_path / "anywhere")
    with pytest.raises(UserError, match="is not a private folder of yours"):
        users_folder()
