"""The estimator: the grid's own training, scikit-learn's manners, and models that answer wherever they are taken."""

import json
import os
import pickle
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from conftest import made_up_rows
from running import QUICK
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data
from trainings import weights

from threephase import ThreePhaseClassifier
from threephase.api import training
from threephase.artifacts.folders import COMPLETE, FAILED, file_hashes, write_json, writing
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.encoders.base_model import make_base_model
from threephase.errors import CheckpointError, GivenError, ModelError, UserError
from threephase.evaluation.evaluate import evaluate
from threephase.method.calibration import scaled
from threephase.phases.all import PHASES
from threephase.phases.run import run_phase
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.dataset import DatasetSettings, Source
from threephase.training.loop import Training

pytestmark = pytest.mark.takes(seconds=20)

ROWS = made_up_rows({"sport": 20, "money": 14, "music": 8})
ROWS["text"] = [f"{text[:9]}<br />{text[9:]}\n" for text in ROWS["text"]]  # cleaned, a text is another one
MORE = [f"{text} <b>more</b>" for text in made_up_rows({"sport": 9, "money": 9}, start=50)["text"]]


def estimator(base: Path, **changes: Any) -> ThreePhaseClassifier:
    return ThreePhaseClassifier(
        **{"base_model": base, "settings": QUICK, "random_state": 3, "verbose": False} | changes
    )


@pytest.fixture(scope="module")
def fitted(tiny_bert: Path) -> ThreePhaseClassifier:
    return estimator(tiny_bert).fit(ROWS["text"], ROWS["label"], unlabelled=MORE)


