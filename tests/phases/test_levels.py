"""Two label levels through the phases: targets, imbalance on the deepest, a classifier on the level that is named."""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import made_up_rows
from trainings import train

from threephase.baselines.loading import baseline_named, load_baseline
from threephase.baselines.run import run_baseline
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.errors import DataError
from threephase.evaluation.evaluate import evaluate
from threephase.method.classifier import load_classifier
from threephase.phases.contrastive import CL
from threephase.phases.finetune import FT
from threephase.settings.dataset import DatasetSettings, Source

FINE = {"sport": ["ball", "race"], "money": ["bank", "stock"], "music": ["rock", "jazz"]}


@pytest.fixture(scope="module")
def two_levels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coarse classes of two fine ones each; `race` is small enough to be resized."""
    rows = made_up_rows({"sport": 46, "money": 40, "music": 40})
    fine = [FINE[topic][int(number % 40 >= 40 or number % 2)] for number, topic in enumerate(rows["label"])]
    rows["fine"] = ["ball" if name == "race" and place > 12 else name for place, name in enumerate(fine)]
    settings = DatasetSettings(source=Source(train="x", labels=["label", "fine"]), test_size=24)
    folder = tmp_path_factory.mktemp("levels") / "topics"
    write_dataset(folder, split({"train": pd.DataFrame(rows)}, settings), settings, {})
    return folder


@pytest.mark.parametrize("pairing", ["anchor", "side_by_side"])
def test_pairs_have_a_target_for_each_share_of_levels_and_the_deepest_is_resized(
    two_levels: Path, base_models: dict[str, Path], tmp_path: Path, pairing: str
) -> None:
    out = train(CL, two_levels, base_models["bert"], tmp_path / "cl", pairing=pairing)
    report = json.loads((out / "settings.json").read_text())["report"]
    assert set(report["pairs"]) == {"0", "0.5", "1"}
    assert len({value["kept"] for value in report["pairs"].values()}) == 1
    assert len(report["classes_resized"]) == 1  # `race`, and not the coarse class it belongs to


@pytest.mark.parametrize(
    ("level", "names"), [(None, {name for fine in FINE.values() for name in fine}), (1, set(FINE))]
)
def test_the_classifier_predicts_the_level_that_is_named(
    two_levels: Path, base_models: dict[str, Path], tmp_path: Path, level: int | None, names: set[str]
) -> None:
    out = train(FT, two_levels, base_models["bert"], tmp_path / "ft", label_level=level)
    assert set(load_classifier(out).label_names) == names
    metrics = evaluate(two_levels, out, tmp_path / "test")
    assert set(metrics["per_class"]) <= names
    assert metrics["label_level"] == (level or 2)
    predictions = pd.read_parquet(tmp_path / "test/predictions.parquet")
    assert set(predictions["label"]) <= names
    assert metrics["accuracy"] == pytest.approx((predictions["label"] == predictions["predicted"]).mean())


def test_a_level_that_is_not_there_is_said(two_levels: Path, base_models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 2 label level\(s\), but `label_level` is 3; lower it"):
        train(FT, two_levels, base_models["bert"], tmp_path / "ft", label_level=3)


@pytest.mark.parametrize(
    ("level", "names"), [(None, {name for fine in FINE.values() for name in fine}), (1, set(FINE))]
)
def test_a_baseline_predicts_the_same_level_as_phase_3(
    two_levels: Path, tmp_path: Path, level: int | None, names: set[str]
) -> None:
    baseline = baseline_named("tfidf_logreg")
    run_baseline(baseline, two_levels, baseline.settings(label_level=level), 0, tmp_path / "tfidf")
    assert set(load_baseline(tmp_path / "tfidf")[0]) == names
    metrics = evaluate(two_levels, tmp_path / "tfidf", tmp_path / "test")
    assert set(metrics["per_class"]) <= names
    assert metrics["label_level"] == (level or 2)
