"""Every phase on tiny models: what it trains, what it keeps, what it writes."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from threephase.batches import Key
from threephase.checkpoint import verify
from threephase.classifier import load_classifier, predict
from threephase.data.store import read_split
from threephase.encoder import load_encoder
from threephase.errors import CheckpointError
from threephase.evaluation import evaluate
from threephase.phases import contrastive, dae
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE, NoisedTexts
from threephase.phases.finetune import FT
from threephase.phases.run import Phase, run_phase
from threephase.settings.contrastive import ContrastiveSettings

QUICK: dict[str, dict[str, Any]] = {
    "dae": {"epochs": 2, "lr": 1e-3},
    "cl": {"pairs_per_text": 1, "lr": 1e-3},
    "joint": {"epochs": 2, "pairs_per_text": 1, "lr": 1e-3},
    "ft": {"max_epochs": 3, "lr": 1e-3},
}


def train(phase: Phase, dataset: Path, parent: Path, out: Path, seed: int = 1, **changes: Any) -> Path:
    settings = {"batch_size": 8, "max_length": 16, "precision": "fp32", **QUICK[phase.name], **changes}
    run_phase(phase, dataset, parent, phase.settings(**settings), seed, out, phase.name)
    return out


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.parent.relative_to(checkpoint)}/{name}": weight
        for file in sorted(checkpoint.rglob("*.safetensors"))
        for name, weight in load_file(file).items()
    }


def settings_of(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "settings.json").read_text())


@pytest.fixture(scope="module", params=["bert", "roberta"])
def chain(
    request: pytest.FixtureRequest,
    base_models: dict[str, Path],
    dataset: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """3-Phase, one checkpoint after the other."""
    folder = tmp_path_factory.mktemp("chain")
    base = base_models[request.param]
    first = train(DAE, dataset, base, folder / "dae")
    second = train(CL, dataset, first, folder / "dae.cl")
    return {"base": base, "dae": first, "cl": second, "ft": train(FT, dataset, second, folder / "dae.cl.ft")}


def test_each_checkpoint_is_complete_and_loads_as_a_sentence_transformer(chain: dict[str, Path]) -> None:
    for phase, dense_layers in (("dae", 1), ("cl", 2), ("ft", 2)):
        verify(chain[phase])
        names = {path.name for path in chain[phase].iterdir()}
        assert {"settings.json", "history.csv", "provenance.json", "complete.json", "model.safetensors"} <= names
        encoder = SentenceTransformer(str(chain[phase]), device="cpu")
        assert encoder.encode(["a match of the team"]).shape == (1, 32)
        assert [type(module).__name__ for module in encoder.children()].count("Dense") == dense_layers


def test_each_phase_moves_the_encoder_it_was_given(chain: dict[str, Path]) -> None:
    for before, after in (("dae", "cl"), ("cl", "ft")):
        first, second = weights(chain[before]), weights(chain[after])
        moved = [name for name in first if not torch.equal(first[name], second[name])]
        assert any("attention" in name for name in moved)
        assert any("Dense" in name for name in moved)


def test_the_lowest_validation_loss_of_the_history_is_the_recorded_best(chain: dict[str, Path]) -> None:
    for phase in ("dae", "cl", "ft"):
        history = pd.read_csv(chain[phase] / "history.csv")
        validation = history.dropna(subset="validation_loss")
        provenance = json.loads((chain[phase] / "provenance.json").read_text())
        best = validation.loc[validation["validation_loss"].idxmin()]
        assert provenance["best_validation_loss"] == pytest.approx(best["validation_loss"], rel=1e-6)
        assert provenance["best_step"] == best["step"]
    assert validation["validation_loss"].iloc[-1] < math.log(3)  # three classes guessed evenly


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    for phase, parent in ((DAE, "base"), (CL, "dae"), (FT, "cl")):
        again = weights(train(phase, dataset, chain[parent], tmp_path / "again"))
        first = weights(chain[phase.name])
        assert all(torch.equal(first[name], again[name]) for name in first)
        other = weights(train(phase, dataset, chain[parent], tmp_path / "other", seed=2))
        assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_best_epoch_is_restored_and_patience_ends_the_training(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    """A learning rate that destroys the model makes validation rise after a few epochs."""
    out = train(FT, dataset, chain["cl"], tmp_path / "ft", max_epochs=20, lr=0.05, patience=2)
    history = pd.read_csv(out / "history.csv").dropna(subset="validation_loss").reset_index(drop=True)
    best = int(history["validation_loss"].idxmin())
    assert len(history) == min(20, best + 3)
    assert len(history) < 20
    validation = read_split(dataset, "validation")
    probabilities = predict(load_classifier(out), validation.texts, 64, "fp32")
    loss = -np.log(probabilities[np.arange(len(validation)), validation.labels[:, 0]]).mean()
    assert loss == pytest.approx(history["validation_loss"][best], rel=1e-3)


@pytest.mark.parametrize("changes", [{}, {"weight_decay": 0.1}], ids=["compact vocabulary", "with weight decay"])
def test_both_engines_train_to_like_losses(
    chain: dict[str, Path], dataset: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Dropout is drawn differently; the curves are close because the tiny models have learnt most of it."""
    for phase, parent in ((DAE, "base"), (CL, "dae"), (FT, "cl")):
        curves = []
        for engine in ("library", "packed"):
            out = train(phase, dataset, chain[parent], tmp_path / engine, engine=engine, **changes)
            assert settings_of(out)["settings"]["engine"] == engine
            curves.append(pd.read_csv(out / "history.csv")["validation_loss"].dropna().to_numpy())
        assert np.allclose(*curves, rtol=0.1, atol=0.02), (phase.name, curves)


