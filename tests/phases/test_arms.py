"""The arms beside the paper's phases 1 and 2: each trains, lowers its own loss, and leaves alone what it says."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from trainings import settings_of, train

from threephase.artifacts.folders import writing
from threephase.data.store import Splits
from threephase.encoders.encoder import load_encoder, save_encoder
from threephase.encoders.tokens import tokenise
from threephase.method.losses import ReconstructionLoss
from threephase.method.masked_tokens import MaskedTexts
from threephase.phases import dae
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE, RandomVectors, StagedBatches
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.phases.run import Phase
from threephase.seeding import generator
from threephase.training.batches import Key, ShuffledBatches
from threephase.training.loop import _groups

ARMS: list[tuple[Phase, dict[str, Any]]] = [
    (DAE, {"tied": False}),
    (DAE, {"decoder_warmup": 0.5}),
    (DAE, {"decoder_sees": "random"}),
    (DAE, {"objective": "masked_language"}),
    (DAE, {"word_noise": "mask"}),
    (DAE, {"decoder": "small"}),
    (DAE, {"words": "pieces"}),
    (CL, {"objective": "supcon"}),
    (CL, {"objective": "multiple_negatives", "temperature": 0.05}),
]


@pytest.fixture(scope="module")
def lively(base_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model with weights so large that texts differ; a fresh one gives all texts nearly one vector."""
    encoder, drawn = load_encoder(base_models["roberta"]), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if "LayerNorm" not in name and weight.dim() == 2:
                weight.copy_(torch.randn(weight.shape, generator=drawn) * weight.shape[1] ** -0.5)
    out = tmp_path_factory.mktemp("lively") / "roberta"
    with writing(out) as folder:
        save_encoder(encoder, folder)
    return out


def steps_of(checkpoint: Path) -> int:
    return int(pd.read_csv(checkpoint / "history.csv")["step"].max())


