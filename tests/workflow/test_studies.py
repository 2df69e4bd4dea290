"""Studies folded into the grid: the same command tunes first, then trains with what was found."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from running import plan, snakemake, started, wait_for, write_config

pytestmark = pytest.mark.takes(seconds=60)

VARIANTS = {
    "3-Phase": ["dae", "cl", "ft"],
    "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none", "lr": 3e-3}}, "ft"],
    "FT (tuned)": [{"ft": {"tag": "tuned"}}],
}
TUNING: dict[str, Any] = {
    "enabled": True,
    "trials": 3,
    "groups": {"baseline": {"tunes": "FT (tuned)"}},
    "space": {
        "dae.lr": {"low": 1e-4, "high": 1e-2, "log": True, "also": ["cl.lr"]},
        "ft.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    },
}
STUDY = "results/tuning/topics/tiny/{}"
TARGETS = ("--", "topics", "table5", "studies", "results")  # every training; not every probe, table and picture


def configure(folder: Path, source: Path, model: Path, **tuning: Any) -> None:
    write_config(folder, source, model, variants=VARIANTS, grid=[{"seeds": [1]}], tuning=TUNING | tuning, save_every=0)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    configure(folder, source_csv, tiny_bert)
    done = snakemake(folder, *TARGETS)
    (folder / "terminal.txt").write_text(done.stderr)
    return folder


def settings_of(folder: Path, recipe: str) -> dict[str, Any]:
    return json.loads((folder / f"results/checkpoints/topics/tiny/seed1/{recipe}/settings.json").read_text())["asked"]


def test_the_grid_trains_with_what_the_studies_found_but_for_what_variants_set(tuned: Path) -> None:
    best = {
        name: yaml.safe_load((tuned / STUDY.format(name) / "best.yaml").read_text()) for name in ("main", "baseline")
    }
    main = best["main"]["hyperparameters"]
    assert settings_of(tuned, "dae")["lr"] == main["dae"]["lr"] == main["cl"]["lr"]
    assert settings_of(tuned, "dae.cl")["lr"] == main["cl"]["lr"]
    assert settings_of(tuned, "dae.cl-noimb")["lr"] == 3e-3
    assert settings_of(tuned, "dae.cl.ft")["lr"] == main["ft"]["lr"]
    assert settings_of(tuned, "ft-tuned")["lr"] == best["baseline"]["hyperparameters"]["ft"]["lr"]
    trials = pd.read_csv(tuned / STUDY.format("main") / "trials.csv")
    assert len(trials) == 3
    assert trials["value"].max() == best["main"]["value"]
    table = (tuned / "results/tables/table5_hyperparameters.csv").read_text()
    assert f"topics,tiny,Learning rate FT,{main['ft']['lr']}" in table
    assert len(pd.read_csv(tuned / "results/tables/results.csv")) == 3
    shown = pd.read_csv(tuned / "results/tables/studies.csv").set_index("variant")
    assert shown["best"].to_dict() == {"3-Phase": best["main"]["value"], "FT (tuned)": best["baseline"]["value"]}
    assert set(shown["equal_trials"]) == {3}
    assert set(shown["equal_seconds"]) == {shown["seconds"].min()}


def test_the_terminal_follows_the_trials(tuned: Path) -> None:
    shown = (tuned / "terminal.txt").read_text()
    assert "topics · tiny · main · trial 2 of 3: " in shown
    assert "✓ study · topics · tiny · main: what it found · validation accuracy " in shown


def test_nothing_runs_again_and_a_found_value_reruns_its_phase_alone(tuned: Path) -> None:
    assert "Nothing to be done" in plan(tuned, *TARGETS)
    values = tuned / STUDY.format("main") / "cl.json"
    before = values.read_text()
    time.sleep(0.01)
    values.write_text(json.dumps(json.loads(before) | {"lr": 0.5}))
    planned = plan(tuned, *TARGETS)
    values.write_text(before)
    assert "\ncl " in planned
    assert "\ndae " not in planned
    assert "\nstudy" not in planned


def test_a_larger_budget_adds_trials(tuned: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = pd.read_csv(tuned / STUDY.format("baseline") / "trials.csv")
    configure(tuned, source_csv, tiny_bert, trials=4)
    snakemake(tuned, "--", STUDY.format("baseline") + "/best.yaml")
    after = pd.read_csv(tuned / STUDY.format("baseline") / "trials.csv")
    assert len(after) == 4
    pd.testing.assert_frame_equal(after.head(3).dropna(axis=1), before.dropna(axis=1))


def test_a_killed_study_goes_on_and_is_the_same(tuned: Path, tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    configure(tmp_path, source_csv, tiny_bert)
    run = started(tmp_path, "--", STUDY.format("main") + "/best.yaml")
    journals = tmp_path / "results/studies"
    wait_for(lambda: any(b"trained" in path.read_bytes() for path in journals.rglob("journal.log")), "a trial", 120)
    run.send_signal(signal.SIGKILL)
    run.wait()
    snakemake(tmp_path, "--", STUDY.format("main") + "/best.yaml")
    counted = ["seconds", "trained", "reused"]
    tables = [
        pd.read_csv(folder / STUDY.format("main") / "trials.csv").drop(columns=counted).head(3)
        for folder in (tuned, tmp_path)
    ]
    pd.testing.assert_frame_equal(*tables)
