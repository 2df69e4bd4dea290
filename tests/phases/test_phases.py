"""Every phase on tiny models: what it trains, what it keeps, what it writes."""

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import torch
from sentence_transformers import SentenceTransformer
from trainings import settings_of, train, weights

from threephase.artifacts.folders import verify
from threephase.data.store import Splits, validation_rows
from threephase.encoders.encoder import load_encoder
from threephase.errors import CheckpointError
from threephase.evaluation.evaluate import evaluate
from threephase.method.classifier import load_classifier, predict
from threephase.method.metrics import classification_metrics
from threephase.phases import contrastive, dae
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE, NoisedTexts
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.phases.run import Phase
from threephase.settings.contrastive import ContrastiveSettings
from threephase.training.batches import Key


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
        moved = [name for name in first.keys() & second.keys() if not torch.equal(first[name], second[name])]
        assert any("attention" in name for name in moved)
        assert any("Dense" in name for name in moved)


def test_the_best_evaluation_of_the_history_is_the_recorded_one(chain: dict[str, Path]) -> None:
    for phase in ("dae", "cl", "ft"):
        history = pd.read_csv(chain[phase] / "history.csv")
        validation = history.dropna(subset="validation_loss")
        provenance = json.loads((chain[phase] / "provenance.json").read_text())
        ranked = validation.sort_values(
            ["validation_score", "validation_loss"], ascending=[False, True], kind="stable"
        )  # the score of phases 1 and 2 is absent
        best = ranked.iloc[0]
        assert provenance["best_validation_loss"] == pytest.approx(best["validation_loss"], rel=1e-6)
        assert (provenance["best_validation_score"] is not None) is (phase == "ft")
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
    out = train(FT, dataset, chain["cl"], tmp_path / "ft", max_epochs=20, lr=0.05, patience=2, criterion="loss")
    history = pd.read_csv(out / "history.csv").dropna(subset="validation_loss").reset_index(drop=True)
    best = int(history["validation_loss"].idxmin())
    assert len(history) == min(20, best + 3)
    assert len(history) < 20
    validation = Splits(dataset).read("validation")
    probabilities = predict(load_classifier(out), validation.texts, 64)
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

    from threephase.artifacts.folders import COMPLETE, file_hashes, write_json

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


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize(("criterion", "metric"), [("accuracy", "accuracy"), ("macro_f1", "f1"), ("loss", "accuracy")])
def test_the_validation_score_is_that_of_the_kept_classifier(
    chain: dict[str, Path], dataset: Path, tmp_path: Path, criterion: str, metric: str, freeze: bool
) -> None:
    """Both are computed in fp32, whatever the training's arithmetic is."""
    changes = {"criterion": criterion, "freeze": freeze, "precision": "bf16"}
    out = train(FT, dataset, chain["cl"], tmp_path / "ft", **changes)
    validation, record = Splits(dataset).read("validation"), json.loads((out / "provenance.json").read_text())
    classifier = load_classifier(out)
    probabilities = predict(classifier, validation.texts)
    truth = validation.labels[:, 0]
    scores = classification_metrics(truth, probabilities.argmax(axis=1), classifier.label_names)
    assert record["best_validation_score"] == pytest.approx(scores[metric])
    loss = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    assert record["best_validation_loss"] == pytest.approx(loss, rel=1e-4)