def test_without_dropout_both_engines_and_both_vocabularies_train_the_same_weights(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    import json as json_module
    import shutil

    from threephase.checkpoint import COMPLETE, file_hashes, write_json

    for name, base in base_models.items():
        still = tmp_path / name
        shutil.copytree(base, still)
        for path in still.glob("config.json"):
            config = json_module.loads(path.read_text())
            path.write_text(
                json_module.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
            )
        (still / COMPLETE).unlink()
        write_json(still / COMPLETE, {"files": file_hashes(still)})
        for phase, changes in ((DAE, {}), (CL, {}), (FT, {"head_dropout": 0.0})):
            trained = [
                weights(
                    train(phase, dataset, still, tmp_path / "out", engine=engine, compact_vocabulary=compact, **changes)
                )
                for engine, compact in (("library", False), ("packed", False), ("packed", True))
            ]
            for key, weight in trained[0].items():
                assert torch.allclose(trained[1][key], weight, atol=2e-4), (name, phase.name, key)
                assert torch.allclose(trained[2][key], trained[1][key], atol=1e-6), (name, phase.name, key)


def test_a_frozen_encoder_stays_as_it_was_and_the_head_learns(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    frozen = train(FT, dataset, chain["cl"], tmp_path / "frozen", freeze=True, lr=1e-2)
    before, after = weights(chain["cl"]), weights(frozen)
    assert all(torch.equal(before[name], after[name]) for name in before)
    history = pd.read_csv(frozen / "history.csv")["validation_loss"].dropna()
    assert history.iloc[-1] < history.iloc[0]


def test_the_head_has_two_layers_with_relu_between_or_none(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    head = load_classifier(chain["ft"]).head
    assert [type(layer).__name__ for layer in head] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert (head[1].in_features, head[1].out_features, head[4].out_features) == (32, 100, 3)
    linear = train(FT, dataset, chain["cl"], tmp_path / "linear", head_activation="none", max_epochs=1)
    assert type(load_classifier(linear).head[2]).__name__ == "Identity"


def test_bottleneck_and_projection_can_be_left_out(chain: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    without = train(DAE, dataset, chain["base"], tmp_path / "dae", bottleneck="none", epochs=1)
    without = train(CL, dataset, without, tmp_path / "cl", projection="none")
    assert len(list(load_encoder(without).children())) == 2


def test_test_labels_that_training_never_saw_count_as_missed(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    metrics = evaluate(dataset, chain["ft"], tmp_path / "evaluation")
    predictions = pd.read_parquet(tmp_path / "evaluation" / "predictions.parquet")
    assert len(predictions) == metrics["n"] == len(read_split(dataset, "test"))
    probabilities = predictions.filter(like="probability_")
    assert list(probabilities) == ["probability_money", "probability_music", "probability_sport"]
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(metrics["accuracy"])
    assert np.sum(metrics["confusion_matrix"]["rows_are_truth"]) == metrics["n"]


def test_an_altered_parent_is_refused(chain: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(chain["dae"], tmp_path / "dae")
    with (tmp_path / "dae" / "model.safetensors").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(CheckpointError, match=r"model\.safetensors: altered"):
        train(CL, dataset, tmp_path / "dae", tmp_path / "cl")


def test_a_failed_training_leaves_nothing_behind(
    chain: dict[str, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threephase.phases.run.save_encoder", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        train(FT, dataset, chain["cl"], tmp_path / "ft", max_epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_change_nothing_have_the_same_effective_hash(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    """In training 36 / 18 / 5 rows of 3 classes, maxratio 1.5 leaves every class as it is, as imbalance: none does."""
    none = train(CL, dataset, chain["dae"], tmp_path / "none", imbalance="none")
    idle = train(CL, dataset, chain["dae"], tmp_path / "idle", maxratio=1.5)
    corrected = settings_of(chain["cl"])
    assert settings_of(none)["effective"] == settings_of(idle)["effective"] != corrected["effective"]
    assert corrected["report"]["classes_resized"]
    again = train(FT, dataset, none, tmp_path / "ft1"), train(FT, dataset, idle, tmp_path / "ft2")
    assert settings_of(again[0])["effective"] == settings_of(again[1])["effective"]
    assert settings_of(again[0])["effective"] != settings_of(chain["ft"])["effective"]


def test_bf16_trains_to_a_like_validation_loss(chain: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    half = train(FT, dataset, chain["cl"], tmp_path / "bf16", precision="bf16")
    losses = [
        json.loads((path / "provenance.json").read_text())["best_validation_loss"] for path in (half, chain["ft"])
    ]
    assert losses[0] == pytest.approx(losses[1], abs=0.1)
    assert all(weight.dtype == torch.float32 for weight in weights(half).values())


def test_noise_is_a_function_of_seed_epoch_and_row(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["bert"])
    texts = ["the match of the team with a goal from a coach of the league"] * 3

    def noised(seed: int, epoch: int, rows: tuple[int, ...] = (0, 1, 2)) -> list[tuple[int, ...]]:
        items = NoisedTexts(encoder, texts, DAE.settings(deletion_ratio=0.5), seed, "dae-noise")
        return [tuple(items[Key(epoch, row)][0].tolist()) for row in rows]

    first = noised(1, 0)
    assert noised(1, 0, (2, 1, 0)) == first[::-1]
    assert len(set(first)) == 3
    assert noised(1, 1) != first
    assert noised(2, 0) != first


def test_each_epoch_of_the_training_has_its_own_noise(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, tuple[int, ...]]] = []
    original = NoisedTexts.__getitem__

    def watched(self: NoisedTexts, key: Key) -> tuple[np.ndarray, np.ndarray]:
        item = original(self, key)
        if self.purpose == "dae-noise":
            seen.append((key.epoch, tuple(item[0].tolist())))
        return item

    monkeypatch.setattr(NoisedTexts, "__getitem__", watched)
    train(DAE, dataset, base_models["bert"], tmp_path / "dae", epochs=3)
    by_epoch = [sorted(text for epoch, text in seen if epoch == number) for number in range(3)]
    assert len(by_epoch[0]) == len(by_epoch[1]) == len(by_epoch[2]) == len(read_split(dataset, "train"))
    assert by_epoch[0] != by_epoch[1] != by_epoch[2]


def test_unlabelled_texts_join_phase_1_alone(dataset: Path) -> None:
    train_rows, unlabelled = read_split(dataset, "train"), read_split(dataset, "unlabelled")
    assert dae.texts_of(dataset, DAE.settings()) == train_rows.texts + unlabelled.texts  # type: ignore[arg-type]
    assert contrastive.texts_of(dataset, ContrastiveSettings()) == train_rows.texts


def test_noise_falls_on_added_copies_only(dataset: Path) -> None:
    train_rows = read_split(dataset, "train")
    balanced = contrastive.balance(train_rows, ContrastiveSettings(maxratio=20), seed=1)
    assert balanced.texts[: len(train_rows)] == train_rows.texts
    added = balanced.texts[len(train_rows) :]
    assert added
    assert all(text not in train_rows.texts for text in added)  # every text has a stop word and enough words
    assert len(balanced.labels) == len(balanced.texts)
