"""Every baseline on the tiny dataset: fitted, saved, loaded, tested; what it reads and what it leaves behind."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from threephase.artifacts.folders import verify
from threephase.baselines.loading import baseline_named, load_baseline
from threephase.baselines.run import run_baseline
from threephase.data.store import Splits
from threephase.encoders.encoder import load_encoder
from threephase.errors import DataError, GuardError
from threephase.evaluation.evaluate import evaluate
from threephase.jobs.guard import refuse_test_split
from threephase.settings.baselines import BASELINES, module_of

OF_TEXTS = {"tfidf_logreg", "tfidf_svm"}
NO_SETFIT = pytest.mark.skipif(find_spec("setfit") is None, reason="the package setfit is not installed")
NAMES = [pytest.param(name, marks=NO_SETFIT) if name == "setfit" else name for name in BASELINES]
QUICK: dict[str, dict[str, Any]] = {"setfit": {"iterations": 1, "batch_size": 8}}


def fitted(name: str, dataset: Path, base: Path, out: Path, seed: int = 1, **changes: Any) -> Path:
    baseline = baseline_named(name)
    length = {} if name in OF_TEXTS else {"max_length": 16}
    settings = baseline.settings(**{**length, **QUICK.get(name, {}), **changes})
    with refuse_test_split(dataset.parent):
        run_baseline(baseline, dataset, settings, seed, out, None if name in OF_TEXTS else base, name, code="c0de")
    return out


def test_settings_and_work_lie_in_modules_of_one_name() -> None:
    for name, kind in BASELINES.items():
        assert baseline_named(name).settings is kind
        assert find_spec(f"threephase.baselines.{module_of(name)}")


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_is_a_whole_folder_that_predicts_the_same_once_loaded(
    name: str, dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    out = fitted(name, dataset, base_models["bert"], tmp_path / name)
    verify(out)
    assert not [path for path in out.rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib", ".bin", ".pt"}]
    names, loaded = load_baseline(out)
    validation = Splits(dataset).read("validation")
    probabilities = loaded.predict_proba(validation.texts)
    assert names == json.loads((dataset / "dataset.json").read_text())["label_names"][0]
    assert probabilities.shape == (len(validation), len(names))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(validation)))
    tried = pd.read_csv(out / "selection.csv")
    (best,) = tried[tried["chosen"]].to_dict("records")
    accuracy = (probabilities.argmax(axis=1) == validation.labels[:, 0]).mean()
    assert accuracy == pytest.approx(best["validation_accuracy"])
    record = json.loads((out / "provenance.json").read_text())
    assert record["best_validation_loss"] == pytest.approx(best["validation_loss"])
    assert record["code"] == "c0de"
    assert set(record["inputs"]) == ({"dataset"} if name in OF_TEXTS else {"dataset", "parent"})
    if name in OF_TEXTS:
        assert accuracy > 0.9  # the topics have words of their own
    else:
        assert load_encoder(out).max_seq_length == 16


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_is_tested_as_every_classifier_is(
    name: str, dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    out = fitted(name, dataset, base_models["bert"], tmp_path / name)
    metrics = evaluate(dataset, out, tmp_path / "test")
    predictions = pd.read_parquet(tmp_path / "test/predictions.parquet")
    names = metrics["confusion_matrix"]["labels"]
    probabilities = [f"probability_{each}" for each in names]
    assert list(predictions) == ["row", "source", "text", "label", "predicted", *probabilities]
    assert metrics["accuracy"] == pytest.approx((predictions["label"] == predictions["predicted"]).mean())


@pytest.mark.parametrize("name", sorted(set(BASELINES) - {"setfit"}))
def test_what_draws_nothing_is_the_same_with_every_seed(
    name: str, dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    assert not BASELINES[name]().seeded
    texts = Splits(dataset).read("validation").texts
    first, second = (
        load_baseline(fitted(name, dataset, base_models["bert"], tmp_path / str(seed), seed))[1].predict_proba(texts)
        for seed in (1, 2)
    )
    assert (first == second).all()


def test_the_encoder_stays_the_base_models(dataset: Path, base_models: dict[str, Path], tmp_path: Path) -> None:
    before = load_encoder(base_models["bert"]).state_dict()
    for name in ("centroid", "frozen_logreg"):
        after = load_encoder(fitted(name, dataset, base_models["bert"], tmp_path / name)).state_dict()
        assert all((after[key] == weight).all() for key, weight in before.items())


@NO_SETFIT
def test_setfit_tunes_its_encoder_by_its_seed_and_the_best_rate_is_kept(
    dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    base = load_encoder(base_models["bert"]).state_dict()

    def tuned(out: str, seed: int, **changes: Any) -> dict[str, Any]:
        return load_encoder(
            fitted("setfit", dataset, base_models["bert"], tmp_path / out, seed, **changes)
        ).state_dict()

    first, again, other = tuned("a", 1), tuned("b", 1), tuned("c", 2)
    assert all((first[key] == again[key]).all() for key in base)
    assert any((first[key] != other[key]).any() for key in base)
    assert any((first[key] != weight).any() for key, weight in base.items())
    tuned("d", 1, learning_rates=[1e-5, 1e-3])
    assert pd.read_csv(tmp_path / "d/selection.csv")["learning_rate"].tolist() == [1e-5, 1e-3]


def test_features_of_one_text_by_hand() -> None:
    from threephase.baselines.tfidf import Terms, features

    # "ball" is in both texts: idf 1 + ln(3 / 3) = 1; "bank" in one: 1 + ln(3 / 2). "bank bank" counts 1 + ln 2.
    sorts = [Terms.fitted(["ball bank bank", "ball"], "word", 1, 1, 10)]
    ball, bank = 1.0, (1 + np.log(2)) * (1 + np.log(1.5))
    assert sorts[0].described["terms"] == ["ball", "bank"]
    wanted = np.array([ball, bank]) / np.hypot(ball, bank)
    assert features(sorts, ["ball bank bank"]).toarray()[0] == pytest.approx(wanted)
    assert features(sorts, ["something else"]).toarray()[0].tolist() == [0, 0]


def test_characters_are_further_features_and_come_back_from_the_folder(
    dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    out = fitted("tfidf_svm", dataset, base_models["bert"], tmp_path / "svm", words=1, characters=3, max_terms=50)
    words, characters = json.loads((out / "terms.json").read_text())
    assert (words["shortest"], words["longest"], characters["shortest"], characters["longest"]) == (1, 1, 2, 3)
    assert len(words["terms"]) <= 50 == len(characters["terms"])
    assert load_baseline(out)[1].predict_proba(["the match and the goal"]).shape == (1, 3)


def test_texts_without_a_single_term_are_one_clear_line() -> None:
    from threephase.baselines.tfidf import Terms

    with pytest.raises(DataError, match="TF-IDF finds no n-gram of sort 'word' in the training texts"):
        Terms.fitted(["a", "?!"], "word", 1, 2, 10)


def test_a_share_of_the_labels_is_that_of_the_phases(
    dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    from threephase.data.store import training_rows

    out = fitted("tfidf_logreg", dataset, base_models["bert"], tmp_path / "half", seed=3, label_fraction=0.5)
    report = json.loads((out / "settings.json").read_text())["report"]
    assert report["texts"] == len(training_rows(Splits(dataset), 0.5, 3))


def test_a_level_that_the_dataset_has_not_is_one_clear_line(
    dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"has 1 label level\(s\), but `label_level` is 2; lower it"):
        fitted("tfidf_logreg", dataset, base_models["bert"], tmp_path / "out", label_level=2)
    assert not (tmp_path / "out").exists()


def test_a_baseline_that_opens_the_test_split_fails(
    dataset: Path, base_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Splits.read
    monkeypatch.setattr(Splits, "read", lambda data, name: read(data, "test"))
    with pytest.raises(GuardError, match="only `evaluate` may"):
        fitted("tfidf_logreg", dataset, base_models["bert"], tmp_path / "out")
