"""A workflow on a machine that fails: killed, started twice, damaged, full, read-only, diverging, set back in time."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hub import running_hub
from running import QUICK, plan, snakemake, started, wait_for, write_config

pytestmark = pytest.mark.takes(seconds=240)

CHECKPOINTS = "results/checkpoints/topics/tiny/seed1"
SMALL: dict[str, Any] = {"variants": {"3-Phase": ["dae", "cl", "ft"]}, "grid": [{"seeds": [1]}], "save_every": 0}


def results_of(folder: Path) -> dict[str, Any]:
    """What must be the same however a grid came about: weights, histories, predictions, tables."""
    patterns = ["results/checkpoints/**/*.safetensors", "results/checkpoints/**/history.csv", "results/tables/table*"]
    files = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    for path in folder.glob("results/evaluations/**/predictions.parquet"):
        found[path.relative_to(folder).as_posix()] = pd.read_parquet(path).to_csv()
    assert len(found) > 25
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_config(folder, source_csv, tiny_bert, **SMALL)
    snakemake(folder)
    return folder


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of a finished grid."""
    return Path(shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True))


def processes_of(folder: Path) -> list[int]:
    """Jobs that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{folder}/.snakemake/scripts" in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the jobs in /proc")
def test_a_workflow_killed_again_and_again_gets_through_and_is_the_same(
    request: pytest.FixtureRequest, undisturbed: Path, tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    """Which shows too that two runs in two folders are the same."""
    write_config(tmp_path, source_csv, tiny_bert, **SMALL)
    rng = random.Random(1)
    kills = max(3, request.config.getoption("--kills") // 10)
    for kill in range(kills):
        run = started(tmp_path)
        time.sleep(rng.uniform(6, 20))
        number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[kill % 3]
        jobs = processes_of(tmp_path)
        if number == signal.SIGTERM and jobs:  # a job alone, as by the kernel for want of memory
            os.kill(rng.choice(jobs), signal.SIGKILL)
            os.killpg(run.pid, signal.SIGTERM)
        elif number == signal.SIGINT:
            os.killpg(run.pid, number)
        else:
            os.kill(run.pid, number)
        run.wait(timeout=300)
        wait_for(lambda: not processes_of(tmp_path), "the jobs to end with their workflow", 10)
    assert snakemake(tmp_path).returncode == 0
    assert results_of(tmp_path) == results_of(undisturbed)
    assert not list(tmp_path.rglob("*.partial*"))
    assert not list((tmp_path / "results/unfinished").glob("*"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the jobs in /proc")
def test_a_signal_to_the_workflow_alone_or_to_all_of_it_has_trainings_save_their_state_and_end(
    tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    longest = QUICK | {"ft": {"max_epochs": 10_000, "stopping": "none"}}
    write_config(
        tmp_path, source_csv, tiny_bert,
        variants={"FT": ["ft"]}, grid=[{"seeds": [1, 2]}], hyperparameters={"default": longest},
        save_every=1, tables={"reference": "FT", "main": ["FT"]},
    )  # fmt: skip
    ways = (
        (os.kill, signal.SIGTERM),
        (os.kill, signal.SIGINT),
        (os.killpg, signal.SIGTERM),
        (os.killpg, signal.SIGINT),
    )
    for send, number in ways:
        begun = time.time()
        run = started(tmp_path, "--logger", "threephase")
        wait_for(lambda: len(saved_after(begun, tmp_path)) == 2, "both trainings to save a state")  # noqa: B023
        send(run.pid, number)
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 1
        assert not processes_of(tmp_path)
        assert said.count("Stopping: trainings") == 1
        stopped = r"stopped by SIG(?:TERM|INT) after step \d+ of \d+; the same command goes on from its saved state"
        assert len(re.findall(stopped, said)) == 2
        assert "! Stopped; " in said


def saved_after(moment: float, folder: Path) -> set[Path]:
    """Where trainings have saved states since."""
    found = set()
    for path in (folder / "results/unfinished").rglob("*"):
        with suppress(FileNotFoundError):  # a newer one took its place
            if path.is_file() and path.stat().st_mtime > moment:
                found.add(path.parent)
    return found


def test_a_second_workflow_is_refused_and_a_killed_ones_lock_is_taken_away(
    tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    write_config(tmp_path, source_csv, tiny_bert, **SMALL)
    first = started(tmp_path)
    wait_for((tmp_path / ".snakemake/owner.json").exists, "the first to begin")
    second = snakemake(tmp_path, check=False)
    assert second.returncode != 0
    assert f"Another run works here (process {first.pid} on " in second.stderr
    assert second.stderr.strip().splitlines()[-1].endswith("Wait for it, or stop it.")
    assert snakemake(tmp_path, "--dry-run").returncode == 0
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert list((tmp_path / ".snakemake/locks").iterdir())
    third = snakemake(tmp_path, "--", "results/data/topics/dataset.json")
    assert f"A run was killed here (process {first.pid} on " in third.stderr
    assert not (tmp_path / ".snakemake/owner.json").exists()


def test_a_workflow_that_was_frozen_ends_with_its_jobs_once_another_works_in_its_folder(
    tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    """Frozen with its machine for minutes: a run on another machine has rightly taken its place."""
    write_config(tmp_path, source_csv, tiny_bert, **SMALL)
    frozen = started(tmp_path)
    claim = tmp_path / ".snakemake/owner.json"
    wait_for(claim.exists, "it to begin")
    wait_for(lambda: processes_of(tmp_path), "its first job")
    os.kill(frozen.pid, signal.SIGSTOP)
    successors = json.dumps(json.loads(claim.read_text()) | {"machine": "elsewhere"})
    claim.unlink()
    claim.write_text(successors)
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(timeout=60) == 1
    said, _ = frozen.communicate(timeout=60)
    assert f"another works here (process {frozen.pid} on elsewhere" in said
    wait_for(lambda: not processes_of(tmp_path), "the jobs to end with their workflow", 10)
    assert claim.read_text() == successors
    assert list((tmp_path / ".snakemake/locks").iterdir())


def test_damage_is_named_and_made_good_by_the_next_run(finished: Path) -> None:
    expected = results_of(finished)
    weights = finished / CHECKPOINTS / "dae.cl/model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    (finished / "results/evaluations/topics/tiny/seed1/dae.cl.ft/metrics.json").write_text("{}")
    done = snakemake(finished)
    said = done.stderr.splitlines()
    for folder, file in (
        (f"{CHECKPOINTS}/dae.cl", "model.safetensors"),
        ("results/evaluations/topics/tiny/seed1/dae.cl.ft", "metrics.json"),
    ):
        assert f"{folder}/{file}: altered since it was written; {folder} will be made again." in said
    assert "✓ dae " not in done.stderr
    assert "✓ cl " in done.stderr
    assert results_of(finished) == expected
    assert "Nothing to be done" in plan(finished)


def test_altered_data_and_base_models_are_made_again_too(finished: Path) -> None:
    expected = results_of(finished)
    with (finished / "results/data/topics/train.parquet").open("ab") as file:
        file.write(b"x")
    (finished / "results/models/tiny/tokenizer.json").unlink()
    said = snakemake(finished, "--", "3-Phase").stderr  # the test before this makes probes and tables again too
    assert "results/data/topics/train.parquet: altered since it was written; results/data/topics will be made" in said
    assert "results/models/tiny/tokenizer.json: missing, though its folder was complete; results/models/tiny" in said
    assert results_of(finished) == expected


def test_damage_that_bears_an_old_date_is_found_before_use(finished: Path, source_csv: Path, tiny_bert: Path) -> None:
    weights = finished / CHECKPOINTS / "dae/model.safetensors"
    dates = weights.stat()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    changes = SMALL | {"variants": {"3-Phase": ["dae", "cl", "ft"], "DAE+FT": ["dae", "ft"]}}
    write_config(finished, source_csv, tiny_bert, **changes)
    wanted = f"{CHECKPOINTS}/dae.ft/complete.json"
    first = snakemake(finished, "--", wanted, check=False)
    assert first.returncode != 0
    assert "dae/model.safetensors: altered since it was written; run the same command again" in first.stderr
    assert "✓ dae " in snakemake(finished, "--", wanted).stderr
    assert (finished / wanted).exists()


def test_damage_to_the_users_own_files_is_refused_and_they_stay(
    tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    model = tmp_path / "own-model"
    shutil.copytree(tiny_bert, model)
    os.truncate(model / "model.safetensors", 1000)
    table = tmp_path / "own.parquet"
    pd.read_csv(source_csv).to_parquet(table)
    os.truncate(table, table.stat().st_size - 10)
    for source, base in ((source_csv, model), (table, tiny_bert)):
        folder = tmp_path / source.stem
        folder.mkdir()
        write_config(folder, source, base, **SMALL)
        done = snakemake(folder, check=False)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("✗")]
        assert str(model if base == model else table) in line
    assert (model / "model.safetensors").stat().st_size == 1000


def test_a_damaged_download_is_fetched_again(tmp_path: Path, tiny_bert: Path) -> None:
    import test_downloads

    topics = tmp_path / "hub/datasets/owner/topics"
    topics.mkdir(parents=True)
    test_downloads.made_up_rows({"sport": 40, "money": 30}).to_csv(topics / "train.csv", index=False)
    shutil.copytree(tiny_bert, tmp_path / "hub/models/owner/tiny")
    wanted = "results/data/topics/dataset.json"
    with running_hub(tmp_path / "hub") as hub:
        test_downloads.run(tmp_path, hub.url, test_downloads.config([1], ["topics"]), wanted)
        fetched = tmp_path / "results/downloads/data/topics/train.parquet"
        os.truncate(fetched, 100)
        done = test_downloads.run(tmp_path, hub.url, test_downloads.config([1], ["topics"]), wanted)
    assert (
        "downloads/data/topics/train.parquet: altered since it was written; results/downloads/data/topics"
        in done.stderr
    )
    assert fetched.stat().st_size > 100


def test_a_diverged_training_is_a_dash_with_its_reason_and_costs_no_other_run(
    tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    hot = {"cl": {"tag": "hot", "lr": 1e30}}
    variants = {"3-Phase": ["dae", "cl", "ft"], "hot": ["dae", hot, "ft"]}
    write_config(tmp_path, source_csv, tiny_bert, variants=variants, grid=[{"seeds": [1]}])
    done = snakemake(tmp_path)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("✗ cl ")]
    assert "loss is nan at step " in line
    assert re.search(
        r", learning rate \d\.?\d*e\+\d\d; lower `lr` or raise `warmup` \(marked as failed in the tables\)", line
    )
    failed = tmp_path / CHECKPOINTS / "dae.cl-hot"
    assert "cl: the " in json.loads((failed / "failed.json").read_text())["reason"]
    from threephase.encoders.encoder import load_encoder

    assert all(bool(weight.isfinite().all()) for weight in load_encoder(failed).parameters())
    table = (tmp_path / "results/tables/table4_ablation.md").read_text()
    assert "Failed, and left out of means: hot on topics with tiny, seed 1 (cl: the " in table
    (row,) = [line for line in table.splitlines() if line.startswith("| topics")]
    assert [cell.strip() for cell in row.split("|")][4] == "–"
    results = pd.read_csv(tmp_path / "results/tables/results.csv").set_index("variant")
    assert results["accuracy"].notna().to_dict() == {"3-Phase": True, "hot": False}
    summary = subprocess.run(
        [str(Path(sys.executable).parent / "threephase"), "summary", str(tmp_path / "results")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert summary.returncode == 1
    assert "✗ hot on topics with tiny, seed 1: failed, cl: the " in summary.stderr


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A disk of its own, as large as said; skips where this user may not mount one."""
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_space(
    undisturbed: Path, tmp_path: Path, source_csv: Path, tiny_bert: Path
) -> None:
    with small_disk(tmp_path / "disk", "900k") as disk:
        write_config(disk, source_csv, tiny_bert, **SMALL | {"save_every": 1000})
        first = snakemake(disk, "--", "3-Phase", check=False)
        assert first.returncode != 0
        lines = [line for line in first.stderr.splitlines() if line.startswith("✗")]
        assert lines  # one, or two where two jobs meet it at once
        assert all("the disk is full; free some space and run the same command again" in line for line in lines), lines
        assert not list(disk.rglob("*.partial*"))
        remount(disk, "size=100m")
        snakemake(disk)
        assert results_of(disk) == results_of(undisturbed)


