"""The list of runs: what is there of each, with its scores and cost."""

import json
from pathlib import Path

import pytest

from threephase.artifacts.folders import write_json, writing
from threephase.commands.cli import main

CONFIG = """
datasets: {d: {source: {train: x.csv}, test_size: 9}}
models: {m: {path: m}}
variants: {3-Phase: [dae, ft], FT: [ft]}
grid: [{seeds: [1, 2]}]
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(CONFIG)
    for seed, recipe, failed in ((1, "dae", None), (1, "ft", None), (2, "dae", None), (2, "ft", "ft: the loss is nan")):
        with writing(tmp_path / f"results/checkpoints/d/m/seed{seed}/{recipe}") as folder:
            write_json(folder / "provenance.json", {"wall_seconds": 10.04 * seed, "best_validation_score": 0.75})
            if failed:
                write_json(folder / "failed.json", {"reason": failed})
    with writing(tmp_path / "results/evaluations/d/m/seed1/ft") as folder:
        write_json(folder / "metrics.json", {"accuracy": 0.875, "f1": 0.5})
    return tmp_path


def asked(folder: Path, *more: str) -> list[str]:
    return ["runs", "--configfile", str(folder / "c.yaml"), "--results", str(folder / "results"), *more]


def test_each_run_has_its_state_scores_and_cost(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(results, "--json")) == 0
    rows = json.loads(capsys.readouterr().out)
    shown = [(row["variant"], row["seed"], row["state"], row["accuracy"], row["seconds"]) for row in rows]
    assert shown == [
        ("3-Phase", 1, "dae", None, 10.0), ("3-Phase", 2, "dae", None, 20.1), ("FT", 1, "done", 0.875, 10.0),
        ("FT", 2, "failed", None, 20.1),
    ]  # fmt: skip
    assert rows[2]["validation"] == 0.75
    assert main(asked(results)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "4 runs: 2 dae, 1 done, 1 failed"


def test_names_and_seeds_leave_the_others_out(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(results, "--variant", "FT", "--seed", "2", "3", "--csv")) == 0
    assert [line[:8] for line in capsys.readouterr().out.splitlines()] == ["dataset,", "d,m,FT,2"]
    assert main(asked(results, "--variant", "TF")) == 2
    assert "unknown variant 'TF'" in capsys.readouterr().err
