"""Downloads with the real libraries from a stand-in hub, on its good and its bad days."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hub import COMMIT, Hub, running_hub

from threephase.data.sources import read_source
from threephase.settings.dataset import Source

FETCH = """
import json, sys
from pathlib import Path
from threephase.data import hub
from threephase.errors import DownloadError
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.dataset import Source
out = Path(sys.argv[1]); out.mkdir(parents=True)
given = json.loads(sys.argv[2])
try:
    if "train" in given:
        hub.download_dataset(Source(**given), out)
    else:
        hub.download_model(BaseModelSettings(**given), out)
except DownloadError as error:
    sys.exit(str(error))
"""
CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*}
  - {split: test, path: data/test-*}
---
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """A hub's repositories: a dataset in parquet, a model, and plain files below an address."""
    from datasets import ClassLabel, Dataset, Features, Value

    root = tmp_path_factory.mktemp("hub")
    topics = root / "datasets/owner/topics"
    (topics / "data").mkdir(parents=True)
    (topics / "README.md").write_text(CARD)
    features = Features({"text": Value("string"), "label": ClassLabel(names=["x", "y", "z"])})
    for split, labels in (("train", [0, 1, 2, None]), ("test", [2, -1])):
        rows = Dataset.from_dict({"text": [f"{split} {n}" for n in range(len(labels))], "label": labels}, features)
        rows.to_parquet(topics / f"data/{split}-00000-of-00001.parquet")
    model = root / "models/owner/tiny"
    model.mkdir(parents=True)
    for file in tiny_bert.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    (model / "onnx").mkdir()
    (model / "onnx/model.json").write_text("{}")
    (model / "pytorch_model.bin").write_bytes(b"the same weights in an old format")
    old = root / "models/owner/old"
    old.mkdir()
    for name in ("config.json", "pytorch_model.bin", "tf_model.h5"):
        (old / name).write_bytes(b"{}")
    plain = root / "plain/snips"
    plain.mkdir(parents=True)
    (plain / "seq.in").write_text("play it\nwill it rain\n")
    (plain / "label").write_text("PlayMusic\nGetWeather\n")
    (plain / "train.csv").write_text("text,label\nx,a\n")
    return root


@pytest.fixture
def hub(root: Path) -> Iterator[Hub]:
    with running_hub(root) as running:
        yield running


TOPICS = {"hub": "owner/topics", "train": "train", "test": "test"}
TINY = {"hub": "owner/tiny"}
OLD = {"hub": "owner/old"}
TRAIN_FILE = "train-00000-of-00001.parquet"


def fetch(hub: Hub, tmp_path: Path, given: dict[str, Any], **environment: str) -> tuple[Path, str]:
    """The folder that was filled, and what was said where that failed."""
    settings = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0",
        "HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2", "HF_HUB_DISABLE_XET": "1",
    }  # fmt: skip
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(out), json.dumps(given)],
        env=os.environ | settings | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return out, done.stderr.strip().splitlines()[-1] if done.returncode else ""


def times_fetched(hub: Hub, name: str) -> int:
    return sum(request.startswith("GET") and request.endswith(name) for request in hub.requests)


def test_a_dataset_arrives_with_its_commit_and_the_names_of_its_classes(hub: Hub, tmp_path: Path) -> None:
    out, said = fetch(hub, tmp_path, TOPICS)
    assert said == ""
    assert pd.read_parquet(out / "train.parquet")["label"].fillna("none").tolist() == ["x", "y", "z", "none"]
    assert pd.read_parquet(out / "test.parquet")["label"].fillna("none").tolist() == ["z", "none"]
    origin = json.loads((out / "origin.json").read_text())
    assert (origin["hub"], origin["commit"]) == ("owner/topics", COMMIT)
    assert set(origin["files"]) == {"train.parquet", "test.parquet"}


def test_rows_of_a_hub_without_a_label_are_read_as_unlabelled_and_each_knows_its_line(hub: Hub, tmp_path: Path) -> None:
    given = {"hub": "owner/topics", "train": "train", "missing_labels": "unlabelled"}
    out, said = fetch(hub, tmp_path, given)
    assert said == ""
    found = read_source(Source(**given), downloaded=out)
    assert found.splits["train"]["source"].tolist() == [f"train.parquet: line {line}" for line in (1, 2, 3)]
    assert found.splits["unlabelled"][["text", "source"]].values.tolist() == [["train 3", "train.parquet: line 4"]]
    assert found.origin["without_label"] == 1