def test_a_folder_that_may_not_be_written_is_named_before_work_starts(undisturbed: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "100m") as disk:
        shutil.copytree(undisturbed, disk, dirs_exist_ok=True)
        remount(disk, "ro")
        done = snakemake(disk, "--forcerun", "ft", check=False)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1] == (
        f"{disk}: may not be written; name a folder of your own (--directory)"
    )


def test_a_clock_set_back_reruns_nothing_and_stops_nothing(finished: Path, source_csv: Path, tiny_bert: Path) -> None:
    """Seen from a clock that was set back, all that is there comes from tomorrow."""
    tomorrow = time.time() + 86400
    for path in finished.rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    write_config(finished, source_csv, tiny_bert, **SMALL | {"grid": [{"seeds": [1, 2]}]})
    done = snakemake(finished, "--", "3-Phase")
    assert "results came from the future (was the clock set back?); they are dated now." in done.stderr
    assert "seed 1" not in "".join(line for line in done.stderr.splitlines() if line.startswith("✓"))
    planned = [line for line in plan(finished).splitlines() if line.startswith("Job ")]
    assert any("probe · topics · tiny · dae · seed 2" in line for line in planned)
    assert not any("seed 1" in line for line in planned)
    assert json.loads((finished / f"{CHECKPOINTS[:-1]}2/dae/provenance.json").read_text())["wall_seconds"] > 0
