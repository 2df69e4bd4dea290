"""Probes of tiny checkpoints of every phase: what they hold, what they mark, what they never open."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sentence_transformers import SentenceTransformer
from trainings import train

from threephase.artifacts.folders import COMPLETE, FAILED, verify, write_json, writing
from threephase.data.store import Splits
from threephase.encoders.encoder import load_encoder
from threephase.errors import CheckpointError
from threephase.evaluation import probe as module
from threephase.evaluation.probe import last_fall, marks, probe, summary
from threephase.evaluation.reconstruction import reconstruction
from threephase.jobs.guard import refuse_test_split
from threephase.method.losses import DECODER, ReconstructionLoss
from threephase.method.noised_tokens import NoisedTexts
from threephase.phases.all import PHASES
from threephase.phases.dae import DAE
from threephase.settings.dae import DaeSettings

RECIPES = ["", "dae", "dae.cl", "joint", "joint.ft"]


@pytest.fixture(scope="module")
def checkpoints(
    base_models: dict[str, Path], dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The base model and a checkpoint of each phase."""
    made = {"": base_models["bert"]}
    root = tmp_path_factory.mktemp("probed")
    for recipe in RECIPES[1:]:
        before, _, phase = recipe.rpartition(".")
        made[recipe] = train(PHASES[phase], dataset, made[before], root / recipe)
    return made


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_checkpoint_is_probed_without_the_test_split(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path, recipe: str
) -> None:
    with refuse_test_split(dataset.parent):
        found = probe(dataset, checkpoints[recipe], checkpoints[""], tmp_path / "probe", code="c")
    verify(tmp_path / "probe")
    assert json.loads((tmp_path / "probe/probe.json").read_text()) == found
    assert found["phase"] == recipe.rpartition(".")[2]
    assert found["code"] == "c"
    assert set(found["inputs"]) == {"checkpoint", "base", "dataset"}
    assert set(found["classifiers"]) == {"knn", "centroid", "logistic"}
    assert all(0 <= score <= 1 for scores in found["classifiers"].values() for score in scores.values())
    predictions = pd.read_parquet(tmp_path / "probe/predictions.parquet")
    assert predictions["row"].tolist() == list(range(found["rows"]["validation"]))
    for name, scores in found["classifiers"].items():
        assert (predictions[name] == predictions["label"]).mean() == pytest.approx(scores["accuracy"])
    assert ("reconstruction" in found) == (recipe in {"dae", "joint"})
    drift = found["geometry"]["drift"]
    assert drift == pytest.approx(0, abs=1e-9) if recipe == "" else drift > 1e-4
    assert "kNN" in summary(found)
    assert ("nats a token" in summary(found)) == ("reconstruction" in found)


