"""Each switch of the released protocol does what it says, and nothing while it is off."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from trainings import train, weights

from threephase.data.splits import split
from threephase.data.store import LabelledTexts, Splits, training_rows
from threephase.encoders.encoder import load_encoder, randomise
from threephase.encoders.engines import embed
from threephase.encoders.tokens import tokenise
from threephase.method.imbalance import balanced_rows
from threephase.method.losses import SiameseLoss, rank_distance
from threephase.method.noise import delete_nltk_words
from threephase.method.pairs import draw_pairs
from threephase.phases import contrastive, dae, joint
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT, after_rises
from threephase.phases.joint import JOINT, JointBatches
from threephase.phases.run import Phase, Prepared, run_phase
from threephase.seeding import generator
from threephase.settings.common import PhaseSettings
from threephase.settings.contrastive import ContrastiveSettings
from threephase.settings.dae import DaeSettings
from threephase.settings.dataset import DatasetSettings, Source
from threephase.settings.finetune import FinetuneSettings
from threephase.settings.joint import JointSettings
from threephase.training.batches import Key, ShuffledBatches
from threephase.training.task import Measured


def report_of(checkpoint: Path) -> dict:
    return json.loads((checkpoint / "settings.json").read_text())["report"]


def history(checkpoint: Path) -> pd.Series:
    return pd.read_csv(checkpoint / "history.csv")["validation_loss"].dropna().reset_index(drop=True)


def test_the_test_split_as_stopping_set(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    leaky = train(FT, dataset, base_models["bert"], tmp_path / "leaky", stopping_split="test")
    sound = train(FT, dataset, base_models["bert"], tmp_path / "sound")
    assert report_of(leaky)["validation_texts"] == len(Splits(dataset).read("test"))
    assert report_of(sound)["validation_texts"] == len(Splits(dataset).read("validation"))


def stops_after(losses: list[float], patience: int, max_epochs: int) -> int | None:
    """The epoch that the released rule ends at."""
    found, epochs = [Measured(loss) for loss in losses], range(1, len(losses) + 1)
    return next((epoch for epoch in epochs if after_rises(found[:epoch], patience, max_epochs)), None)


def test_the_released_rule_trains_one_epoch_beyond_the_fifth_rise() -> None:
    assert stops_after([9, 1, 2, 3, 4, 5, 6, 0, 7], 5, 70) == 8
    assert stops_after([9, 1, 2, 3, 4, 5, 5, 6, 7], 5, 70) is None


def test_the_released_rule_also_stops_after_ten_rows_of_rises_that_broke_off() -> None:
    zigzag = [1.0, 2.0] * 20  # a rise and a fall by turns: the tenth fall is from epoch 20 to 21
    assert stops_after(zigzag, 5, 70) == 22
    assert stops_after(zigzag, 5, 8) == 10  # no more than half of the epochs: the fourth fall


def test_the_last_state_is_kept(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    changes = {
        "max_epochs": 30,
        "lr": 0.3,
        "patience": 2,
        "criterion": "loss",
    }  # a rate so large that it stops early, after its best epoch
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


@pytest.mark.parametrize(
    ("largest", "rows", "whole", "sampled"), [(120, 18, 36, 29), (120, 5, 15, 13), (100, 9, 18, 19)]
)
def test_whole_copies_are_the_rounded_ratio(largest: int, rows: int, whole: int, sampled: int) -> None:
    # 4 · log(120 / 18) / log(120) = 1.585, so 2 copies; of 5 rows 2.655, so 3; of 9 beside 100 rows 2.092, so 2
    classes = np.repeat([0, 1], [largest, rows])
    for whole_copies, expected in ((True, whole), (False, sampled)):
        found = balanced_rows(classes, 1.5, 4.0, 1, whole_copies)
        assert np.bincount(classes[found.rows]).tolist() == [largest, expected]
        assert len(set(zip(*found, strict=True))) == len(found.rows)  # no copy of a row twice


def test_stop_word_noise_as_released_by_hand() -> None:
    """3 rows beside 40: f = 4 · log(40 / 3) / log(40) = 2.81. Doubled to 5, as one has no stop word: f = 2.25."""
    small = ["The Match", "Goal  Coach", "All of the Team"]
    rows = LabelledTexts([f"Song {number}" for number in range(40)] + small, np.repeat([[0], [1]], [40, 3], axis=0))
    settings = ContrastiveSettings(stop_word_noise="released", resizing="whole")
    balanced = contrastive.balance(rows, settings, 1, "roberta")
    doubled = ["the match", "goal coach", "all of the team", "match", "team"]
    assert balanced.texts[:40] == rows.texts[:40]
    assert balanced.texts[40:] == doubled * 2
    assert balanced.labels[:, 0].tolist() == [0] * 40 + [1] * 10
    assert balanced.resized == {"1": {"before": 3, "after": 10}}
    sampled = contrastive.balance(rows, settings.model_copy(update={"resizing": "sampled"}), 1, "roberta")
    assert len(sampled.texts) == 40 + 11  # round(2.25 · 5)
    assert set(sampled.texts[40:]) == set(doubled)


def test_with_other_base_models_the_released_copies_have_no_noise(dataset: Path) -> None:
    rows = Splits(dataset).read("train")
    settings = ContrastiveSettings(stop_word_noise="released", maxratio=20)
    balanced = contrastive.balance(rows, settings, 1, "bert")
    assert len(balanced.texts) > len(rows)
    assert set(balanced.texts) == set(rows.texts)


def test_lower_case_is_all_that_the_released_no_imb_changes() -> None:
    rows = LabelledTexts(["The  Match", "a Song"], np.array([[0], [1]]))
    found = contrastive.balance(rows, ContrastiveSettings(imbalance="none", lower_case=True), 1, "roberta")
    assert found.texts == ["the match", "a song"]
    assert found.labels is rows.labels
    assert contrastive.balance(rows, ContrastiveSettings(imbalance="none"), 1, "roberta").texts == rows.texts


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
    streams = [{place.stream for place in step} for step in batches.of_epoch(0)]
    assert streams == [{"dae"}, {"cl"}] * 3
    assert len(batches) == 6
    balanced = contrastive.balance(Splits(dataset).read("train"), JointSettings(), 1)
    draws = joint.draws_of_pairs(balanced, JointSettings(pair_labels="zero", pairs_per_text=1), 1, 2)
    assert all((draw.target == 0).all() for draw in draws)
    out = train(JOINT, dataset, base_models["bert"], tmp_path / "j", schedule="alternating", keep="last", epochs=1)
    steps = json.loads((out / "provenance.json").read_text())["steps"]
    assert steps == 2 * max(report_of(out)["steps_of_texts"], report_of(out)["steps_of_pairs"])


@pytest.mark.parametrize(("epochs", "streams"), [(1, (8, 12)), (3, (24, 12))], ids=["more pairs", "more texts"])
def test_joint_has_the_steps_of_its_shorter_loader_and_half_of_both_as_warm_up(
    epochs: int, streams: tuple[int, int], base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    """The released loop draws a batch of each loader until one is empty, and its schedule is of both together."""
    out = train(
        JOINT, dataset, base_models["bert"], tmp_path / "j", schedule="alternating", steps="shorter",
        warmup_of="streams", warmup=0.5, epochs=epochs, pair_batch_size=4, pairing="side_by_side",
    )  # fmt: skip
    assert (report_of(out)["steps_of_texts"], report_of(out)["steps_of_pairs"]) == streams
    assert len(report_of(out)["draws_of_pairs"]) == 1
    rates = pd.read_csv(out / "history.csv")["learning_rate"].dropna()
    assert len(rates) == 2 * min(streams)
    # each optimiser of the released code takes min(streams) steps of a rise over half of both: no peak is reached
    assert rates.iloc[-1] == pytest.approx(1e-3 * (2 * min(streams) - 1) / sum(streams), rel=1e-6)


@pytest.mark.parametrize("phase", [DAE, CL, JOINT], ids=["dae", "cl", "joint"])
def test_the_leak_trains_on_test_rows_too(phase, base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    leaky = report_of(train(phase, dataset, base_models["bert"], tmp_path / "leaky", train_on_test=True))
    sound = report_of(train(phase, dataset, base_models["bert"], tmp_path / "sound"))
    assert leaky["texts"] - sound["texts"] >= len(Splits(dataset).read("test"))
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


def test_a_fifth_of_the_batch_on_tiny_data_by_hand() -> None:
    """int(batch × 0.2): 32 give 6, 8 give 1 and not the nearer 2, 2 give 1, as a batch without examples is none."""
    for size, fifth in ((32, 6), (8, 1), (2, 1)):
        settings = PhaseSettings(batch_size=size, tiny_data_batch=0.2)
        assert [settings.for_texts(texts).batch_size for texts in (500, 501)] == [fifth, size]
    assert PhaseSettings().for_texts(500) == PhaseSettings()
    joint = JointSettings(batch_size=32, pair_batch_size=16, tiny_data_batch=0.2).for_texts(327)
    assert (joint.batch_size, joint.pair_batch_size) == (6, 3)
    assert joint.for_texts(327) == joint  # once is enough


@pytest.mark.parametrize("phase", [DAE, CL, JOINT, FT], ids=lambda phase: phase.name)
def test_every_phase_has_the_small_batches(phase: Phase, base_models: dict[str, Path], dataset: Path) -> None:
    """On 60 training texts."""
    asked = phase.settings(batch_size=20, tiny_data_batch=0.2, max_length=16)
    given: list[PhaseSettings] = []

    def prepare(encoder: object, data: Splits, settings: PhaseSettings, seed: int) -> Prepared:
        given.append(settings)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_phase(replace(phase, prepare=prepare), dataset, base_models["bert"], asked, 1, Path("nowhere"), "title")
    assert given[0].batch_size == 4


def test_phase_1_selects_on_labelled_training_pairs(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    out = train(DAE, dataset, base_models["bert"], tmp_path / "dae", selection="similarity")
    assert ((history(out) >= 0) & (history(out) <= 2)).all()  # 1 − a correlation


def test_phase_2_selects_on_a_tenth_of_the_training_pairs(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    rows = Splits(dataset).read("train")
    balanced = contrastive.balance(rows, ContrastiveSettings(), 1)
    pairs = contrastive.pairs_of(balanced, 2, ContrastiveSettings(), 1)
    trained, held = contrastive._tenth_held_out(pairs, 1)
    assert len(held) == len(pairs) // 10
    assert len(trained) + len(held) == len(pairs)
    both = [set(zip(part.left.tolist(), part.right.tolist(), strict=True)) for part in (trained, held)]
    assert not both[0] & both[1]
    repeats = {"pairing": "side_by_side", "unique_pairs": False}
    train(CL, dataset, base_models["bert"], tmp_path / "cl", selection="training", **repeats)


def test_phase_2_selects_by_rank_correlation(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    """The kept state is the one whose own vectors rank the validation pairs best.

    Cosines of an untrained encoder differ in the sixth digit: only the engine that ranked them ranks them so again.
    """
    out = train(CL, dataset, base_models["bert"], tmp_path / "cl", criterion="spearman", evaluations=10, batch_size=4,
                precision="fp32")  # fmt: skip
    assert len(history(out)) == 10
    settings = ContrastiveSettings()
    split, pairs = contrastive.validation_pairs_of(Splits(dataset), settings, 1)
    encoder = load_encoder(out)
    kept = SiameseLoss(encoder, settings.engine).eval()
    with torch.inference_mode():
        vectors = embed(kept.encode, tokenise(encoder, split.texts), settings.eval_batch_size)
    sides = (vectors[torch.from_numpy(side).long()] for side in (pairs.left, pairs.right))
    assert history(out).min() == pytest.approx(rank_distance(*sides, torch.from_numpy(pairs.target)).item(), abs=1e-5)


def test_a_share_of_the_labels_is_stratified_and_the_same_in_phases_2_and_3(dataset: Path) -> None:
    rows = Splits(dataset).read("train")
    data = Splits(dataset)
    part = training_rows(data, 0.5, seed=1)
    assert len(part) == round(0.5 * len(rows))
    shares = [np.bincount(split.labels[:, 0]) / len(split) for split in (rows, part)]
    assert np.allclose(*shares, atol=0.05)
    assert set(part.texts) <= set(rows.texts)
    assert training_rows(data, 0.5, seed=1).texts == part.texts != training_rows(data, 0.5, seed=2).texts
    assert len(np.unique(training_rows(data, 0.01, seed=1).labels)) == len(np.unique(rows.labels))