@pytest.fixture(scope="module")
def grid(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the jobs of a grid make of the same rows, with test rows besides: on a CPU each of them has one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield _grid(tiny_bert, tmp_path_factory)
    torch.set_num_threads(before)


def _grid(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grid")
    settings = DatasetSettings(source=Source(train="-", test="-"), validation_size=0.2)
    raw = {"train": ROWS, "test": ROWS[::2], "unlabelled": pd.DataFrame({"text": MORE})}
    write_dataset(root / "data", split(raw, settings), settings, {})
    with writing(root / "base") as folder:
        make_base_model(BaseModelSettings(path=str(tiny_bert)), folder)
    parent = root / "base"
    for recipe in ("dae", "dae.cl", "dae.cl.ft"):
        phase = PHASES[recipe.rpartition(".")[2]]
        given = phase.settings(**QUICK["all"] | QUICK[phase.name])
        run_phase(phase, root / "data", parent, given, 3, root / recipe, phase.name)
        parent = root / recipe
    evaluate(root / "data", root / "dae.cl.ft", root / "evaluation")
    return root


def test_it_trains_what_the_grid_trains(fitted: ThreePhaseClassifier, grid: Path, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    ours, theirs = weights(tmp_path / "model"), weights(grid / "dae.cl.ft")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_runs_folder_answers_for_raw_texts_as_its_evaluation_did(grid: Path, tmp_path: Path) -> None:
    shutil.copytree(grid / "dae.cl.ft", tmp_path / "elsewhere")
    model = ThreePhaseClassifier.load(str(tmp_path / "elsewhere"))
    said = pd.read_parquet(grid / "evaluation/predictions.parquet")
    raw = ROWS["text"][::2]
    assert not any(raw.str.strip().isin(said["text"]))
    expected = said[[f"probability_{name}" for name in model.classes_]].to_numpy()
    np.testing.assert_array_equal(model.predict_proba(raw), expected)
    assert model.predict(raw).tolist() == said["predicted"].tolist()
    temperature = json.loads((grid / "dae.cl.ft/classifier/config.json").read_text())["temperature"]
    found = model.predict_proba(raw, calibrated=True)
    np.testing.assert_array_equal(found, scaled(expected, temperature))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_saved_and_loaded_and_pickled_it_says_the_same(fitted: ThreePhaseClassifier, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    expected = fitted.predict_proba(ROWS["text"])
    fitted.save(tmp_path / "model")
    fitted.save(tmp_path / "model")  # what it saved itself it may write anew
    for other in (ThreePhaseClassifier.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(other.predict_proba(ROWS["text"]), expected)
        assert {**other.get_params(), "base_model": None} == {**fitted.get_params(), "base_model": None}
    vectors = fitted.embed(["a match of the team"])
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(["a match of the team"])
    np.testing.assert_allclose(vectors, plain, atol=1e-6)
    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "model").rglob("*.*") if path.is_file()}
    (tmp_path / "any.txt").touch()  # what may read a new file here may read a model
    assert modes == {oct((tmp_path / "any.txt").stat().st_mode & 0o777)}
    (tmp_path / "any.txt").unlink()
    (tmp_path / "model/notes.txt").write_text("mine")
    for taken in (tmp_path, tmp_path / "model", tmp_path / "model/notes.txt"):
        with pytest.raises(CheckpointError, match="something else is there; name a new folder"):
            fitted.save(taken)
    assert (tmp_path / "model/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "labels", [[10, 2, 2, 10], [True, False, False, True], ["b", "a", "a", "b"], [1.0, 3.0, 3.0, 1.0]],
    ids=["numbers", "booleans", "texts", "floats"],
)  # fmt: skip
def test_labels_come_back_as_they_went_in(labels: list[Any], tiny_bert: Path) -> None:
    y = np.array(labels * 4)
    texts = [f"{word} of the {number}" for number, word in enumerate(["goal", "bank", "share", "team"] * 4)]
    model = estimator(tiny_bert, variant={"baseline": "tfidf_logreg"}).fit(texts, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    found = model.predict(texts)
    assert found.dtype == y.dtype
    np.testing.assert_array_equal(model.classes_[model.predict_proba(texts).argmax(axis=1)], found)
    assert (found == y).mean() > 0.7
    assert model.predict([]).shape == (0,)
    assert model.predict_proba([]).shape == (0, 2)
    with pytest.raises(CheckpointError, match="a baseline, which has no temperature"):
        model.predict_proba(texts, calibrated=True)


def test_zero_with_a_sign_is_zero() -> None:
    signed = [
        -0.0 if place % 2 and label == "money" else float(label == "sport") for place, label in enumerate(ROWS["label"])
    ]
    model = ThreePhaseClassifier(variant={"baseline": "tfidf_logreg"}, verbose=False).fit(ROWS["text"], signed)
    assert [str(label) for label in model.classes_] == ["0.0", "1.0"]


def test_a_column_of_any_library_is_a_list_of_texts(fitted: ThreePhaseClassifier) -> None:
    texts = ROWS["text"].tolist()[:5]
    expected = fitted.predict_proba(texts)
    columns = [tuple(texts), np.array(texts), np.array(texts)[:, None], pd.Series(texts, dtype="category"),
               pd.DataFrame({"text": texts}), pa.array(texts), pa.chunked_array([texts[:2], texts[2:]])]  # fmt: skip
    polars = pytest.importorskip("polars") if _there("polars") else None
    for column in [*columns, *([polars.Series(texts), polars.DataFrame({"text": texts})] if polars else [])]:
        np.testing.assert_array_equal(fitted.predict_proba(column), expected)


def _there(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "a single text": ("to be", ["a"], "X: a single text where a list of texts is expected"),
    "a single text of numpy's": (np.array("to be"), list("abcde"), "X: a single text where a list of texts is"),
    "a set": ({"a", "b"}, ["x", "y"], "X: set is no list"),
    "a missing text": (["a", None, float("nan"), pd.NA, "b", None], list("aabbab"), "X: nothing stands at 1, 2, 3 and"),
    "a number": (["a", 7], ["x", "y"], "X: entry 1 is no text but int"),
    "a table": (np.array([["a", "b"]]), ["x"], "X: a table of 2 columns"),
    "nothing": (None, ["x"], "X: nothing is given"),
    "too few labels": (["a", "b"], ["x"], "y: 1 labels for 2 texts; give one for each"),
    "a missing label": (["a", "b"], ["x", None], "y: nothing stands at 1 "),
    "half a character": (["a", "\ud800"], ["x", "y"], "X: entry 1 holds half of a character (a lone surrogate)"),
    "half a character in a label": (["a", "b"], ["\udfff", "y"], "y: entry 0 holds half of a character"),
    "a measure": (["a", "b"], [0.5, 1.25], "y: Unknown label type: holds fractions"),
    "labels of two kinds": (["a", "b"], ["x", 1], "y: holds int and str"),
    "numbers and booleans": (["a", "b"], [True, 0], "y: holds bool and int"),
    "too large a number": (["a", "b"], [3, 2**63 + 5], "y: holds 9223372036854775813, more than 64 bits have"),
    "several labels": (["a", "b"], [["x"], ["y"]], "y: an entry holds several labels"),
    "one class": (["a", "b"], ["x", "x"], "every training row has the label 'x'"),
    "classes of one row": (["a", "b"], ["x", "y"], "(and 1 more such classes); add rows, or let `rare` say"),
    "no text left": (["a", "<br>", "c", "d"], list("xyxy"), "X: no text is left of entry 1 (counted from 0)"),
}


@pytest.mark.parametrize(("texts", "labels", "said"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_used_is_named_by_its_place(texts: Any, labels: Any, said: str, tiny_bert: Path) -> None:
    with pytest.raises(UserError) as caught:
        estimator(tiny_bert).fit(texts, labels)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variant": "4-Phase"}, "variant: unknown '4-Phase'; known are 3-Phase"),
        ({"variant": ["dae"]}, "a variant ends with `ft`"),
        ({"settings": {"dae": {"lrr": 1}}}, "settings: dae: unknown key 'lrr'"),
        ({"settings": {"lr": 1}}, "settings: unknown key 'lr'; known are: all, dae"),
        ({"settings": ["all"]}, "settings: ['all'] are none; give a dict"),
        ({"variant": 3}, "variant: 3 is none; give a name (3-Phase, Joint"),
        ({"variant": {"baseline": "own"}}, "variant: unknown baseline 'own'"),
        ({"base_model": "nowhere"}, "base_model: no folder 'nowhere', nor a hub's owner/name"),
        ({"base_model": None}, "base_model: no folder None, nor a hub's owner/name"),
        ({"random_state": -1}, "random_state: -1 is no seed; give a whole number from 0"),
        ({"random_state": "1"}, "random_state: '1' is no seed"),
        ({"threads": 0}, "threads: 0 is no number of threads; give 1 or more, or None"),
        ({"validation_size": 2}, "validation_size: Input should be less than 1"),
        ({"rare": "merge"}, "rare: 'merge' makes a class called 'other'"),
    ],
)
def test_a_parameter_that_may_not_be_is_one_line(changes: dict[str, Any], said: str, tiny_bert: Path) -> None:
    with pytest.raises(GivenError) as caught:
        estimator(tiny_bert, **changes).fit(["a", "b", "c", "d"], [1, 2, 1, 2])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_given_validation_is_what_selects(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = made_up_rows({"sport": 4, "money": 4, "music": 4}, start=80)
    model = estimator(tiny_bert, variant="FT")
    model.fit(ROWS["text"], ROWS["label"], validation=(held_out["text"], held_out["label"]))
    assert model._model.trained["report"]["texts"] == len(ROWS)
    with pytest.raises(GivenError, match="are of another kind than y"):
        model.fit(ROWS["text"], ROWS["label"], validation=(["a", "b"], [1, 2]))
    for given in (0.2, (["a", "b"],), "ab"):
        with pytest.raises(GivenError, match=r"validation: is no pair; give \(texts, labels\)"):
            model.fit(ROWS["text"], ROWS["label"], validation=given)  # type: ignore[arg-type]


def test_a_seed_is_what_scikit_learn_means_by_it(tmp_path: Path) -> None:
    def saved(random_state: Any) -> int:
        model = ThreePhaseClassifier({"baseline": "tfidf_logreg"}, random_state=random_state, verbose=False)
        model.fit(ROWS["text"], ROWS["label"]).save(tmp_path / "model")
        return ThreePhaseClassifier.load(tmp_path / "model").get_params()["random_state"]

    assert saved(np.int64(7)) == 7
    drawn = np.random.RandomState(5).randint(2**32, dtype=np.int64)
    assert saved(np.random.RandomState(5)) == drawn
    np.random.seed(5)
    assert saved(None) == drawn
    assert saved(np.random.default_rng(5)) == np.random.default_rng(5).integers(2**32)


def test_it_trains_with_the_threads_that_it_was_given(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(training, "run_phase", lambda *_, **__: told.append(torch.get_num_threads()) or _stop())
    before = torch.get_num_threads()
    for threads, expected in ((1, 1), (3, 3), (None, before)):
        with pytest.raises(GivenError, match="enough"):
            estimator(tiny_bert, threads=threads).fit(ROWS["text"], ROWS["label"])
        assert told.pop() == expected
        assert torch.get_num_threads() == before


def _stop() -> None:
    raise GivenError("enough")


def test_it_has_scikit_learns_manners(tiny_bert: Path) -> None:
    model = estimator(tiny_bert, variant={"baseline": "centroid"})
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict(["a"])
    texts, labels = ROWS["text"].to_numpy(), ROWS["label"].to_numpy()
    assert cross_val_score(model, texts, labels, cv=2).min() > 0.4
    search = GridSearchCV(model, {"validation_size": [0.2, 0.3]}, cv=2).fit(texts, labels)
    assert set(search.best_params_) == {"validation_size"}
    lower = FunctionTransformer(lambda column: [text.lower() for text in column])
    assert make_pipeline(lower, model).fit(texts, labels).score(texts, labels) > 0.5


class OfNumbers(ThreePhaseClassifier):
    """Rows of numbers written as texts: scikit-learn's checks know no others."""

    def fit(self, X: Any, y: Any) -> "OfNumbers":
        X, y = validate_data(self, X, y)
        return super().fit(written(X), y)

    def predict(self, X: Any) -> np.ndarray:
        return super().predict(self._written(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        return super().predict_proba(self._written(X))

    def _written(self, X: Any) -> list[str]:
        check_is_fitted(self)
        return written(validate_data(self, X, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = False, True
        return tags


def written(rows: np.ndarray) -> list[str]:
    return [" ".join(f"{'abcdefghij'[place % 10] * 2}{round(x)}".replace("-", "m") for place, x in enumerate(row))
            for row in rows.tolist()]  # fmt: skip


UNMET = {
    "check_fit2d_1sample": "one text cannot be told from another class, which is what its message says",
}


def test_it_passes_scikit_learns_checks_but_for_those_that_a_text_cannot_meet() -> None:
    model = OfNumbers(variant={"baseline": "tfidf_logreg", "tag": "quick", "c": [1.0]}, verbose=False)
    found = check_estimator(model, expected_failed_checks=UNMET, on_fail=None, on_skip=None)
    assert [check["check_name"] for check in found if check["status"] == "failed"] == []
    assert {check["check_name"] for check in found if check["status"] == "xfail"} == set(UNMET)
    assert sum(check["status"] == "passed" for check in found) >= 50


def test_the_callers_generators_are_as_they_were(tiny_bert: Path) -> None:
    def drawn() -> tuple[Any, ...]:
        return random.random(), np.random.rand(), torch.rand(1).item()

    for make in (random.seed, np.random.seed, torch.manual_seed):
        make(5)
    expected = drawn()
    for make in (random.seed, np.random.seed, torch.manual_seed):
        make(5)
    estimator(tiny_bert, variant="FT", settings={**QUICK, "ft": {"max_epochs": 1}}).fit(ROWS["text"], ROWS["label"])
    assert drawn() == expected


def test_the_callers_generators_are_as_they_were_also_where_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        for make in (random.seed, np.random.seed, torch.manual_seed):
            make(0)
        raise ModelError("no such thing")

    monkeypatch.setattr(training, "run_baseline", fails)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index,union-attr]
    with pytest.raises(ModelError, match="no such thing"):
        ThreePhaseClassifier(variant={"baseline": "tfidf_logreg"}, verbose=False).fit(ROWS["text"], ROWS["label"])
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index,union-attr]
    assert after == before


@pytest.mark.parametrize(
    ("asked", "ends"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_a_search_and_not_one_fold_of_it(
    asked: signal.Signals, ends: type[BaseException], tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def update(of: Training) -> None:
        steps.append(of.step)
        os.kill(os.getpid(), asked)

    monkeypatch.setattr(Training, "update", update)
    with pytest.raises(ends) as caught:
        GridSearchCV(estimator(tiny_bert, variant="FT"), {"validation_size": [0.2, 0.3]}, cv=2).fit(
            ROWS["text"].to_numpy(), ROWS["label"].to_numpy()
        )
    assert len(steps) == 1
    said = {signal.SIGINT: "stopped by SIGINT after step 0 of ", signal.SIGTERM: "143"}[asked]
    assert str(caught.value).startswith(said)


def test_who_wants_no_words_gets_none(tiny_bert: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = estimator(tiny_bert, variant="FT", verbose=False).fit(ROWS["text"], ROWS["label"])
    model.save(tmp_path / "model")
    ThreePhaseClassifier.load(tmp_path / "model").predict(ROWS["text"])
    with pytest.raises(ModelError, match=r"holds no config.json, .*; name another one as `base_model`"):
        estimator(tmp_path, verbose=False).fit(ROWS["text"], ROWS["label"])
    assert capfd.readouterr() == ("", "")


def test_no_other_folder_is_taken_for_a_model(grid: Path, tmp_path: Path) -> None:
    cases: dict[str, str] = {"dae.cl": "ends with cl, so it is an encoder without classes", "data": "no model of a run"}
    for name, said in cases.items():
        with pytest.raises(CheckpointError, match=said):
            ThreePhaseClassifier.load(grid / name)
    damaged = shutil.copytree(grid / "dae.cl.ft", tmp_path / "damaged")
    (damaged / "history.csv").write_text("")
    with pytest.raises(CheckpointError, match=r"history\.csv: altered since it was written; take a whole copy of"):
        ThreePhaseClassifier.load(damaged)
    assert (damaged / COMPLETE).exists()
    failed = shutil.copytree(grid / "dae.cl.ft", tmp_path / "failed")
    write_json(failed / FAILED, {"reason": "ft: the loss is nan"})
    write_json(failed / COMPLETE, {"files": {k: v for k, v in file_hashes(failed).items() if k != COMPLETE}})
    with pytest.raises(CheckpointError, match="its training failed"):
        ThreePhaseClassifier.load(failed)


def test_how_texts_were_cleaned_stands_with_every_model(grid: Path) -> None:
    for recipe in ("dae", "dae.cl", "dae.cl.ft"):
        assert json.loads((grid / recipe / "settings.json").read_text())["cleaning"] == "paper"