@pytest.mark.parametrize(
    ("file", "fault"),
    [(TRAIN_FILE, "damage"), (TRAIN_FILE, "truncate"), (TRAIN_FILE, "slow"), (TRAIN_FILE, "refuse"),
     ("README.md", "damage")],
)  # fmt: skip
def test_a_file_that_arrives_damaged_late_or_not_is_fetched_again(
    hub: Hub, tmp_path: Path, file: str, fault: str
) -> None:
    hub.faults = {file: [fault]}
    out, said = fetch(hub, tmp_path, TOPICS)
    assert said == ""
    assert times_fetched(hub, file) == 2
    assert len(pd.read_parquet(out / "train.parquet")) == 4


def test_a_file_that_stays_damaged_is_refused_with_the_ways_that_are_left(hub: Hub, tmp_path: Path) -> None:
    hub.faults = {TRAIN_FILE: ["damage"] * 9}
    out, said = fetch(hub, tmp_path, TOPICS)
    assert said.startswith(
        f"dataset owner/topics: not downloaded in 4 attempts (data/{TRAIN_FILE}: its sha256 is not the one that the "
        "hub lists). Ways left: run again with a network; name a mirror of"
    )
    assert said.endswith("or name local copies by `data_root` and `model_root`")
    assert not (out / "origin.json").exists()


def test_without_network_the_ways_left_are_named(hub: Hub, tmp_path: Path) -> None:
    _, said = fetch(hub, tmp_path, TINY, HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith("model owner/tiny: not downloaded in 4 attempts (ConnectError")
    assert "`data_root` and `model_root`" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (TOPICS | {"hub": "owner/nothing"}, "dataset owner/nothing: RepositoryNotFoundError"),
        (TOPICS | {"revision": "v9"}, "dataset owner/topics: RevisionNotFoundError"),
        (TOPICS | {"config": "large"}, "dataset owner/topics: ValueError: BuilderConfig 'large' not found"),
        (TOPICS | {"test": "dev"}, "dataset owner/topics: has no split 'dev'; it has: train, test"),
    ],
)
def test_a_wrong_name_is_said_at_once(hub: Hub, tmp_path: Path, given: dict[str, str], said: str) -> None:
    assert fetch(hub, tmp_path, given)[1].startswith(said)
    assert len(hub.requests) < 30


def test_a_model_is_its_configuration_tokenizer_and_safetensors(hub: Hub, tmp_path: Path, tiny_bert: Path) -> None:
    hub.faults = {"model.safetensors": ["damage"], "/config.json": ["damage"], "tokenizer.json": ["truncate"]}
    out, said = fetch(hub, tmp_path, TINY)
    assert said == ""
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "origin.json"}
    assert (out / "model.safetensors").read_bytes() == (tiny_bert / "model.safetensors").read_bytes()
    assert times_fetched(hub, "model.safetensors") == 2
    assert json.loads((out / "origin.json").read_text())["commit"] == COMMIT


def test_a_model_that_has_pickles_alone_is_refused_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    _, said = fetch(hub, tmp_path, OLD)
    assert said.startswith("model owner/old: has no weights in safetensors")
    assert not times_fetched(hub, "pytorch_model.bin")


def test_files_below_an_address(hub: Hub, tmp_path: Path) -> None:
    hub.faults = {"seq.in": ["refuse", "truncate"]}
    given = {"url": f"{hub.url}/plain", "train": "snips", "text": "seq.in", "labels": ["label"]}
    out, said = fetch(hub, tmp_path, given)
    assert said == ""
    assert (out / "snips/seq.in").read_text() == "play it\nwill it rain\n"
    assert times_fetched(hub, "seq.in") == 3
    _, said = fetch(hub, tmp_path / "again", {"url": f"{hub.url}/plain", "train": "snips/test.csv"})
    assert "snips/test.csv: not there (HTTP 404); correct `source.url` or the path below it" in said


@pytest.mark.parametrize(
    "given", [{"train": "../outside.csv"}, {"train": "snips", "text": "seq.in", "labels": ["../../outside"]}]
)
def test_a_download_leaves_its_folder_by_no_path(hub: Hub, root: Path, tmp_path: Path, given: dict[str, Any]) -> None:
    for name in ("outside.csv", "outside"):
        (root / name).write_text("from the server")
        (root / "plain" / name).write_text("from the server")
    _, said = fetch(hub, tmp_path, {"url": f"{hub.url}/plain"} | given)
    assert "is no path below `source.url`" in said
    assert not [*tmp_path.rglob("outside*")]
