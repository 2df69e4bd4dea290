"""An exported model: what it computes elsewhere, and what its card says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard
from served import served
from trainings import train, weights

from threephase import ThreePhaseClassifier
from threephase.api.export import export
from threephase.api.model import Model
from threephase.artifacts.folders import COMPLETE, verify, write_json
from threephase.errors import CheckpointError, ModelError
from threephase.evaluation.evaluate import evaluate
from threephase.phases.contrastive import CL
from threephase.phases.finetune import FT

pytestmark = pytest.mark.takes(seconds=30)

RAW = ["the match<br />was\r\nlost", " share price of the bank ", "album", "goal " * 40]
# A process that has the libraries and not this package: its finder refuses the name.
ALONE = """
import json, sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "threephase":
            raise ImportError("this machine has no threephase")
sys.meta_path.insert(0, Refused())
sys.path.insert(0, sys.argv[1])
from example import TextClassifier
classifier, texts = TextClassifier(), json.loads(sys.argv[2])
print(json.dumps([classifier.probabilities(texts, calibrated).tolist() for calibrated in (False, True)]))
"""


@pytest.fixture(scope="module")
def results(dataset: Path, base_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run, as a grid leaves it."""
    root = tmp_path_factory.mktemp("grid") / "results"
    shutil.copytree(dataset, root / "data/topics")
    shutil.copytree(base_models["bert"], root / "models/tiny")
    run = train(FT, root / "data/topics", root / "models/tiny", root / "checkpoints/topics/tiny/seed1/ft", layers=1)
    evaluate(root / "data/topics", run, root / "evaluations/topics/tiny/seed1/ft")
    return root


@pytest.fixture(scope="module")
def run(results: Path) -> Path:
    return results / "checkpoints/topics/tiny/seed1/ft"


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "topics-classifier"
    export(run, out)
    return out


def test_an_export_is_complete_and_holds_the_weights_of_the_run(run: Path, exported: Path) -> None:
    verify(exported)
    assert weights(exported).keys() == weights(run).keys()
    assert all((weights(exported)[name] == weight).all() for name, weight in weights(run).items())
    assert np.array_equal(Model(exported).probabilities(RAW), Model(run).probabilities(RAW))
    assert not [path for path in exported.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]


def test_the_example_gives_the_same_probabilities_without_this_package(run: Path, exported: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", ALONE, str(exported), json.dumps(RAW)], capture_output=True, text=True, check=True
    )
    plain, calibrated = json.loads(said.stdout)
    assert np.allclose(plain, Model(run).probabilities(RAW), atol=1e-5)
    assert np.allclose(calibrated, Model(run).probabilities(RAW, calibrated=True), atol=1e-5)
    assert not np.allclose(plain, calibrated, atol=1e-3)


def test_the_example_prints_a_label_for_each_text(exported: Path) -> None:
    texts = ["the match was lost", "a song"]
    command = [sys.executable, str(exported / "example.py"), *texts]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.split("\t") for line in said]
    assert [text for *_, text in found] == texts
    assert [label for label, *_ in found] == [
        Model(exported).classes[place] for place in Model(exported).probabilities(texts).argmax(axis=1)
    ]
    assert not [*exported.rglob("cleaning*.pyc")]  # it leaves nothing behind


def test_the_card_says_data_scores_with_interval_and_licence(results: Path, exported: Path) -> None:
    metrics = json.loads((results / "evaluations/topics/tiny/seed1/ft/metrics.json").read_text())
    card = ModelCard.load(exported / "README.md")
    assert card.data.pipeline_tag == "text-classification"
    scores = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert scores["accuracy"] == round(metrics["accuracy"], 4)
    right, rows = round(metrics["accuracy"] * metrics["n"]), metrics["n"]
    z = 1.959964  # Wilson's interval, written out
    middle = (right + z**2 / 2) / (rows + z**2)
    half = z / (rows + z**2) * (right * (rows - right) / rows + z**2 / 4) ** 0.5
    assert f"[{100 * (middle - half):.1f}, {100 * (middle + half):.1f}]" in card.text
    assert "On 20 test rows" in card.text
    assert "topics" in card.text
    assert "money, music, sport" in card.text
    assert "licence is not known" in card.text
    assert f"Scaled by the temperature it is {100 * metrics['calibration']['error_scaled']:.1f}." in card.text


