"""A tiny grid through the real Snakemake: what it makes, what it shares, what it says, what a failure costs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
QUICK = {"all": {"max_length": 16, "batch_size": 8, "lr": 1e-3, "precision": "fp32"}, "dae": {"epochs": 1},
         "cl": {"pairs_per_text": 1}, "ft": {"max_epochs": 2}}  # fmt: skip


def snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder of its own."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder), "--cores", "2"]
    done = subprocess.run(
        [*command, "--configfile", str(folder / "config.yaml"), *arguments],
        capture_output=True, text=True, env=environment, cwd=PROJECT, timeout=500,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done


def plan(folder: Path) -> str:
    """What a dry run says."""
    done = snakemake(folder, "--dry-run")
    return done.stdout + done.stderr


def write_config(folder: Path, source: Path, model: Path, **changes: Any) -> None:
    config = {
        "datasets": {
            "topics": {"source": {"train": str(source)}, "test_size": 0.2, "validation_size": 0.25}
        },
        "models": {"tiny": {"path": str(model)}},
        "variants": {
            "3-Phase": ["dae", "cl", "ft"],
            "DAE+FT": ["dae", "ft"],
            "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"],
            "FT": ["ft"],
        },
        "grid": [{"seeds": [1]}, {"variants": ["FT"], "seeds": [2]}],
        "hyperparameters": {"default": QUICK},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config | changes, sort_keys=False))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    """A finished grid, and what its terminal showed."""
    folder = tmp_path_factory.mktemp("grid")
    write_config(folder, source_csv, tiny_bert)
    done = snakemake(folder)
    (folder / "terminal.txt").write_text(done.stderr + done.stdout)
    return folder


def test_shared_prefixes_are_trained_once(grid: Path) -> None:
    seed1 = {path.name for path in (grid / "results/checkpoints/topics/tiny/seed1").iterdir()}
    assert seed1 == {"dae", "dae.cl", "dae.cl.ft", "dae.ft", "dae.cl-noimb", "dae.cl-noimb.ft", "ft"}
    assert {path.name for path in (grid / "results/checkpoints/topics/tiny/seed2").iterdir()} == {"ft"}


def test_every_run_is_a_row_and_the_tables_are_there(grid: Path) -> None:
    results = pd.read_csv(grid / "results/tables/results.csv")
    assert [tuple(row) for row in results[["variant", "seed"]].itertuples(index=False)] == [
        ("3-Phase", 1), ("DAE+FT", 1), ("No Imb.", 1), ("FT", 1), ("FT", 2)
    ]  # fmt: skip
    metrics = json.loads((grid / "results/evaluations/topics/tiny/seed2/ft/metrics.json").read_text())
    assert results["accuracy"].iloc[-1] == metrics["accuracy"]
    for table in (
        "table1_splits",
        "table2_lengths",
        "table3_accuracy",
        "table4_ablation",
        "table5_hyperparameters",
        "table6_precision_recall",
        "table7_f1",
        "audit_published",
    ):
        for ending in ("csv", "md", "tex"):
            assert (grid / f"results/tables/{table}.{ending}").stat().st_size > 100


def test_the_terminal_names_each_job_and_is_free_of_library_noise(grid: Path) -> None:
    shown = (grid / "terminal.txt").read_text()
    assert "✓ dae  · topics · tiny · 3-Phase and 2 more · seed 1 · dae · best validation loss" in shown
    assert "✓ cl   · topics · tiny · No Imb. · seed 1 · dae.cl-noimb · best validation loss" in shown
    assert "warn" not in shown.lower()
    logs = [path.read_text() for path in (grid / "results/logs").rglob("*.log")]
    assert len(logs) == 2 + 1 + 8 + 5 + 9  # data and model, audit, trainings, evaluations, tables
    assert not [line for log in logs for line in log.splitlines() if "warning" in line.lower()]


def test_nothing_runs_again_when_nothing_changed_even_when_touched(grid: Path) -> None:
    for path in [*(PROJECT / "src").rglob("*.py"), *(PROJECT / "workflow/scripts").glob("*.py")]:
        path.touch()
    assert "Nothing to be done" in plan(grid)


def test_an_edited_setting_reruns_its_phase_and_what_follows(grid: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = (grid / "config.yaml").read_text()
    changed = QUICK | {"cl": {"pairs_per_text": 2}}
    write_config(grid, source_csv, tiny_bert, hyperparameters={"default": changed})
    planned = plan(grid)
    (grid / "config.yaml").write_text(before)
    assert "\ncl " in planned
    assert "\ndae " not in planned
    assert "\ndataset " not in planned


def test_titles_retrain_nothing_and_averaging_only_scores_again(grid: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = (grid / "config.yaml").read_text()
    source = {"source": {"train": str(source_csv)}, "test_size": 0.2, "validation_size": 0.25}
    planned = {}
    for change in ({"title": "Topics"}, {"averaging": "binary", "positive": "music"}):
        write_config(grid, source_csv, tiny_bert, datasets={"topics": source | change})
        text = plan(grid)
        planned[next(iter(change))] = {
            rule
            for rule in ("dataset", "audit", "dae", "cl", "ft", "evaluate", "results", "table1", "table3", "table7")
            if f"\n{rule}  " in text
        }
    (grid / "config.yaml").write_text(before)
    assert planned == {
        "title": {"results", "table1", "table3", "table7"},
        "averaging": {"evaluate", "results", "table3", "table7"},
    }


def test_a_failed_job_leaves_no_half_checkpoint_and_costs_no_other_run(
    grid: Path, source_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    shutil.copytree(grid / "results", tmp_path / "results")
    shutil.copytree(grid / ".snakemake", tmp_path / ".snakemake")
    write_config(
        tmp_path, source_csv, tiny_bert,
        variants={
            "FT": ["ft"],
            "CL+FT": [{"cl": {"tag": "broken", "validation_pairs_per_text": 1, "noise_min_words": 1}}, "ft"],
            "DAE+FT": [{"dae": {"tag": "short", "epochs": 2}}, "ft"],
        },
        grid=[{"seeds": [1]}],
    )  # fmt: skip
    base = tmp_path / "results/models/tiny"
    finished = (tmp_path / "results/checkpoints/topics/tiny/seed1/ft/complete.json").read_bytes()
    weights = base / "model.safetensors"
    dates = weights.stat()
    with weights.open("r+b") as file:
        file.seek(2000)
        file.write(b"\xff\x00\xff")
    os.utime(weights, ns=(dates.st_atime_ns, dates.st_mtime_ns))  # otherwise it is found before any job
    done = snakemake(tmp_path, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode != 0
    assert "model.safetensors: altered since it was written; run the same command again" in shown
    assert "Traceback" not in shown
    seed1 = tmp_path / "results/checkpoints/topics/tiny/seed1"
    assert not (seed1 / "cl-broken/complete.json").exists()
    assert not (seed1 / "dae-short/complete.json").exists()
    assert not list(seed1.glob(".*.partial"))
    assert (seed1 / "ft/complete.json").read_bytes() == finished
    snakemake(tmp_path)
    assert (seed1 / "dae-short.ft/complete.json").exists()


def test_a_faulty_config_is_one_line_before_any_job(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert, hyperparameters={"default": {"cl": {"learning_rate": 1}}})
    done = snakemake(tmp_path, check=False)
    assert done.returncode != 0
    assert "config: hyperparameters.default.cl: unknown key 'learning_rate'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_planning_never_loads_torch(tmp_path: Path, grid: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'transformers', 'sklearn', 'optuna'):\n"  # SLURM's plugin loads pandas
        "            raise ImportError(f'{name} was loaded while planning')\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--dry-run"]
    done = subprocess.run(
        [*command, "--directory", str(grid), "--configfile", str(grid / "config.yaml"), "--forceall"],
        capture_output=True, text=True, env=environment, cwd=PROJECT, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert subprocess.run([sys.executable, "-c", "import torch"], env=environment, capture_output=True).returncode


def test_a_phase_may_have_several_processes(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert, variants={"FT": ["ft"]}, grid=[{"seeds": [1]}])
    checkpoint = "results/checkpoints/topics/tiny/seed1/ft"
    done = snakemake(tmp_path, "--set-resources", "ft:processes=2", "--", f"{checkpoint}/complete.json")
    assert "✓ ft   · topics · tiny · FT · seed 1 · ft · best validation loss" in done.stderr + done.stdout
    assert json.loads((tmp_path / checkpoint / "provenance.json").read_text())["processes"] == 2
