"""Several processes train one model as one process does with the same batches."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
from running import warm
from trainings import QUICK, weights

from threephase import processes as shared
from threephase.errors import InterruptionError, UserError
from threephase.jobs.together import train_together
from threephase.jobs.warm import FOLDER
from threephase.phases.all import PHASES
from threephase.phases.joint import JointBatches, JointKey
from threephase.phases.run import run_phase
from threephase.processes import shard_of_batch
from threephase.training.batches import Key, ShuffledBatches

pytestmark = pytest.mark.takes(seconds=100)


@pytest.fixture(autouse=True)
def _warm_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes start from the libraries loaded, as in a workflow."""
    for name, value in warm().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def calm_base(base_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny BERT without dropout: each process has draws of its own."""
    from sentence_transformers import SentenceTransformer

    from threephase.artifacts.folders import file_hashes, write_json

    folder = tmp_path_factory.mktemp("calm") / "base"
    encoder = SentenceTransformer(str(base_models["bert"]), device="cpu")
    config = encoder.transformers_model.config
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    encoder.save(str(folder))
    write_json(folder / "complete.json", {"files": file_hashes(folder)})
    return folder


def work_of(phase: str, dataset: Path, parent: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """A training whose last batches are smaller than the others, and not all of a size."""
    settings = {"batch_size": 7, "max_length": 16, "precision": "fp32", **QUICK[phase], **changes}
    if phase == "ft":
        settings["head_dropout"] = 0.0
    return {
        "data": dataset, "parent": parent, "settings": settings, "seed": 1, "out": out, "title": phase, "code": "",
        "unfinished": None, "save_every": 300,
    }  # fmt: skip


def alone(phase: str, work: dict[str, Any]) -> None:
    run_phase(PHASES[phase], **work | {"settings": PHASES[phase].settings(**work["settings"])})


@pytest.mark.parametrize(("phase", "engine"), product(PHASES, ["packed", "library"]))
def test_two_processes_train_as_one(phase: str, engine: str, dataset: Path, calm_base: Path, tmp_path: Path) -> None:
    works = [work_of(phase, dataset, calm_base, tmp_path / name, engine=engine) for name in ("one", "two")]
    alone(phase, works[0])
    train_together(2, PHASES[phase], None, works[1])
    one, two = (pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "two"))
    # Sums of other order; a gradient is a sum of parts that nearly cancel, so that its norm shows it most.
    norms = [history.pop("grad_norm") for history in (one, two)]
    pd.testing.assert_series_equal(*norms, rtol=1e-3, atol=1e-6)
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6)
    assert weights(tmp_path / "one").keys() == weights(tmp_path / "two").keys()
    # By tensor, not by element: where a gradient nearly cancels, AdamW makes a step of what rounding left of it.
    # A step at this learning rate moves a weight by 1e-3.
    others = weights(tmp_path / "two")
    for name, weight in weights(tmp_path / "one").items():
        assert (weight - others[name]).square().mean().sqrt() < 1e-5, name
    recorded = [json.loads((tmp_path / name / "provenance.json").read_text())["processes"] for name in ("one", "two")]
    assert recorded == [1, 2]


def parts_of(batches: Any, several: int, monkeypatch: pytest.MonkeyPatch, stream: Any = lambda key: None) -> list[Any]:
    found = []
    for number in range(several):
        monkeypatch.setattr(shared, "processes", lambda: several)
        monkeypatch.setattr(shared, "rank", lambda number=number: number)
        found.append([shard_of_batch(batch, stream) for batch in batches.of_epoch(0)])
    return found


@pytest.mark.parametrize("several", [2, 3, 8])
def test_parts_do_not_overlap_and_make_up_the_batch(several: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = ShuffledBatches(rows=50, batch_size=16, seed=1, purpose="order")
    parts = parts_of(batches, several, monkeypatch)
    for number, whole in enumerate(batches.of_epoch(0)):
        shares = [part[number] for part in parts]
        if len(whole) < several:
            assert all(share == whole for share in shares)
        else:
            assert sorted(key for share in shares for key in share) == sorted(whole)
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_part_has_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, pairs = (ShuffledBatches(rows, 5, 1, "order") for rows in (10, 6))
    batches = JointBatches(texts, [pairs], steps=2)
    parts = parts_of(batches, 2, monkeypatch, stream=lambda key: key.stream)
    for number, whole in enumerate(batches.of_epoch(0)):
        shares = [part[number] for part in parts]
        assert {key.stream for share in shares for key in share} == {"dae", "cl"}
        assert set(whole) == {key for share in shares for key in share}
        assert all({key.stream for key in share} == {"dae", "cl"} for share in shares)
    assert isinstance(parts[0][0][0], JointKey)
    assert isinstance(parts[0][0][0].key, Key)


def test_a_fault_is_one_clear_line(dataset: Path, calm_base: Path, tmp_path: Path) -> None:
    work = work_of("ft", dataset, calm_base, tmp_path / "out", label_level=3)
    with pytest.raises(UserError, match="has 1 label level"):
        train_together(2, PHASES["ft"], None, work)
    assert not (tmp_path / "out").exists()


def test_the_guard_holds_in_each_process(dataset: Path, calm_base: Path, tmp_path: Path) -> None:
    work = work_of("ft", dataset, calm_base, tmp_path / "out", stopping_split="test")
    with pytest.raises(UserError, match="test split"):
        train_together(2, PHASES["ft"], dataset.parent, work)


def test_a_signal_stops_them_at_one_step_and_they_go_on(dataset: Path, calm_base: Path, tmp_path: Path) -> None:
    alone("dae", work_of("dae", dataset, calm_base, tmp_path / "undisturbed", epochs=12))
    work = work_of("dae", dataset, calm_base, tmp_path / "out", epochs=12)
    work |= {"unfinished": tmp_path / "states", "save_every": 0}

    def stop_once_it_trains() -> None:
        while not list((tmp_path / "states").glob("*/step*/complete.json")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_once_it_trains, daemon=True).start()
    with pytest.raises(InterruptionError, match="goes on from its saved state"):
        train_together(2, PHASES["dae"], None, work)
    train_together(2, PHASES["dae"], None, work)
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert 0 < record["resumed_after_step"] < record["steps"]
    for name, weight in weights(tmp_path / "undisturbed").items():
        torch.testing.assert_close(weight, weights(tmp_path / "out")[name], rtol=1e-3, atol=1e-4)


@pytest.fixture
def job_in_training(dataset: Path, calm_base: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A job whose two processes train."""
    work = work_of("dae", dataset, calm_base, tmp_path / "out", epochs=500)
    work |= {"unfinished": tmp_path / "states", "save_every": 0}
    program = (
        "import sys, json; from threephase.phases.dae import DAE;"
        "from threephase.jobs.together import train_together;"
        "train_together(2, DAE, None, json.loads(sys.argv[1]))"
    )
    cold = {name: value for name, value in os.environ.items() if name != FOLDER}  # its processes are its children
    command = [sys.executable, "-c", program, json.dumps(work, default=str)]
    job = subprocess.Popen(command, env=cold, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "states").glob("*/step*/complete.json")):
        assert job.poll() is None
        time.sleep(0.05)
    yield job
    job.kill()
    job.wait()


def test_processes_listen_to_their_machine_alone_and_leave_with_a_killed_job(
    job_in_training: subprocess.Popen[bytes],
) -> None:
    job = psutil.Process(job_in_training.pid)
    ranks = job.children()
    assert len(ranks) == 2
    connections = [made for process in (job, *ranks) for made in process.net_connections(kind="inet")]
    assert any(made.status == psutil.CONN_ESTABLISHED for made in connections)
    assert {made.laddr.ip for made in connections} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    job_in_training.kill()
    job_in_training.wait()
    assert not psutil.wait_procs(ranks, timeout=20)[1]


def test_a_rank_that_dies_ends_the_training(job_in_training: subprocess.Popen[bytes]) -> None:
    first, second = psutil.Process(job_in_training.pid).children()
    second.kill()
    assert job_in_training.wait(60) != 0
    assert not first.is_running()
