"""A training that another variant did is taken over: when, what the copy says, and when it is trained after all."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import QUICK, settings_of, weights

from threephase.artifacts.folders import file_hashes, verify, write_json
from threephase.phases.contrastive import CL
from threephase.phases.finetune import FT
from threephase.phases.run import Phase, run_phase


def trained(phase: Phase, dataset: Path, parent: Path, out: Path, code: str = "c", **changes: Any) -> Path:
    settings = {"batch_size": 8, "max_length": 16, "precision": "fp32", **QUICK[phase.name], **changes}
    run_phase(phase, dataset, parent, phase.settings(**settings), 1, out, phase.name, code, beside=out.parent)
    return out


def provenance_of(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "provenance.json").read_text())


@pytest.fixture(scope="module")
def beside(base_models: dict[str, Path], dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phase 2 that corrects nothing (36 / 18 / 5 rows, maxratio 1.5), the variant that says so, and phase 3 of both."""
    folder = tmp_path_factory.mktemp("seed1")
    trained(CL, dataset, base_models["bert"], folder / "cl", maxratio=1.5)
    trained(CL, dataset, base_models["bert"], folder / "cl-noimb", imbalance="none")
    for name in ("cl", "cl-noimb"):
        trained(FT, dataset, folder / name, folder / f"{name}.ft", max_epochs=1)
    return folder


@pytest.mark.parametrize(("first", "second"), [("cl", "cl-noimb"), ("cl.ft", "cl-noimb.ft")])
def test_the_copy_is_the_twin_but_for_what_was_asked(beside: Path, first: str, second: str) -> None:
    own, copy = provenance_of(beside / first), provenance_of(beside / second)
    assert "taken_over" not in own
    assert copy["taken_over"]["from"] == first
    assert {key: copy[key] for key in ("identity", "wall_seconds", "steps")} == {
        key: own[key] for key in ("identity", "wall_seconds", "steps")
    }
    verify(beside / second)
    one, other = weights(beside / first), weights(beside / second)
    assert all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())
    assert (beside / first / "history.csv").read_text() == (beside / second / "history.csv").read_text()
    assert settings_of(beside / first)["effective"] == settings_of(beside / second)["effective"]


def test_the_copy_says_its_own_settings_and_its_own_parent(beside: Path) -> None:
    assert settings_of(beside / "cl-noimb")["asked"]["imbalance"] == "none"
    assert provenance_of(beside / "cl-noimb.ft")["inputs"]["parent"] == verify(beside / "cl-noimb")


def test_a_copy_is_what_the_training_gives(
    beside: Path, base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    alone = trained(CL, dataset, base_models["bert"], tmp_path / "cl-noimb", imbalance="none")
    assert "taken_over" not in provenance_of(alone)
    copy = weights(beside / "cl-noimb")
    assert all(torch.equal(weight, copy[name]) for name, weight in weights(alone).items())


@pytest.mark.parametrize("why", ["other settings", "other code", "a copy", "half of it", "altered"])
def test_what_is_no_whole_training_of_the_same_is_not_taken(
    beside: Path, base_models: dict[str, Path], dataset: Path, tmp_path: Path, why: str
) -> None:
    shutil.copytree(beside / ("cl-noimb" if why == "a copy" else "cl"), tmp_path / "cl")
    if why == "half of it":
        (tmp_path / "cl" / "modules.json").unlink()
    if why == "altered":
        (tmp_path / "cl" / "modules.json").write_text("[]")
    changes = {"lr": 2e-3} if why == "other settings" else {"imbalance": "none"}
    code = "other" if why == "other code" else "c"
    own = trained(CL, dataset, base_models["bert"], tmp_path / "cl-noimb", code, **changes)
    assert "taken_over" not in provenance_of(own)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["cl", "cl-noimb"]


def test_a_parent_of_other_code_makes_another_training(beside: Path, dataset: Path, tmp_path: Path) -> None:
    """What it is stays the same in words, but its parent's weights may not be what the code gives now."""
    shutil.copytree(beside / "cl.ft", tmp_path / "cl.ft")
    shutil.copytree(beside / "cl", tmp_path / "parent")
    record = provenance_of(tmp_path / "parent") | {"identity": "of other code"}
    (tmp_path / "parent" / "provenance.json").write_text(json.dumps(record))
    (tmp_path / "parent" / "complete.json").unlink()
    write_json(tmp_path / "parent" / "complete.json", {"files": file_hashes(tmp_path / "parent")})
    own = trained(FT, dataset, tmp_path / "parent", tmp_path / "cl-noimb.ft", max_epochs=1)
    assert settings_of(own)["effective"] == settings_of(tmp_path / "cl.ft")["effective"]
    assert "taken_over" not in provenance_of(own)