def test_scores_of_other_files_are_not_the_models(results: Path, tmp_path: Path) -> None:
    other = tmp_path / "results"
    shutil.copytree(results, other)
    place = other / "evaluations/topics/tiny/seed1/ft/metrics.json"
    write_json(place, json.loads(place.read_text()) | {"inputs": {"checkpoint": "0" * 64}})
    export(other / "checkpoints/topics/tiny/seed1/ft", tmp_path / "out")
    card = ModelCard.load(tmp_path / "out/README.md")
    assert card.data.eval_results is None
    assert "measure it on texts of yours" in card.text


def test_a_base_models_own_card_tells_its_licence(results: Path, tmp_path: Path) -> None:
    source = tmp_path / "base"
    source.mkdir()
    (source / "README.md").write_text("---\nlicense: mit\n---\n# A base model\n")
    other = tmp_path / "results"
    shutil.copytree(results, other)
    write_json(other / "models/tiny/origin.json", {"path": str(source)})
    export(other / "checkpoints/topics/tiny/seed1/ft", tmp_path / "out")
    card = ModelCard.load(tmp_path / "out/README.md")
    assert card.data.license == "mit"
    assert "names `mit`" in card.text


def test_an_estimators_card_has_its_phases(run: Path, tmp_path: Path) -> None:
    model = ThreePhaseClassifier.load(run).set_params(
        variant=["dae", {"cl": {"tag": "even", "imbalance": "none"}}, "ft"]
    )
    model.save(tmp_path / "saved")
    export(tmp_path / "saved", tmp_path / "out")
    assert "in the phases dae → cl-even → ft" in (tmp_path / "out/README.md").read_text()


def test_words_of_the_data_stay_words_in_the_card(results: Path, tmp_path: Path) -> None:
    other = tmp_path / "results"
    shutil.copytree(results, other)
    (other / "checkpoints/topics").rename(other / "checkpoints/<b>topics")
    export(other / "checkpoints/<b>topics/tiny/seed1/ft", tmp_path / "out")
    assert r"\<b>topics" in ModelCard.load(tmp_path / "out/README.md").text


def test_what_is_no_classifier_is_refused_in_one_line(
    dataset: Path, base_models: dict[str, Path], run: Path, tmp_path: Path
) -> None:
    encoder = train(CL, dataset, base_models["bert"], tmp_path / "cl")
    with pytest.raises(CheckpointError, match="ends with cl"):
        export(encoder, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep me")
    with pytest.raises(CheckpointError, match="something else is there"):
        export(run, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    with pytest.raises(CheckpointError, match="is the model itself"):
        export(run, run)
    assert (run / COMPLETE).exists()


def test_a_graph_needs_its_packages(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threephase.api.graph.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install"):
        export(run, tmp_path / "out", onnx=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("base", ["bert", "roberta"])
def test_the_graph_gives_what_the_classifier_gives(
    base: str, dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    run = train(FT, dataset, base_models[base], tmp_path / "ft", layers=1)
    export(run, tmp_path / "out", onnx=True)
    answer = served(tmp_path / "out/onnx")
    texts = pd.read_parquet(dataset / "test.parquet")["text"].tolist()
    model = Model(run)
    for batch in (texts, texts[:1], ["goal"], ["goal " * 40, "a"], texts[:7]):  # other numbers and lengths
        probabilities, vectors, calibrated = answer(batch)
        assert np.abs(probabilities - model.probabilities(batch)).max() < 1e-4
        assert np.abs(vectors - model.vectors(batch)).max() < 1e-4
        assert np.abs(calibrated - model.probabilities(batch, calibrated=True)).max() < 1e-4
    assert model.temperature != 1.0
    assert "onnx/model.onnx" in (tmp_path / "out/README.md").read_text()
