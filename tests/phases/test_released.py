"""Each switch of the released protocol does what it says, and nothing while it is off."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_phases import train, weights

from threephase.batches import Key, ShuffledBatches
from threephase.data.splits import split
from threephase.data.store import read_split, training_rows
from threephase.encoder import load_encoder, randomise
from threephase.imbalance import balanced_rows
from threephase.noise import delete_nltk_words
from threephase.pairs import draw_pairs
from threephase.phases import contrastive, dae, joint
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT, JointBatches
from threephase.seeding import generator
from threephase.settings.contrastive import ContrastiveSettings
from threephase.settings.dae import DaeSettings
from threephase.settings.dataset import DatasetSettings, Source
from threephase.settings.finetune import FinetuneSettings
from threephase.settings.joint import JointSettings
from threephase.training import KeepBest, Task


def report_of(checkpoint: Path) -> dict:
    return json.loads((checkpoint / "settings.json").read_text())["report"]


def history(checkpoint: Path) -> pd.Series:
    return pd.read_csv(checkpoint / "history.csv")["validation_loss"].dropna().reset_index(drop=True)


def test_the_test_split_as_stopping_set(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    leaky = train(FT, dataset, base_models["bert"], tmp_path / "leaky", stopping_split="test")
    sound = train(FT, dataset, base_models["bert"], tmp_path / "sound")
    assert report_of(leaky)["validation_texts"] == len(read_split(dataset, "test"))
    assert report_of(sound)["validation_texts"] == len(read_split(dataset, "validation"))


@pytest.mark.parametrize(
    ("rises", "last", "losses", "steps", "kept"),
    [
        (False, False, [3, 1, 2, 2, 9], 4, 2),  # two without a new minimum after the second
        (False, True, [3, 1, 2, 1.5, 0], 4, 4),  # patience counts from the minimum, whatever is kept
        (True, False, [3, 1, 2, 2, 2, 3, 4, 5], 7, 2),  # a standstill ends a row of rises
        (True, True, [3, 1, 2, 1.5, 1.6, 1.7, 0], 6, 6),
    ],
    ids=["minimum", "minimum, last kept", "rises", "rises, last kept"],
)
def test_stopping_rules_by_hand(rises: bool, last: bool, losses: list[float], steps: int, kept: int) -> None:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    model = torch.nn.Linear(1, 1)
    task = Task(model, None, None, lambda: 0.0, None, 9, 9, patience=2, rises=rises)  # type: ignore[arg-type]
    keep = KeepBest(task, last)
    state, control = TrainerState(), TrainerControl()
    for step, loss in enumerate(losses, start=1):
        state.global_step = step
        keep.on_evaluate(TrainingArguments("x"), state, control, metrics={"eval_loss": loss}, model=model)
        if control.should_training_stop:
            break
    assert (step, keep.step) == (steps, kept)


def test_the_last_state_is_kept(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    changes = {"max_epochs": 30, "lr": 0.3, "patience": 2}  # so large that it stops early, after its best epoch
    best = train(FT, dataset, base_models["bert"], tmp_path / "best", **changes)
    last = train(FT, dataset, base_models["bert"], tmp_path / "last", keep="last", **changes)
    recorded = [json.loads((path / "provenance.json").read_text())["best_validation_loss"] for path in (best, last)]
    assert recorded[0] == pytest.approx(history(best).min(), rel=1e-6)
    assert recorded[1] == pytest.approx(history(last).iloc[-1], rel=1e-6)
    assert history(best).equals(history(last))  # what is kept does not change what is trained
    assert recorded[0] < recorded[1]


def test_an_encoder_from_random_weights(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    encoder = load_encoder(base_models["roberta"])
    torch.manual_seed(1)
    randomise(encoder)
    first = encoder.transformers_model.encoder.layer[0].intermediate.dense.weight.clone()
    torch.manual_seed(1)
    randomise(encoder)
    again = encoder.transformers_model.encoder.layer[0].intermediate.dense.weight
    assert torch.equal(first, again)
    assert not torch.equal(
        first, load_encoder(base_models["roberta"])[0].model.encoder.layer[0].intermediate.dense.weight
    )
    after = {
        start: weights(
            train(FT, dataset, base_models["roberta"], tmp_path / start, encoder=start, freeze=True, max_epochs=1)
        )
        for start in ("random", "pretrained")
    }
    changed = [key for key, weight in after["random"].items() if not torch.equal(weight, after["pretrained"][key])]
    assert any("intermediate" in key for key in changed)


def test_nltk_words_keep_punctuation_apart() -> None:
    text = "Don't stop, now!"  # NLTK: Do n't stop , now !
    assert delete_nltk_words(text, 0.0, generator(1, "n")) == text
    found = {delete_nltk_words(text, 0.5, generator(seed, "n")) for seed in range(200)}
    assert "Do stop!" in found or "Do!" in found
    assert any("n't" in given and "Do" not in given for given in found)


def test_nltk_noise_reaches_training(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    encoder = load_encoder(base_models["bert"])
    texts = ["the match, of the team!"]
    noised = dae.NoisedTexts(encoder, texts, DaeSettings(words="nltk"), 1, "dae-noise")
    text = delete_nltk_words(texts[0], 0.6, generator(1, "dae-noise", 4, 0))
    assert noised[Key(4, 0)][0].tolist() == encoder.preprocess([text])["input_ids"][0].tolist()
    train(DAE, dataset, base_models["bert"], tmp_path / "dae", words="nltk", epochs=1)


def test_whole_copies_leave_out_the_sample() -> None:
    classes = np.repeat([0, 1], [100, 17])  # 17 rows: ratio 1.539, 26 rows
    assert np.bincount(classes[balanced_rows(classes, 1.5, 4.0, 1).rows]).tolist() == [100, 26]
    assert np.bincount(classes[balanced_rows(classes, 1.5, 4.0, 1, whole_copies=True).rows]).tolist() == [100, 17]
    classes = np.repeat([0, 1], [100, 9])  # 9 rows: 4 · log(100 / 9) / log(100) = 2.09, 19 rows
    assert np.bincount(classes[balanced_rows(classes, 1.5, 4.0, 1).rows]).tolist() == [100, 19]
    assert np.bincount(classes[balanced_rows(classes, 1.5, 4.0, 1, whole_copies=True).rows]).tolist() == [100, 18]


def test_stop_word_noise_as_released(dataset: Path) -> None:
    rows = read_split(dataset, "train")
    settings = ContrastiveSettings(stop_word_noise="released", maxratio=20)
    of_bert = contrastive.balance(rows, settings, 1, "bert").texts[len(rows) :]
    of_roberta = contrastive.balance(rows, settings, 1, "roberta").texts[len(rows) :]
    assert all(text in rows.texts for text in of_bert)
    assert len(of_bert) == len(of_roberta)
    for plain, noised in zip(of_bert, of_roberta, strict=True):
        assert noised == " ".join(
            word
            for word in plain.lower().split()
            if word not in ["the", "of", "and", "with", "a", "not", "about", "from"] or word == "not"
        )


def test_pairs_with_repeats_stay_as_they_fall() -> None:
    ids, labels = np.arange(6), np.array([[0], [0], [0], [1], [1], [1]])
    repeated = draw_pairs(ids, labels, 50, 1, unique=False)
    seen = [frozenset(pair) for pair in zip(repeated.left.tolist(), repeated.right.tolist(), strict=True)]
    assert len(seen) > len(set(seen))
    assert any(len(pair) == 1 for pair in seen)
    counts = np.unique(repeated.target, return_counts=True)[1]
    assert counts[0] == counts[1]
    assert len(draw_pairs(ids, labels, 50, 1)) < len(repeated)


def test_joint_alternates_and_has_its_released_pairs(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    batches = JointBatches(ShuffledBatches(5, 2, 1, "t"), [ShuffledBatches(6, 2, 1, "p")], 3, alternating=True)
    streams = [{place.stream for place in step} for step in batches]
    assert streams == [{"dae"}, {"cl"}] * 3
    assert len(batches) == 6
    balanced = contrastive.balance(read_split(dataset, "train"), JointSettings(), 1)
    draws = joint.draws_of_pairs(balanced, JointSettings(pair_labels="zero", pairs_per_text=1), 1, 2)
    assert all((draw.target == 0).all() for draw in draws)
    out = train(JOINT, dataset, base_models["bert"], tmp_path / "j", schedule="alternating", keep="last", epochs=1)
    steps = json.loads((out / "provenance.json").read_text())["steps"]
    assert steps == 2 * max(report_of(out)["steps_of_texts"], report_of(out)["steps_of_pairs"])


@pytest.mark.parametrize("phase", [DAE, CL, JOINT], ids=["dae", "cl", "joint"])
def test_the_leak_trains_on_test_rows_too(phase, base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    leaky = report_of(train(phase, dataset, base_models["bert"], tmp_path / "leaky", train_on_test=True))
    sound = report_of(train(phase, dataset, base_models["bert"], tmp_path / "sound"))
    assert leaky["texts"] - sound["texts"] >= len(read_split(dataset, "test"))
    assert phase.settings(train_on_test=True).sees_test
    assert not phase.settings().sees_test


def test_only_the_leaks_see_the_test_split() -> None:
    assert FinetuneSettings(stopping_split="test").sees_test
    assert not FinetuneSettings(stopping="rises", keep="last", freeze=True, encoder="random").sees_test


def test_long_texts_in_pieces() -> None:
    rows = pd.DataFrame({"text": ["a b c d e", "f", "g h"] * 6, "label": ["x", "y", "x"] * 6})
    settings = DatasetSettings(source=Source(train="-"), test_size=6, validation_size=0.5, chunk_words=2)
    pieces = split({"train": rows}, settings).splits["test"]
    whole = split({"train": rows}, settings.model_copy(update={"chunk_words": None})).splits["test"]
    assert sorted(" ".join(pieces["text"]).split()) == sorted(" ".join(whole["text"]).split())
    assert pieces["text"].str.split().str.len().max() == 2
    assert set(pieces["label_0"][pieces["text"] == "c d"]) == {0}


def test_a_fifth_of_the_batch_on_tiny_data() -> None:
    settings = DaeSettings(batch_size=32, tiny_data_batch=0.2)
    assert [dae.batch_size(settings, texts) for texts in (500, 501)] == [6, 32]
    assert dae.batch_size(DaeSettings(batch_size=32), 10) == 32
    assert dae.batch_size(DaeSettings(batch_size=2, tiny_data_batch=0.2), 10) == 1


def test_phase_1_selects_on_labelled_training_pairs(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    out = train(DAE, dataset, base_models["bert"], tmp_path / "dae", selection="similarity")
    assert ((history(out) >= 0) & (history(out) <= 2)).all()  # 1 − a correlation


def test_phase_2_selects_on_a_tenth_of_the_training_pairs(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    rows = read_split(dataset, "train")
    balanced = contrastive.balance(rows, ContrastiveSettings(), 1)
    pairs = contrastive.pairs_of(balanced, 2, 1)
    trained, held = contrastive._tenth_held_out(pairs, 1)
    assert len(held) == len(pairs) // 10
    assert len(trained) + len(held) == len(pairs)
    both = [set(zip(part.left.tolist(), part.right.tolist(), strict=True)) for part in (trained, held)]
    assert not both[0] & both[1]
    train(CL, dataset, base_models["bert"], tmp_path / "cl", selection="training", unique_pairs=False)


def test_a_share_of_the_labels_is_stratified_and_the_same_in_phases_2_and_3(dataset: Path) -> None:
    rows = read_split(dataset, "train")
    part = training_rows(dataset, 0.5, seed=1)
    assert len(part) == round(0.5 * len(rows))
    shares = [np.bincount(split.labels[:, 0]) / len(split) for split in (rows, part)]
    assert np.allclose(*shares, atol=0.05)
    assert set(part.texts) <= set(rows.texts)
    assert training_rows(dataset, 0.5, seed=1).texts == part.texts != training_rows(dataset, 0.5, seed=2).texts
    assert len(np.unique(training_rows(dataset, 0.01, seed=1).labels)) == len(np.unique(rows.labels))