def test_the_right_vector_gives_the_validation_loss_of_phase_1(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    rebuilt = probe(dataset, checkpoints["dae"], checkpoints[""], tmp_path / "probe")["reconstruction"]
    recorded = json.loads((checkpoints["dae"] / "provenance.json").read_text())
    assert rebuilt["right"] == pytest.approx(recorded["best_validation_loss"], rel=1e-5)
    assert rebuilt["gain"] == rebuilt["wrong"] - rebuilt["right"]
    assert rebuilt["unigram"] < 6  # of about 200 tokens


@pytest.mark.parametrize(
    "changes",
    [
        {"bottleneck": "tanh"},
        {"word_noise": "mask"},
        {"noise_window": "kept"},
        {"noise_window": "whole"},
        {"tied": False},
        {"decoder_warmup": 0.5},
    ],
    ids=str,
)
def test_a_probe_rebuilds_as_its_training_did_whatever_its_settings(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Texts are cut to 6 tokens, so that noise before and after the cut differ."""
    out = train(DAE, dataset, base_models["bert"], tmp_path / "dae", epochs=1, max_length=6, **changes)
    rebuilt = probe(dataset, out, base_models["bert"], tmp_path / "probe")["reconstruction"]
    recorded = json.loads((out / "provenance.json").read_text())
    assert rebuilt["right"] == pytest.approx(recorded["best_validation_loss"], rel=1e-5)


def test_masked_words_leave_no_decoder_to_be_probed(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    out = train(DAE, dataset, base_models["bert"], tmp_path / "dae", epochs=1, objective="masked_language")
    assert not (out / DECODER).exists()
    found = probe(dataset, out, base_models["bert"], tmp_path / "probe")
    assert "reconstruction" not in found
    assert "no DAE" not in found["marks"]


def test_texts_are_rebuilt_from_the_noise_of_the_trainings_own_validation(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple] = []

    def watched(loss: ReconstructionLoss, texts: list[tuple], *others: Any) -> dict[str, float]:
        given.extend(texts)
        return reconstruction(loss, texts, *others)

    monkeypatch.setattr(module, "reconstruction", watched)
    probe(dataset, checkpoints["dae"], checkpoints[""], tmp_path / "probe")
    encoder, texts = load_encoder(checkpoints["dae"]), Splits(dataset).read("validation").texts
    noised = NoisedTexts(encoder, texts, DaeSettings(), 1, "dae-validation-noise")
    expected = [noised[0, row] for row in range(len(texts))]
    for found, wanted in zip(given, expected, strict=True):
        assert [part.tolist() for part in found] == [part.tolist() for part in wanted]


def test_the_decoder_stays_with_its_own_checkpoint(checkpoints: dict[str, Path]) -> None:
    with_decoder = {recipe for recipe, folder in checkpoints.items() if (folder / DECODER).exists()}
    assert with_decoder == {"dae", "joint"}
    assert SentenceTransformer(str(checkpoints["dae"]), device="cpu").encode(["a match"]).shape == (1, 32)


def test_of_a_large_split_so_many_rows_are_probed_and_the_file_says_so(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 12)
    found = probe(dataset, checkpoints["dae"], checkpoints[""], tmp_path / "probe")
    assert found["rows"] == {"train": 12, "validation": 12}
    assert found["rows_there"] == {
        name: len(pd.read_parquet(dataset / f"{name}.parquet")) for name in ("train", "validation")
    }


def test_a_base_model_can_be_asked_to_see_as_much_of_a_text_as_its_checkpoints(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    base = checkpoints[""]
    shortest = probe(dataset, base, base, tmp_path / "probe", max_length=4)
    assert shortest["max_length"] == 4
    assert shortest["geometry"] != probe(dataset, base, base, tmp_path / "probe")["geometry"]


def test_a_probe_is_there_whole_or_not_at_all(
    checkpoints: dict[str, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = tmp_path / "altered"
    with writing(altered) as folder:
        (folder / "model.safetensors").write_bytes(b"x")
    (altered / "model.safetensors").write_bytes(b"y")
    with pytest.raises(CheckpointError, match="altered since it was written"):
        probe(dataset, altered, checkpoints[""], tmp_path / "out/a")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        probe(dataset, checkpoints["dae"], checkpoints[""], tmp_path / "out/b")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_diverged_training_is_not_probed(checkpoints: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    with writing(tmp_path / "diverged") as folder:
        write_json(folder / FAILED, {"reason": "dae: the loss is nan"})
    found = probe(dataset, tmp_path / "diverged", checkpoints[""], tmp_path / "probe")
    assert found == {"failed": "dae: the loss is nan"}
    verify(tmp_path / "probe")


def test_marks_by_hand() -> None:
    ended = {"best_at_the_end": True}
    assert marks({}) == []
    assert marks({"reconstruction": {"gain": 0.0501}, "training": {"best_at_the_end": False}}) == []
    assert marks({"reconstruction": {"gain": 0.0499}, "training": ended}) == ["no DAE", "under-trained"]
    assert marks({"training": ended}) == ["under-trained"]
    assert marks({"training": ended | {"last_fall": 0.1}}) == []
    assert marks({"training": ended | {"last_fall": 0.11}}) == ["under-trained"]
    assert marks({"training": {"best_at_the_end": False, "last_fall": 0.5}}) == []


def test_the_last_fall_is_the_share_of_the_whole_fall_that_the_last_interval_brought() -> None:
    assert last_fall(pd.Series([7.0, 6.0, 5.25, 5.0])) == pytest.approx(0.125)
    assert last_fall(pd.Series([7.0, 5.0])) == 1.0  # two evaluations, one interval: nothing says that it had flattened
    assert last_fall(pd.Series([7.0])) == 1.0
    assert last_fall(pd.Series([5.0, 6.0, 5.5])) == 1.0


@pytest.mark.parametrize(
    ("recipe", "at_the_end", "losses", "marked"),
    [
        ("dae", True, [3.0, 2.0, 1.0], True),
        ("dae", True, [3.0, 1.1, 1.0], False),
        ("dae", False, [3.0, 2.0, 1.0], False),
        ("joint.ft", True, [3.0, 1.1, 1.0], True),  # early stopping ends it, and did not
    ],
)
def test_a_training_that_was_cut_short_is_marked(
    recipe: str,
    at_the_end: bool,
    losses: list[float],
    marked: bool,
    checkpoints: dict[str, Path],
    dataset: Path,
    tmp_path: Path,
) -> None:
    """Whether its last evaluation was its best the training itself says, by the criterion of its phase."""
    record = json.loads((checkpoints[recipe] / "provenance.json").read_text()) | {"best_at_the_end": at_the_end}
    with writing(tmp_path / recipe) as folder:
        shutil.copytree(checkpoints[recipe], folder, ignore=shutil.ignore_patterns(COMPLETE), dirs_exist_ok=True)
        write_json(folder / "provenance.json", record)
        pd.DataFrame({"step": range(len(losses)), "validation_loss": losses}).to_csv(folder / "history.csv")
    found = probe(dataset, tmp_path / recipe, checkpoints[""], tmp_path / "probe")
    assert ("under-trained" in found["marks"]) is marked
    assert found["training"]["steps"] == record["steps"]
