"""Killed at any moment, resumed, identical: weights, histories, metrics and tables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.takes(seconds=30)

PROGRAM = Path(__file__).parents[1] / "kills.py"


@pytest.fixture(scope="module")
def kills(request: pytest.FixtureRequest, dataset: Path, base_models: dict[str, Path], tmp_path_factory) -> dict:
    number = request.config.getoption("--kills")
    folder = tmp_path_factory.mktemp("kills")
    command = [sys.executable, str(PROGRAM), str(dataset), str(base_models["bert"]), str(folder), str(number), "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    print({name: sum(work[name] for work in report["found"]) for name in ("kills", "truncated")})
    assert sum(work["kills"] for work in report["found"]) >= number
    return report


def test_the_results_are_those_of_an_undisturbed_run(kills: dict) -> None:
    for work in kills["found"]:
        assert work["hashes"] == kills["expected"][work["work"]], work["work"]


def test_at_most_one_interval_is_trained_again(kills: dict) -> None:
    assert max(work["most_steps_again"] for work in kills["found"]) <= 1


def test_nothing_half_written_and_no_state_is_left(kills: dict) -> None:
    assert kills["left"] == []