@pytest.mark.parametrize("engine", ["library", "packed"])
@pytest.mark.parametrize(("phase", "changes"), ARMS, ids=["-".join(map(str, arm[1].values())) for arm in ARMS])
def test_each_arm_lowers_its_own_validation_loss(
    lively: Path, dataset: Path, tmp_path: Path, phase: Phase, changes: dict[str, Any], engine: str
) -> None:
    more = {"epochs": 4} if phase is DAE else {"pairs_per_text": 10}
    out = train(phase, dataset, lively, tmp_path / "arm", engine=engine, **more, **changes)
    losses = pd.read_csv(out / "history.csv")["validation_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    report = settings_of(out)["report"]
    items = 4 * report["texts"] if phase is DAE else sum(value["kept"] for value in report["pairs"].values())
    assert abs(steps_of(out) - items / 8) < 4  # as many steps as phases 1 and 2 have


def test_while_the_decoder_learns_alone_the_encoder_stays_as_it_is_to_the_bit(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    """All steps are the decoder's: the checkpoint's encoder is the base model's, weight decay and all."""
    changes = {"weight_decay": 0.1, "keep": "last", "bottleneck": "none"}
    out = train(DAE, dataset, base_models["roberta"], tmp_path / "alone", decoder_warmup=1.0, **changes)
    mine, base = (load_encoder(folder).transformers_model.state_dict() for folder in (out, base_models["roberta"]))
    trained = [name for name in base if "pooler" not in name]  # which a plain model has not, and no phase uses
    assert all(torch.equal(mine[name], base[name]) for name in trained)
    losses = pd.read_csv(out / "history.csv")["validation_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]  # the decoder learnt
    half = load_encoder(train(DAE, dataset, base_models["roberta"], tmp_path / "half", decoder_warmup=0.5, **changes))
    moved = half.transformers_model.state_dict()
    assert any(not torch.equal(moved[name], base[name]) for name in trained)


def test_the_first_steps_of_a_training_are_the_decoders_alone() -> None:
    batches = StagedBatches(5, 2, 1, "dae-order", alone=4)
    alone = [[key.decoder_only for key in batch] for epoch in range(2) for batch in batches.of_epoch(epoch)]
    assert alone == [[True] * 2, [True] * 2, [True], [True] * 2, [False] * 2, [False]]
    plain = ShuffledBatches(5, 2, 1, "dae-order")
    assert [[key.key for key in batch] for batch in batches.of_epoch(1)] == list(plain.of_epoch(1))


@pytest.mark.parametrize("engine", ["library", "packed"])
def test_a_random_vector_gives_the_encoder_no_gradient(base_models: dict[str, Path], engine: Any) -> None:
    encoder = load_encoder(base_models["bert"])
    loss = ReconstructionLoss(encoder, engine, tied=False)
    texts = tokenise(encoder, ["the match of the team", "a song"])
    random = RandomVectors(32, seed=1)
    loss(**dae.collate(loss.encode, [(text, text) for text in texts], random))["loss"].backward()
    assert all(weight.grad is None for weight in encoder.parameters())
    assert any(weight.grad is not None for weight in loss.decoder.parameters())
    vectors = random.of(list(texts))
    assert torch.equal(vectors, RandomVectors(32, seed=1).of(list(texts)))  # fixed for each text
    assert not torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors, RandomVectors(32, seed=2).of(list(texts)))


def test_an_untied_decoder_has_weights_of_its_own(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["roberta"])
    own = {id(weight) for weight in encoder.parameters()}
    decoder = ReconstructionLoss(encoder, "packed", tied=False).decoder
    assert not any(id(weight) in own for weight in decoder.parameters())
    start, copy = encoder.transformers_model.embeddings, decoder.base_model.embeddings
    assert torch.equal(start.word_embeddings.weight, copy.word_embeddings.weight)


def test_masks_as_bert_has_them(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["roberta"])
    encoder.max_seq_length = 64
    text = " ".join(["match", "goal", "team", "coach"] * 10)
    masked = MaskedTexts(encoder, [text, "song"], 1, "masks")
    clean, mask, padding = masked.clean[0], encoder.tokenizer.mask_token_id, encoder.tokenizer.pad_token_id
    fates = []
    for epoch in range(200):
        source, wanted = masked[Key(epoch, 0)]
        chosen = wanted != padding
        assert chosen.sum() == round(0.15 * (len(clean) - 2))
        assert not chosen[[0, -1]].any()
        assert np.array_equal(source[~chosen], clean[~chosen])
        assert np.array_equal(wanted[chosen], clean[chosen])
        fates += np.where(source[chosen] == mask, 2, np.where(source[chosen] == clean[chosen], 0, 1)).tolist()
    shares = np.bincount(fates) / len(fates)
    assert shares == pytest.approx([0.1, 0.1, 0.8], abs=0.03)
    assert (masked[Key(0, 1)][1] != padding).sum() == 1  # at least one
    assert masked.masked(clean[:1], generator(1, "x"))[0].tolist() == clean[:1].tolist()  # nothing but special ones


@pytest.mark.parametrize("phase", [DAE, CL], ids=["dae", "cl"])
def test_small_data_have_steps_enough(
    phase: Phase, base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    few = train(phase, dataset, base_models["bert"], tmp_path / "few")
    enough = train(phase, dataset, base_models["bert"], tmp_path / "enough", min_steps=3 * steps_of(few))
    assert 3 * steps_of(few) <= steps_of(enough) < 5 * steps_of(few)
    idle = train(phase, dataset, base_models["bert"], tmp_path / "idle", min_steps=2)
    assert steps_of(idle) == steps_of(few)


def test_phase_1_may_follow_phase_2(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    out = tmp_path
    second = train(CL, dataset, base_models["bert"], out / "cl")
    first = train(DAE, dataset, second, out / "cl.dae", epochs=1)
    train(FT, dataset, first, out / "cl.dae.ft", max_epochs=1)
    assert len(list(load_encoder(first).children())) == 4  # projection, and bottleneck on top of it
    assert settings_of(first)["report"]["texts"]


@pytest.mark.parametrize(
    ("phase", "changes", "rates"),
    [
        (DAE, {"decoder": "small"}, {"decoder": 1e-2}),
        (DAE, {"decoder": "small", "decoder_lr": 3e-3}, {"decoder": 3e-3}),
        (DAE, {"decoder": "own"}, {}),
        (DAE, {"decoder": "own", "decoder_lr": 3e-3}, {"decoder": 3e-3}),
        (DAE, {"objective": "masked_language"}, {}),
        (JOINT, {"decoder": "small"}, {"reconstruction.decoder": 1e-2}),
    ],
)
def test_a_decoder_that_begins_at_random_learns_ten_times_as_fast_with_all_that_is_its_own(
    lively: Path, dataset: Path, phase: Phase, changes: dict[str, Any], rates: dict[str, float]
) -> None:
    encoder = load_encoder(lively)
    settings = phase.settings(lr=1e-3, max_length=16, epochs=1, engine="library", **changes)
    task = phase.prepare(encoder, Splits(dataset), settings, 1).task
    assert task.rates == pytest.approx(rates)
    shared = {id(weight) for weight in encoder.parameters()}
    fast = {id(weight) for group in _groups(task.model, 0.0, 1e-3, task.rates) if group["peak"] != 1e-3
            for weight in group["params"]}  # fmt: skip
    own = {id(weight) for name, weight in task.model.named_parameters() if ".decoder." in f".{name}"} - shared
    assert fast == (own if rates else set())


def test_what_auto_comes_to_is_the_same_training(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    given: dict[str, dict[str, Any]] = {
        "auto": {}, "own": {"decoder": "own", "words": "blanks"}, "small": {"decoder": "small"},
        "pieces": {"words": "pieces"},
    }  # fmt: skip
    trained = {
        name: settings_of(train(DAE, dataset, base_models["bert"], tmp_path / name, epochs=1, **changes))
        for name, changes in given.items()
    }
    assert trained["auto"]["effective"] == trained["own"]["effective"]
    assert len({settings["effective"] for settings in trained.values()}) == 3
    assert trained["auto"]["report"] | {"decoder": "own", "share_left_whole": 0.0} == trained["auto"]["report"]