def test_a_head_with_a_rate_of_its_own_learns_on_a_frozen_encoder(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    """At 1e-5, the rate of an encoder, the head stays where it was drawn."""
    frozen = {"freeze": True, "lr": 1e-5, "criterion": "loss", "max_epochs": 10}
    slow = train(FT, dataset, chain["cl"], tmp_path / "slow", **frozen)
    quick = train(FT, dataset, chain["cl"], tmp_path / "quick", head_lr=1e-2, **frozen)
    losses = [json.loads((path / "provenance.json").read_text())["best_validation_loss"] for path in (slow, quick)]
    assert losses[1] < 0.95 < math.log(3) < losses[0]  # three classes guessed evenly


def test_variants_of_a_seed_begin_with_the_same_head(base_models: dict[str, Path], dataset: Path) -> None:
    """Whatever was drawn before it, and whichever layers stand between; another seed or shape draws another."""

    def head(seed: int, drawn: int = 0, **changes: Any) -> dict[str, torch.Tensor]:
        torch.rand(drawn)
        prepared = FT.prepare(
            load_encoder(base_models["bert"]), Splits(dataset), FT.settings(max_length=16, **changes), seed
        )
        return prepared.task.model.head.state_dict()  # type: ignore[union-attr, operator, no-any-return]

    first = head(1)
    for other in (head(1, drawn=7), head(1, layers=2), head(1, freeze=True, head_activation="none")):
        assert all(torch.equal(first[name], other[name]) for name in first)
    assert all(not torch.equal(weight, first[name]) for name, weight in head(2).items())
    assert not torch.equal(head(1, head_hidden=50)["4.weight"], first["4.weight"][:, :50])
    bound = 32**-0.5  # of the library's initial weights: 1 / √(inputs)
    assert first["1.weight"].abs().max() <= bound < 1.01 * first["1.weight"].abs().max()


def test_the_decoder_begins_alike_whatever_was_drawn_before(base_models: dict[str, Path], dataset: Path) -> None:
    def decoder(seed: int, drawn: int = 0, **changes: Any) -> dict[str, torch.Tensor]:
        torch.rand(drawn)
        prepared = DAE.prepare(
            load_encoder(base_models["bert"]), Splits(dataset), DAE.settings(max_length=16, **changes), seed
        )
        own = prepared.task.model.decoder.state_dict()  # type: ignore[union-attr]
        return {name: weight for name, weight in own.items() if "crossattention" in name}  # type: ignore[operator]

    first = decoder(1)
    assert first
    for other in (decoder(1, drawn=7), decoder(1, bottleneck="none")):
        assert all(torch.equal(first[name], other[name]) for name in first)
    assert any(not torch.equal(weight, first[name]) for name, weight in decoder(2).items())


def test_layers_without_pre_training_are_the_identity_at_first_and_part_of_the_encoder(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    plain, layered = load_encoder(base_models["bert"]), load_encoder(base_models["bert"])
    FT.prepare(layered, Splits(dataset), FT.settings(max_length=16, layers=2), 1)
    texts = Splits(dataset).read("validation").texts[:5]
    assert np.allclose(layered.encode(texts), plain.encode(texts), atol=1e-6)
    out = train(FT, dataset, base_models["bert"], tmp_path / "ft", layers=2, max_epochs=1)
    assert [type(module).__name__ for module in load_encoder(out).children()].count("Dense") == 2


def test_without_early_stopping_all_epochs_are_trained_and_the_best_is_kept(
    chain: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    out = train(FT, dataset, chain["cl"], tmp_path / "ft", max_epochs=9, lr=0.05, patience=1, stopping="none")
    history = pd.read_csv(out / "history.csv").dropna(subset="validation_loss")
    assert len(history) == 9
    record = json.loads((out / "provenance.json").read_text())
    assert record["best_validation_score"] == pytest.approx(history["validation_score"].max())


def test_few_labels_are_as_few_for_validation(chain: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    """Phases 2 and 3 select on the same rows; phase 1 needs no labels and sees all texts."""
    data = Splits(dataset)
    whole = data.read("validation")
    few = validation_rows(data, 0.5, seed=1)
    assert len(few) == round(0.5 * len(whole))
    assert set(few.texts) <= set(whole.texts)
    counts = [np.bincount(rows.labels[:, 0]) for rows in (whole, few)]
    assert np.abs(counts[1] - 0.5 * counts[0]).max() <= 1
    assert validation_rows(data, 0.5, seed=1).texts == few.texts != validation_rows(data, 0.5, seed=2).texts
    assert validation_rows(data, 1.0, seed=1).texts == whole.texts
    assert len(np.unique(validation_rows(data, 0.001, seed=1).labels)) == len(counts[0])  # each class once
    split, _ = contrastive.validation_pairs_of(data, ContrastiveSettings(label_fraction=0.5), 1)
    assert split.texts == few.texts
    tuned = train(FT, dataset, chain["cl"], tmp_path / "ft", label_fraction=0.5, max_epochs=1)
    assert settings_of(tuned)["report"]["validation_texts"] == len(few)


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
    assert len(predictions) == metrics["n"] == len(Splits(dataset).read("test"))
    probabilities = predictions.filter(like="probability_")
    assert list(probabilities) == ["probability_money", "probability_music", "probability_sport"]
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    test = Splits(dataset).read("test")
    assert (predictions["text"].tolist(), predictions["source"].tolist()) == (test.texts, test.sources)
    assert predictions["source"].str.contains(r": line \d+$").all()
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
    assert len(by_epoch[0]) == len(by_epoch[1]) == len(by_epoch[2]) == len(Splits(dataset).read("train"))
    assert by_epoch[0] != by_epoch[1] != by_epoch[2]


def test_unlabelled_texts_join_phase_1_alone(dataset: Path) -> None:
    data = Splits(dataset)
    train_rows, unlabelled = data.read("train"), data.read("unlabelled")
    assert dae.texts_of(data, DAE.settings()) == train_rows.texts + unlabelled.texts  # type: ignore[arg-type]
    assert contrastive.texts_of(data, ContrastiveSettings()) == train_rows.texts


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each parquet file is opened, by Python or by pyarrow from a path."""
    counted: Counter[str] = Counter()
    watching = True

    def count(file: object) -> None:
        if watching and str(file).endswith(".parquet"):
            counted[Path(str(file)).name] += 1

    def first_counted(reader: type) -> Callable[..., None]:
        opens = reader.__init__

        def opening(self: object, source: object, *arguments: Any, **named: Any) -> None:
            count(source)
            opens(self, source, *arguments, **named)

        return opening

    sys.addaudithook(lambda event, arguments: count(arguments[0]) if event == "open" else None)  # cannot be removed
    for reader in (pyarrow.parquet.ParquetFile, pyarrow.parquet.ParquetDataset):
        monkeypatch.setattr(reader, "__init__", first_counted(reader))
    yield counted
    watching = False


@pytest.mark.parametrize(
    ("phase", "changes", "read"),
    [
        (DAE, {}, {"train", "unlabelled", "validation"}),
        (DAE, {"selection": "similarity"}, {"train", "unlabelled", "validation"}),
        (CL, {}, {"train", "validation"}),
        (JOINT, {}, {"train", "unlabelled", "validation"}),
        (FT, {}, {"train", "validation"}),
        (FT, {"label_fraction": 0.5}, {"train", "validation"}),
    ],
)
def test_a_training_opens_each_split_that_it_reads_once_and_never_the_test_split(
    phase: Phase,
    changes: dict[str, Any],
    read: set[str],
    base_models: dict[str, Path],
    dataset: Path,
    opened: Counter[str],
    tmp_path: Path,
) -> None:
    train(phase, dataset, base_models["bert"], tmp_path / "out", **changes)
    assert opened == {f"{split}.parquet": 1 for split in read}


def test_noise_falls_on_added_copies_only(dataset: Path) -> None:
    train_rows = Splits(dataset).read("train")
    balanced = contrastive.balance(train_rows, ContrastiveSettings(maxratio=20), seed=1)
    assert balanced.texts[: len(train_rows)] == train_rows.texts
    added = balanced.texts[len(train_rows) :]
    assert added
    assert all(text not in train_rows.texts for text in added)  # every text has a stop word and enough words
    assert len(balanced.labels) == len(balanced.texts)
