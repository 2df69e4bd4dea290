"""The grid on a real SLURM: jobs that run there, are cancelled, lack memory, lose their workflow, share a study."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cluster
import pandas as pd
import pytest
from running import PROJECT, wait_for, write_config

FT: dict[str, Any] = {"variants": {"FT": ["ft"]}, "grid": [{"seeds": [1]}]}
TARGET = "results/evaluations/topics/tiny/seed1/ft/complete.json"
MEMORY = {"dae": 2500, "cl": 2500, "joint": 2500, "ft": 2500, "study_worker": 2500}

pytestmark = [
    pytest.mark.takes(seconds=300),
    pytest.mark.skipif(cluster.missing() is not None, reason=str(cluster.missing())),
]


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with cluster.running(tmp_path_factory.mktemp("slurm")):
        yield


def submitted(folder: Path, *targets: str, **memory: str) -> subprocess.Popen[str]:
    """The workflow with the shipped profile; what a user fills in, and this machine's size, on the command line."""
    needs = {rule: str(mb) for rule, mb in MEMORY.items()} | memory
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    resources = [f"{rule}:{name}={value}" for rule, mb in needs.items() for name, value in (
        ("mem_mb", mb), ("runtime", "10"), ("cpus_per_task", "1"), ("gres", "None"))]  # fmt: skip
    return subprocess.Popen(
        [
            "snakemake", "--profile", "profiles/slurm", "--snakefile", str(PROJECT / "Snakefile"),
            "--directory", str(folder), "--configfile", str(folder / "config.yaml"),
            "--default-resources", f"slurm_partition={cluster.PARTITION}", "slurm_account=none", "mem_mb=2500",
            "runtime=10", "--set-resources", *resources, "--slurm-init-seconds-before-status-checks", "1",
            "--seconds-between-status-checks", "1",
            "--", *targets,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=PROJECT,
        start_new_session=True,
    )  # fmt: skip


def finished(run: subprocess.Popen[str]) -> str:
    said, _ = run.communicate(timeout=500)
    return said


def jobs_of(rule: str) -> list[list[str]]:
    """State and memory of the jobs that SLURM had for a rule, oldest first."""
    rows = sorted(cluster.jobs("JobID", "State", "MinMemory", "Comment"), key=lambda row: int(row[0]))
    return [row[1:3] for row in rows if f"rule_{rule}_" in row[3]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    """A grid of one run, made on the cluster as its first, though its base model's job was cancelled once."""
    folder = tmp_path_factory.mktemp("ran")
    write_config(folder, source_csv, tiny_bert, **FT)
    run = submitted(folder, TARGET)
    wait_for(lambda: [state for state, _ in jobs_of("base_model")] == ["RUNNING"], "the job to run", 300)
    (number,) = [row[0] for row in cluster.jobs("JobID", "Comment") if "base_model" in row[1]]
    subprocess.run(["scancel", number], check=True)
    said = finished(run)
    assert run.returncode == 0, said
    (folder / "terminal.txt").write_text(said)
    return folder


@pytest.fixture
def prepared(ran: Path, tmp_path: Path) -> Path:
    """A folder with the dataset and the base model, and no training yet."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    for name in ("checkpoints", "evaluations", "logs"):
        shutil.rmtree(tmp_path / "results" / name)
    return tmp_path


def test_the_jobs_run_on_the_cluster(ran: Path) -> None:
    rows = cluster.jobs("JobID", "State", "Partition", "Comment")
    assert sorted(row[3].split("_wildcards")[0] for row in rows) == [
        "rule_base_model", "rule_base_model", "rule_dataset", "rule_ft", "rule_short_evaluate"
    ]  # fmt: skip
    assert {row[2] for row in rows} == {cluster.PARTITION}
    assert [row[1] for row in rows if row[1] != "COMPLETED"] == ["CANCELLED"]
    assert (ran / TARGET).exists()


def test_a_cancelled_job_is_reported_and_comes_back(ran: Path) -> None:
    assert "CANCELLED" in (ran / "terminal.txt").read_text()
    assert [state for state, _ in jobs_of("base_model")] == ["CANCELLED", "COMPLETED"]


def test_a_job_killed_for_memory_comes_back_with_more(prepared: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(prepared, source_csv, tiny_bert, **FT)
    before = len(jobs_of("ft"))
    run = submitted(
        prepared, "results/checkpoints/topics/tiny/seed1/ft/complete.json", ft="250*attempt*attempt*attempt"
    )
    said = finished(run)
    assert run.returncode == 0, said
    states, memory = zip(*jobs_of("ft")[before:], strict=True)
    assert states[-1] == "COMPLETED"
    assert len(states) > 1
    assert set(states[:-1]) <= {"OUT_OF_MEMORY", "CANCELLED", "FAILED"}
    assert list(memory) == [f"{250 * attempt**3}M" for attempt in range(1, len(memory) + 1)]


def test_a_killed_workflows_jobs_end_and_the_next_run_goes_on(
    prepared: Path, source_csv: Path, tiny_bert: Path
) -> None:
    slow = {"all": {"max_length": 16, "batch_size": 1, "lr": 1e-4, "precision": "fp32"}}
    changes = FT | {
        "hyperparameters": {
            "default": slow | {"ft": {"max_epochs": 90, "patience": 90}}
        },  # outlasts its workflow by far
        "save_every": 1,
    }
    write_config(prepared, source_csv, tiny_bert, **changes)
    before = len(jobs_of("ft"))
    run = submitted(prepared, TARGET)
    states = prepared / "results/unfinished"
    wait_for(lambda: list(states.rglob("complete.json")), "a saved state", 300)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    again = submitted(prepared, "results/models/tiny/complete.json")
    said = finished(again)
    assert "A run was killed here (process " in said
    assert "s for its jobs on other machines to end." in said
    wait_for(lambda: [state for state, _ in jobs_of("ft")[before:]] == ["FAILED"], "the orphan to end", 120)
    log = prepared / "results/logs/checkpoints/topics/tiny/seed1/ft.log"
    finish = submitted(prepared, TARGET)
    # The log goes as its job starts anew, and comes with its first line.
    wait_for(lambda: log.exists() and "goes on after step" in log.read_text(), "the next run to go on", 300)
    finish.send_signal(signal.SIGINT)  # that it would come to an end is what every other test shows
    finished(finish)


def test_two_workers_of_a_study_are_two_jobs(prepared: Path, source_csv: Path, tiny_bert: Path) -> None:
    tuning = {"enabled": True, "trials": 2, "workers": 2, "space": {"ft.lr": {"low": 1e-4, "high": 1e-2, "log": True}}}
    write_config(prepared, source_csv, tiny_bert, **FT, tuning=tuning)
    before = len(jobs_of("study_worker"))
    run = submitted(prepared, "results/tuning/topics/tiny/main/best.yaml")
    said = finished(run)
    assert run.returncode == 0, said
    assert [state for state, _ in jobs_of("study_worker")[before:]] == ["COMPLETED", "COMPLETED"]
    assert len(pd.read_csv(prepared / "results/tuning/topics/tiny/main/trials.csv")) == 2


def test_the_profile_fills_the_queue(prepared: Path, source_csv: Path, tiny_bert: Path) -> None:
    """More jobs are submitted than this machine has processors: the profile beside the Snakefile holds none back."""
    write_config(prepared, source_csv, tiny_bert, **FT | {"grid": [{"seeds": [1, 2, 3, 4, 5]}]})
    before = len(jobs_of("ft"))
    with cluster.drained():  # that five trainings come to an end is no news
        run = submitted(
            prepared, *(TARGET.replace("evaluations", "checkpoints").replace("seed1", f"seed{n}") for n in range(1, 6))
        )
        wait_for(lambda: len(jobs_of("ft")) - before == 5, "five jobs", 300)
        run.send_signal(signal.SIGINT)
        finished(run)
