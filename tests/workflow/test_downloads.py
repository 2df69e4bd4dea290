"""A grid whose dataset and base model come from a hub: fetched once, trained without it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import running
import yaml
from conftest import made_up_rows
from hub import COMMIT, running_hub
from running import PROJECT, QUICK

pytestmark = pytest.mark.takes(seconds=60)


def config(seeds: list[int], datasets: list[str]) -> dict[str, Any]:
    labels = {"label_map": {"sport": "sports"}}
    given = {
        name: {"source": {"hub": f"owner/{name}", "train": "train", **labels}, "test_size": 0.2} for name in datasets
    }
    return {
        "datasets": given,
        "models": {"tiny": {"hub": "owner/tiny"}},
        "variants": {"FT": ["ft"]},
        "grid": [{"seeds": seeds}],
        "hyperparameters": {"default": QUICK},
    }


def run(
    folder: Path, url: str, given: dict[str, Any], *targets: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    (folder / "config.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_XET": "1"}
    before = dict(os.environ)
    os.environ.update(settings)
    os.environ.pop("HF_HUB_OFFLINE", None)
    try:
        return running.snakemake(folder, "--", *targets, check=check)
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_fetched_once_then_offline_and_an_absent_network_is_one_line(tmp_path: Path, tiny_bert: Path) -> None:
    topics = tmp_path / "hub/datasets/owner/topics"
    topics.mkdir(parents=True)
    made_up_rows({"sport": 40, "money": 30}).to_csv(topics / "train.csv", index=False)
    model = tmp_path / "hub/models/owner/tiny"
    model.mkdir(parents=True)
    for file in tiny_bert.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    with running_hub(tmp_path / "hub") as hub:
        run(tmp_path, hub.url, config([1], ["topics"]))
        assert hub.requests
        hub.requests.clear()
        run(tmp_path, hub.url, config([1, 2], ["topics"]), "FT")
        assert hub.requests == []
    dataset = json.loads((tmp_path / "results/data/topics/dataset.json").read_text())
    assert (dataset["source"]["hub"], dataset["source"]["commit"]) == ("owner/topics", COMMIT)
    assert dataset["label_names"] == [["money", "sports"]]
    assert json.loads((tmp_path / "results/models/tiny/origin.json").read_text())["commit"] == COMMIT
    done = run(tmp_path, hub.url, config([1, 2, 3], ["topics", "more"]), check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    (line,) = [line for line in said.splitlines() if line.startswith("✗")]
    assert line.startswith("✗ download · more: dataset owner/more: not downloaded in 4 attempts (")
    assert "name local copies by `data_root` and `model_root`" in line
    # the dataset that is here goes on without a network
    assert (tmp_path / "results/evaluations/topics/tiny/seed3/ft/complete.json").exists()


def test_a_cache_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topics = tmp_path / "hub/datasets/owner/topics"
    topics.mkdir(parents=True)
    made_up_rows({"sport": 40, "money": 30}).to_csv(topics / "train.csv", index=False)
    given = config([1], ["topics"])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    with running_hub(tmp_path / "hub") as hub:
        for name, value in {"HF_ENDPOINT": hub.url, "HF_HOME": "/proc/none", "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        done = running.snakemake(tmp_path, "--until", "download_dataset", check=False)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("✗")]
    assert "the hub's cache may not be written (" in line
    assert line.endswith("name another folder in the environment variable HF_HOME")


def test_data_root_and_model_root_read_local_copies_instead(tmp_path: Path, tiny_bert: Path) -> None:
    copies = tmp_path / "copies/topics"
    copies.mkdir(parents=True)
    made_up_rows({"sport": 40, "money": 30}).to_csv(copies / "train.csv.gz", index=False)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny").symlink_to(tiny_bert)
    given = config([1], ["topics"]) | {"data_root": str(tmp_path / "copies"), "model_root": str(tmp_path / "models")}
    given["datasets"]["topics"]["expected"] = {"train": 560, "test": 14}
    given["limits"] = {"train": 20, "test": 10}
    run(tmp_path, "http://127.0.0.1:9", given)
    dataset = json.loads((tmp_path / "results/data/topics/dataset.json").read_text())
    assert dataset["source"]["kind"] == "local"
    assert dataset["label_names"] == [["money", "sports"]]
    for table in ("table3_accuracy", "table7_f1"):
        caption = (tmp_path / f"results/tables/{table}.md").read_text()
        assert (
            "Not the whole data: topics (incomplete: train 56 of 560; capped: train 20 of 44, test 10 of 14)."
            in caption
        )
    given["data_root"] = str(tmp_path / "elsewhere")
    done = run(tmp_path, "http://127.0.0.1:9", given, check=False)
    assert "config: data_root: " in done.stderr
    assert "elsewhere/topics: no such folder; copies there: none. Put one there, or drop data_root" in done.stderr
    assert "Traceback" not in done.stderr


DATA = PROJECT.parent / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the real datasets are not beside this checkout")
def test_the_papers_datasets_have_the_rows_and_lengths_of_tables_1_and_2(tmp_path: Path) -> None:
    from threephase.audit.findings import audit
    from threephase.audit.remarks import differences
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.experiment.reading import read
    from threephase.settings.dataset import Limits

    given = read([PROJECT / "config/paper.yaml", PROJECT / "config/capped.yaml"])
    given = given.model_copy(update={"data_root": str(DATA), "limits": Limits()})
    unlike, words = {}, {}
    for name in given.datasets:
        settings = given.dataset_settings(name)
        data = split(read_source(settings.source).splits, settings)
        unlike[name] = differences(data.report, settings.expected.model_dump())
        found = audit(data, {"default": (1.5, 4.0)})
        words[name] = (int(found["words"]["train"]["mean"]), found["words"]["train"]["max"])
        f, resized = (found["imbalance"]["corrections"]["default"][key] for key in ("largest_f", "resized"))
        assert (name == "trec") == (len(resized) > 1), f
    assert {name for name, lines in unlike.items() if lines} == {"agnews", "imdb"}
    assert unlike["agnews"] == ["train 47,028 of 120,000"]
    assert [words[name] for name in ("snips", "snips2", "sst2")] == [(9, 20), (9, 35), (9, 52)]
    assert (words["sst5"][0], words["agnews"][1]) == (19, 171)
