"""An exported model onto a stand-in of a hub, with the hub's own library, and back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import TOKEN, Hub, running_hub
from trainings import train

from threephase.api.export import export
from threephase.api.hub import push
from threephase.artifacts.folders import file_hashes
from threephase.errors import CheckpointError
from threephase.phases.finetune import FT

COMMAND = "import sys; from threephase.commands.cli import main; sys.exit(main())"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running_hub(tmp_path / "hub") as running:
        yield running


@pytest.fixture(scope="module")
def exported(dataset: Path, base_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    train(FT, dataset, base_models["bert"], folder / "ft", max_epochs=1)
    export(folder / "ft", folder / "exported")
    return folder / "exported"


def pushed(hub: Hub, tmp_path: Path, folder: Path, repository: str, token: str = TOKEN) -> tuple[int, str]:
    """How `threephase push` ends, and its last line."""
    settings = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": token,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "push", str(folder), repository],
        env=os.environ | settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


def test_what_is_pushed_is_what_was_exported(hub: Hub, tmp_path: Path, exported: Path) -> None:
    assert pushed(hub, tmp_path, exported, "owner/topics") == (0, f"{hub.url}/owner/topics")
    there = hub.repository("models", "owner/topics")
    assert file_hashes(there) == file_hashes(exported)
    (there / "onnx").mkdir()
    (there / "onnx/model.onnx").write_bytes(b"of older weights")
    (there / "notes.md").write_text("of the owner")
    assert pushed(hub, tmp_path, exported, "owner/topics")[0] == 0  # the repository is there by now
    assert not (there / "onnx/model.onnx").exists()
    assert (there / "notes.md").exists()


def test_who_may_not_write_is_told_so_in_one_line(hub: Hub, tmp_path: Path, exported: Path) -> None:
    code, said = pushed(hub, tmp_path, exported, "owner/topics", token="hf_of_a_stranger")
    assert code == 2
    assert said.startswith("threephase: owner/topics: not pushed (")
    assert "HF_TOKEN" in said
    assert not hub.repository("models", "owner/topics").exists()


def test_a_run_is_exported_before_it_is_pushed(exported: Path) -> None:
    with pytest.raises(CheckpointError, match="was not exported"):
        push(exported.with_name("ft"), "owner/topics")
