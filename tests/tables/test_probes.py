"""Probes joined to a table, and the runs that rest on a marked checkpoint."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from threephase.artifacts.folders import COMPLETE, read_json, sha256_json, writing
from threephase.errors import CheckpointError
from threephase.experiment.recipe import Probed, Recipe, Run, checkpoints_of
from threephase.tables.probes import marks_by_run, probe_table, read_probes, write_probes

RUNS = [Run("d", "m", "3-Phase", seed, Recipe("dae.cl.ft")) for seed in (1, 2)] + [Run("d", "m", "FT", 1, Recipe("ft"))]


def found(accuracy: float, gain: float | None = None, marks: tuple[str, ...] = ()) -> dict[str, Any]:
    rebuilt = {"reconstruction": {"right": 5.0, "wrong": 5.0 + gain, "unigram": 7.0, "gain": gain}} if gain else {}
    scores = {"accuracy": accuracy, "f1": accuracy}
    return {
        **rebuilt,
        "classifiers": dict.fromkeys(("knn", "centroid", "logistic"), scores),
        "geometry": {
            "silhouette": None,
            "intra": 0.5,
            "inter": 0.1,
            "alignment": 1.0,
            "uniformity": -2.0,
            "drift": 0.3,
        },
        "rows": {"train": 200, "validation": 73},
        "marks": list(marks),
    }


PROBES = {
    Probed("d", "m"): found(0.9),
    Probed("d", "m", 1, "dae"): found(0.8, gain=0.02, marks=("no DAE", "under-trained")),
    Probed("d", "m", 2, "dae"): found(0.9, gain=0.04, marks=("no DAE",)),
    Probed("d", "m", 1, "dae.cl"): {"failed": "cl: the loss is nan"},
    Probed("d", "m", 1, "ft"): found(0.7, marks=("under-trained",)),
}


def test_every_checkpoint_on_the_way_of_a_run_comes_once() -> None:
    assert checkpoints_of(RUNS) == [
        Probed("d", "m"),
        *(Probed("d", "m", seed, recipe) for seed in (1, 2) for recipe in ("dae", "dae.cl", "dae.cl.ft")),
        Probed("d", "m", 1, "ft"),
    ]


def test_a_run_has_the_marks_of_all_checkpoints_that_it_rests_on() -> None:
    assert marks_by_run(RUNS, PROBES) == {
        RUNS[0]: ["dae: no DAE", "dae: under-trained"],
        RUNS[1]: ["dae: no DAE"],
        RUNS[2]: ["ft: under-trained"],
    }
    assert marks_by_run(RUNS, {}) == {}


def test_means_over_seeds_by_hand() -> None:
    table = probe_table(PROBES).set_index("recipe")
    assert table.index.tolist() == ["", "dae", "ft"]
    assert table["n"].tolist() == [1, 2, 1]
    dae = table.loc["dae"]
    assert dae["knn_accuracy"] == pytest.approx(0.85)
    assert dae["knn_accuracy_sd"] == pytest.approx(0.1 / math.sqrt(2))
    assert dae["gain"] == pytest.approx(0.03)
    assert dae["marks"] == "no DAE (2), under-trained (1)"
    assert math.isnan(table.loc["", "gain"])
    assert math.isnan(dae["silhouette"])


def lay(root: Path) -> None:
    """Probes and what they are of, as the workflow leaves them."""
    for each, probe in PROBES.items():
        place = Path(each.dataset, each.model, f"seed{each.seed}", each.recipe)
        checkpoint = root / "checkpoints" / place if each.recipe else root / "models" / each.model
        with writing(checkpoint) as folder:
            (folder / "weights").write_text(str(each))
        inputs = {"checkpoint": sha256_json(read_json(checkpoint / COMPLETE)["files"])}
        with writing(root / "probes" / (place if each.recipe else Path(each.dataset, each.model, "base"))) as folder:
            if "failed" in probe:
                (folder / "failed.json").write_text(json.dumps({"reason": probe["failed"]}))
            (folder / "probe.json").write_text(json.dumps(probe | {"code": "c", "inputs": inputs}))


def test_the_table_for_reading_for_papers_and_as_numbers(tmp_path: Path) -> None:
    lay(tmp_path)
    probed = [tuple(each) for each in PROBES]
    write_probes(probed, "c", missing=2, titles={"d": "D & Co"}, stem=tmp_path / "probes", root=tmp_path)
    reading = (tmp_path / "probes.md").read_text()
    (line,) = [line for line in reading.splitlines() if "| dae " in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:5] == ["D & Co", "m", "dae", "2", "5.00 ± 0.00"]
    assert cells[7:9] == ["0.030 ± 0.014", "85.0 ± 7.1"]
    assert cells[-1] == "no DAE (2), under-trained (1)"
    assert "D & Co 200 / 73" in reading
    assert "Failed, and left out: dae.cl seed 1 (cl: the loss is nan)." in reading
    assert "Partial: 2 of 7 probes are missing." in reading
    assert pd.read_csv(tmp_path / "probes.csv")["gain"].tolist()[1] == pytest.approx(0.03)
    assert r"D \& Co & m & base model & 1 & –".replace("–", "--") in (tmp_path / "probes.tex").read_text()


def test_a_table_without_any_probe_is_empty(tmp_path: Path) -> None:
    assert write_probes([], "c", missing=7, titles={}, stem=tmp_path / "probes", root=tmp_path).empty
    assert "Partial: 7 of 7 probes are missing." in (tmp_path / "probes.md").read_text()


def test_stale_probes_are_refused(tmp_path: Path) -> None:
    lay(tmp_path)
    assert read_probes(PROBES, tmp_path, "c").keys() == PROBES.keys()
    with pytest.raises(CheckpointError, match="probed with another code"):
        read_probes(PROBES, tmp_path, "d")
    with writing(tmp_path / "checkpoints/d/m/seed2/dae") as folder:
        (folder / "weights").write_text("trained again")
    with pytest.raises(CheckpointError, match=r"seed2/dae: probed with another checkpoint"):
        read_probes(PROBES, tmp_path, "c")
