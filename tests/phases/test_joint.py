"""Joint: two streams side by side, two losses in one."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import set_seed

from threephase.artifacts.folders import verify
from threephase.data.store import Splits
from threephase.encoders.encoder import add_dense, as_it_stands, load_encoder
from threephase.encoders.tokens import tokenise
from threephase.method.losses import JointLoss, ReconstructionLoss, SiameseLoss
from threephase.phases import contrastive, dae, joint
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT, JointBatches, JointKey
from threephase.phases.run import run_phase
from threephase.settings.joint import JointSettings
from threephase.training.batches import Key, ShuffledBatches

SETTINGS = JointSettings(epochs=2, pairs_per_text=1, lr=1e-3, batch_size=8, max_length=16, precision="fp32")


@pytest.fixture(scope="module", params=["bert", "roberta"])
def checkpoint(
    request: pytest.FixtureRequest,
    base_models: dict[str, Path],
    dataset: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("joint") / "joint"
    run_phase(JOINT, dataset, base_models[request.param], SETTINGS, 1, out, "joint")
    return out


def test_its_texts_have_phase_1s_floor_of_steps(base_models: dict[str, Path], dataset: Path) -> None:
    settings = SETTINGS.model_copy(update={"pair_batch_size": 64})
    encoder = load_encoder(base_models["bert"])
    rows = len(Splits(dataset).read("train").texts) + len(Splits(dataset).read("unlabelled").texts)
    epoch = -(-rows // 8)
    for floor, epochs in ((0, 2), (2 * epoch, 2), (2 * epoch + 1, 3)):
        given = settings.model_copy(update={"min_steps": floor})
        report = joint.prepare(encoder, Splits(dataset), given, 1).report
        assert report["steps_of_texts"] == epochs * epoch


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    batches = ShuffledBatches(7, 3, seed=1, purpose="p")
    first = list(batches.of_epoch(0))
    assert [len(batch) for batch in first] == [3, 3, 1]
    assert len(batches) == 3
    assert sorted(key.row for batch in first for key in batch) == list(range(7))
    assert [key.row for batch in batches.of_epoch(1) for key in batch] != [key.row for batch in first for key in batch]
    assert list(batches.of_epoch(0)) == first


def test_the_shorter_stream_starts_again_with_fresh_draws() -> None:
    """3 batches of texts an epoch; 2 batches in the first draw of pairs, 2 in the second, 2 in the third."""
    texts = ShuffledBatches(5, 2, 1, "texts")
    pairs = [ShuffledBatches(3, 2, 1, "pairs")] * 3
    steps = list(JointBatches(texts, pairs, steps=6).of_epoch(0))
    assert len(steps) == 6
    noised = [[place.key for place in step if place.stream == "dae"] for step in steps]
    paired = [[place.key for place in step if place.stream == "cl"] for step in steps]
    assert [{key.epoch for key in keys} for keys in noised] == [{0}, {0}, {0}, {1}, {1}, {1}]
    assert [{key.epoch for key in keys} for keys in paired] == [{0}, {0}, {1}, {1}, {2}, {2}]
    assert sorted(key.row for keys in paired[:2] for key in keys) == [0, 1, 2]
    assert list(JointBatches(texts, pairs, steps=6).of_epoch(0)) == steps
    longer = list(JointBatches(texts, [ShuffledBatches(16, 2, 1, "pairs")], steps=8).of_epoch(0))
    assert [step[0].key.epoch for step in longer] == [0, 0, 0, 1, 1, 1, 2, 2]  # fresh noise beyond the epochs


def test_there_are_as_many_steps_as_the_longer_stream_has(checkpoint: Path, dataset: Path) -> None:
    report = json.loads((checkpoint / "settings.json").read_text())["report"]
    provenance = json.loads((checkpoint / "provenance.json").read_text())
    rows = len(Splits(dataset).read("train"))
    assert report["steps_of_texts"] == 2 * -(-rows // 8)
    assert provenance["steps"] == max(report["steps_of_texts"], report["steps_of_pairs"])


def test_further_draws_bring_pairs_that_the_first_did_not_have(dataset: Path) -> None:
    balanced = contrastive.balance(Splits(dataset).read("train"), SETTINGS, seed=1)
    draws = joint.draws_of_pairs(balanced, SETTINGS, seed=1, wanted=8)
    assert sum(-(-len(draw) // 32) for draw in draws) >= 8
    first, second = ({*zip(draw.left.tolist(), draw.right.tolist(), strict=True)} for draw in draws[:2])
    assert first != second


def test_the_loss_is_the_sum_of_both_and_reaches_the_shared_layers(base_models: dict[str, Path]) -> None:
    set_seed(3)
    encoder = load_encoder(base_models["bert"])
    add_dense(encoder)
    reconstruction = ReconstructionLoss(as_it_stands(encoder))
    add_dense(encoder)
    both = JointLoss(reconstruction, SiameseLoss(encoder)).eval()
    noised, clean = (
        tokenise(encoder, texts) for texts in (["match team", "song"], ["the match of the team", "a song"])
    )
    texts = dae.collate(reconstruction.encode, list(zip(noised, clean, strict=True)))
    left, right = tokenise(encoder, ["a match", "a song"])
    pairs = contrastive.collate(both.siamese.encode, [(left, right, 0.0)])
    alone = [both.reconstruction(**texts)["loss"], both.siamese(**pairs)["loss"]]
    together = both(dae=texts, cl=pairs)["loss"]
    assert together.item() == pytest.approx(alone[0].item() + alone[1].item(), rel=1e-6)
    together.backward()
    bottleneck, projection = (layer for layer in encoder.children() if type(layer).__name__ == "Dense")
    shared = bottleneck.linear.weight.grad
    assert shared is not None
    both.zero_grad()
    both.reconstruction(**texts)["loss"].backward()
    assert projection.linear.weight.grad is None  # the decoder reads the bottleneck, not the projection
    only_dae = bottleneck.linear.weight.grad
    both.zero_grad()
    both.siamese(**pairs)["loss"].backward()
    assert torch.allclose(shared, only_dae + bottleneck.linear.weight.grad, atol=1e-6)


def test_the_checkpoint_has_both_layers_and_phase_3_goes_on_from_it(
    checkpoint: Path, dataset: Path, tmp_path: Path
) -> None:
    verify(checkpoint)
    encoder = SentenceTransformer(str(checkpoint), device="cpu")
    assert [type(module).__name__ for module in encoder.children()].count("Dense") == 2
    assert encoder.encode(["a match of the team"]).shape == (1, 32)
    settings = FT.settings(max_epochs=1, lr=1e-3, batch_size=8, max_length=16)  # type: ignore[call-arg]
    run_phase(FT, dataset, checkpoint, settings, 1, tmp_path / "joint.ft", "ft")
    verify(tmp_path / "joint.ft")


def test_the_state_with_the_lowest_summed_validation_loss_is_kept(checkpoint: Path, dataset: Path) -> None:
    """Its second summand by hand, from the encoder as it was saved."""
    history = pd.read_csv(checkpoint / "history.csv")["validation_loss"].dropna()
    best = json.loads((checkpoint / "provenance.json").read_text())["best_validation_loss"]
    assert best == pytest.approx(history.min(), rel=1e-6)
    split, pairs = contrastive.validation_pairs_of(Splits(dataset), SETTINGS, seed=1)
    vectors = SentenceTransformer(str(checkpoint), device="cpu").encode(split.texts, normalize_embeddings=True)
    cosine = (vectors[pairs.left] * vectors[pairs.right]).sum(axis=1)
    siamese = float(((pairs.target - cosine) ** 2).mean())
    assert 0 < siamese < best
    assert best - siamese < 6.0  # the rest is reconstruction: no worse than guessing one of 400 tokens


def test_the_same_seed_gives_the_same_weights(base_models: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_phase(JOINT, dataset, base_models["bert"], SETTINGS, 1, tmp_path / name, "joint")
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("a", "b"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_items_say_which_stream_they_are_from(base_models: dict[str, Path], dataset: Path) -> None:
    encoder = load_encoder(base_models["bert"])
    noised = dae.NoisedTexts(encoder, ["the match of the team"], SETTINGS, 1, "dae-noise")
    balanced = contrastive.balance(Splits(dataset).read("train"), SETTINGS, seed=1)
    draw = contrastive.pairs_of(balanced, 1, SETTINGS, seed=1)
    texts = tokenise(encoder, balanced.texts)
    items = joint.JointItems(noised, [contrastive.TextPairs(texts, draw)])
    stream, (short, whole) = items[JointKey("dae", Key(0, 0))]
    assert (stream, short.tolist(), whole.tolist()) == ("dae", *(part.tolist() for part in noised[Key(0, 0)]))
    stream, (left, right, target) = items[JointKey("cl", Key(0, 3))]
    assert stream == "cl"
    assert left.tolist() == texts[draw.left[3]].tolist()
    assert right.tolist() == texts[draw.right[3]].tolist()
    assert target in (0.0, 1.0)
