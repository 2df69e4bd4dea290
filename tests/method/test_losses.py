"""The losses equal the library's own, and the formulas, on the same batch, whatever computes them."""

import copy
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize
from sentence_transformers.sentence_transformer.losses import (
    CosineSimilarityLoss,
    DenoisingAutoEncoderLoss,
    MultipleNegativesRankingLoss,
)
from transformers import set_seed

from threephase.encoders.encoder import add_dense, as_it_stands, load_encoder, save_encoder
from threephase.encoders.engines import LibraryEncoder
from threephase.encoders.tokens import tokenise
from threephase.method.losses import (
    DECODER,
    MaskedLanguageLoss,
    MultipleNegativesLoss,
    ReconstructionLoss,
    SiameseLoss,
    load_reconstruction,
    rank_distance,
    ranking,
    supervised_contrast,
)
from threephase.method.masked_tokens import MaskedTexts
from threephase.phases import contrastive, dae
from threephase.settings.common import Engine

CLEAN = ["the match of the team with a goal", "a song", "the bank and the market of a trade"]
NOISED = ["match team goal", "song", "bank trade"]
TARGET = [1.0, 0.0, 0.5]
both_models = pytest.mark.parametrize("name", ["bert", "roberta"])
both_engines = pytest.mark.parametrize("engine", ["library", "packed"])


def lively(encoder: SentenceTransformer) -> SentenceTransformer:
    """With weights so large that texts differ; those of a fresh model give all texts one vector, and no gradient."""
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if "LayerNorm" not in name and weight.dim() == 2:
                weight.copy_(torch.randn_like(weight) * weight.shape[1] ** -0.5)
    return encoder


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """By the library's names, in whose loss the encoder stands for itself."""
    return {
        name.removeprefix("encode."): weight.grad
        for name, weight in module.named_parameters()
        if weight.grad is not None
    }


def texts_to_rebuild(encoder: SentenceTransformer) -> list[tuple]:
    return list(zip(tokenise(encoder, NOISED), tokenise(encoder, CLEAN), strict=True))


def texts_in_pairs(encoder: SentenceTransformer) -> list[tuple]:
    return list(zip(tokenise(encoder, CLEAN), tokenise(encoder, NOISED), TARGET, strict=True))


def assert_like(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], tolerance: float) -> None:
    """The same parameters have a gradient, and where one has not, its gradient is nothing."""
    scale = max(float(gradient.abs().max()) for gradient in theirs.values())
    for key in theirs.keys() | ours.keys():
        difference = ours.get(key, torch.zeros(())) - theirs.get(key, torch.zeros(()))
        assert float(difference.abs().max()) <= tolerance * scale, key


@both_models
@both_engines
@pytest.mark.parametrize("unit_vectors", [False, True], ids=["raw", "unit"])
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 3e-2)], ids=["fp32", "bf16"])
def test_reconstruction_loss_and_gradients_equal_the_librarys(
    base_models: dict[str, Path], name: str, engine: Engine, bf16: bool, tolerance: float, unit_vectors: bool
) -> None:
    losses, found = [], []
    for ours in (False, True):
        set_seed(3)
        encoder = load_encoder(base_models[name])
        if unit_vectors:
            encoder.append(Normalize())
        add_dense(lively(encoder))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            if ours:
                module = ReconstructionLoss(encoder, engine).eval()
                loss = module(**dae.collate(module.encode, texts_to_rebuild(encoder)))["loss"]
            else:
                module = DenoisingAutoEncoderLoss(encoder, tie_encoder_decoder=True).eval()
                loss = module([encoder.preprocess(NOISED), encoder.preprocess(CLEAN)], None)
        loss.backward()
        losses.append(loss.item())
        found.append(gradients(module))
    assert losses[1] == pytest.approx(losses[0], rel=tolerance / 10)
    assert_like(found[1], found[0], tolerance)


@both_models
@both_engines
def test_encoder_and_decoder_share_their_weights(base_models: dict[str, Path], name: str, engine: Engine) -> None:
    encoder = load_encoder(base_models[name])
    decoder = ReconstructionLoss(encoder, engine).decoder.base_model
    shared = dict(encoder.transformers_model.named_parameters())
    own = dict(decoder.named_parameters())
    for key in own.keys() & shared.keys():
        assert own[key] is shared[key]
    assert all("crossattention" in key for key in own.keys() - shared.keys())


@both_engines
def test_reconstruction_does_not_score_padding_and_sees_the_source_through_one_vector(
    base_models: dict[str, Path], engine: Engine
) -> None:
    """Cross-entropy by hand: next tokens of the clean text, mean over those that are not padding."""
    set_seed(3)
    encoder = load_encoder(base_models["bert"])
    ours = ReconstructionLoss(encoder, engine).eval()
    padded = LibraryEncoder(encoder)
    with torch.no_grad():
        vectors = padded(padded.batch(tokenise(encoder, NOISED)))
        ids = padded.batch(tokenise(encoder, CLEAN))["input_ids"]
        logits = ours.decoder(
            input_ids=ids[:, :-1], encoder_hidden_states=vectors[:, None], use_cache=False
        ).logits  # fmt: skip
        wanted, scored = ids[:, 1:], ids[:, 1:] != 0
        log_p = logits.log_softmax(dim=-1).gather(2, wanted[..., None])[..., 0]
        loss = ours(**dae.collate(ours.encode, texts_to_rebuild(encoder)))["loss"]
        assert loss.item() == pytest.approx(-log_p[scored].mean().item(), rel=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
@both_models
@both_engines
def test_a_checkpoint_keeps_what_the_decoder_has_of_its_own(
    base_models: dict[str, Path], name: str, engine: Engine, normalize: bool, tmp_path: Path
) -> None:
    """Joint's encoder: the decoder reads the bottleneck, and the projection on top of it is saved all the same."""
    set_seed(3)
    encoder = load_encoder(base_models[name])
    if normalize:  # base models bring it, and it stays the last
        encoder.append(Normalize())
    add_dense(lively(encoder))
    loss = ReconstructionLoss(as_it_stands(encoder), engine).eval()
    add_dense(encoder)
    lively(encoder)
    save_encoder(encoder, tmp_path)
    loss.save_decoder(tmp_path)
    again = load_reconstruction(tmp_path, engine)
    with torch.no_grad():
        expected, found = (
            module(**dae.collate(module.encode, texts_to_rebuild(encoder)))["loss"].item() for module in (loss, again)
        )
    assert found == expected
    kept = load_file(tmp_path / DECODER)
    assert all("crossattention" in key or "lm_head" in key or "predictions" in key for key in kept)
    assert not any("query" in key or "word_embeddings" in key for key in kept)
    plain = SentenceTransformer(str(tmp_path), device="cpu")
    assert [type(module) for module in plain.children()] == [type(module) for module in encoder.children()]
    assert torch.equal(plain.encode(CLEAN, convert_to_tensor=True), encoder.encode(CLEAN, convert_to_tensor=True))


@both_models
@both_engines
def test_an_untied_decoder_comes_back_with_all_its_weights(
    base_models: dict[str, Path], name: str, engine: Engine, tmp_path: Path
) -> None:
    set_seed(3)
    encoder = load_encoder(base_models[name])
    loss = ReconstructionLoss(encoder, engine, tied=False).eval()
    with torch.no_grad():
        for weight in loss.decoder.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    save_encoder(encoder, tmp_path)
    loss.save_decoder(tmp_path)
    again = load_reconstruction(tmp_path, engine)
    shared = {id(weight) for weight in again.encode.encoder.parameters()}
    assert not any(id(weight) in shared for weight in again.decoder.parameters())
    with torch.no_grad():
        expected, found = (
            module(**dae.collate(module.encode, texts_to_rebuild(encoder)))["loss"].item() for module in (loss, again)
        )
    assert found == expected
    assert any("word_embeddings" in key for key in load_file(tmp_path / DECODER))


def test_a_decoder_is_written_as_the_same_bytes_each_time(base_models: dict[str, Path], tmp_path: Path) -> None:
    """The library writes a header's keys in an order of its own: a checkpoint's hash must not depend on it."""
    loss = ReconstructionLoss(load_encoder(next(iter(base_models.values()))))
    written = set()
    for _ in range(20):
        loss.save_decoder(tmp_path)
        written.add((tmp_path / DECODER).read_bytes())
    assert len(written) == 1


@both_models
@both_engines
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 3e-2)], ids=["fp32", "bf16"])
def test_siamese_loss_and_gradients_equal_the_librarys_and_eq_3(
    base_models: dict[str, Path], name: str, engine: Engine, bf16: bool, tolerance: float
) -> None:
    set_seed(3)
    encoder = lively(load_encoder(base_models[name])).eval()
    theirs = CosineSimilarityLoss(copy.deepcopy(encoder)).eval()
    labels = torch.tensor(TARGET)
    ours = SiameseLoss(encoder, engine).eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        expected = theirs([theirs.model.preprocess(CLEAN), theirs.model.preprocess(NOISED)], labels)
        loss = ours(**contrastive.collate(ours.encode, texts_in_pairs(encoder)))["loss"]
    expected.backward()
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=tolerance)
    assert_like(gradients(ours.encode.encoder), gradients(theirs.model), tolerance)
    if not bf16:
        with torch.no_grad():
            u, v = (ours.encode(ours.encode.batch(tokenise(encoder, texts))) for texts in (CLEAN, NOISED))
            cosine = (u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1))
            assert loss.item() == pytest.approx(((labels - cosine) ** 2).mean().item(), rel=1e-5)


def test_rank_distance_by_hand() -> None:
    """Cosines 0.8, 0, 0.6. Against 1, 0, 1 ranks are 3, 1, 2 and 2½, 1, 2½: correlation 1.5 / √(2 · 1.5) = 0.866."""
    u = torch.tensor([[1.0, 0.0]] * 3)
    v = torch.tensor([[0.8, 0.6], [0.0, 1.0], [0.6, 0.8]])
    assert rank_distance(u, v, torch.tensor([1.0, 0.0, 1.0])).item() == pytest.approx(1 - 0.8660254)
    assert rank_distance(u, v, torch.tensor([1.0, 0.0, 0.5])).item() == pytest.approx(0.0)
    assert rank_distance(u, v, torch.tensor([0.0, 1.0, 0.5])).item() == pytest.approx(2.0)
    assert rank_distance(u, v, torch.zeros(3)).item() == rank_distance(u, u, torch.tensor([1.0, 0.0, 1.0])).item() == 1


def test_supervised_contrast_of_four_vectors_by_hand() -> None:
    """Vectors at 0, 90, 180 and 270 degrees, classes a a b c, temperature 0.5: cosines 0 to neighbours, −1 across."""
    vectors = torch.tensor([[2.0, 0], [0, 3], [-1, 0], [0, -1]])
    loss = supervised_contrast(vectors, torch.tensor([0, 0, 1, 2]), 0.5)
    among = math.log(2 + math.exp(-2))  # two at cosine 0, one at −1 / 0.5
    assert loss.item() == pytest.approx(among, rel=1e-6)  # the first two alone have a positive, each at cosine 0
    assert supervised_contrast(vectors, torch.arange(4), 0.5).item() == 0  # nobody has one
    # three of one class: the mean over positives within the logarithm's outside, as eq. 2 has it
    three = supervised_contrast(vectors, torch.tensor([0, 0, 0, 1]), 0.5).item()
    assert three == pytest.approx((2 * (among + 1) + among) / 3, rel=1e-6)


def test_ranking_of_four_vectors_by_hand() -> None:
    """Two pairs of the vectors above: (0°, 90°) of one class, and (180°, 270°)."""
    u, v = torch.tensor([[2.0, 0], [-1, 0]]), torch.tensor([[0, 3.0], [0, -1]])
    same, other = torch.tensor([0, 1]), torch.tensor([0, 1])
    loss = ranking(u, v, torch.tensor([1.0, 1.0]), same, other, 0.05)
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)  # both right texts are at 90°
    near = ranking(u, torch.tensor([[3.0, 0], [0, -1]]), torch.tensor([1.0, 0.0]), same, torch.tensor([0, 1]), 0.5)
    assert near.item() == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)  # a positive at 0°, one negative at 90°
    own = ranking(u, v, torch.tensor([1.0, 0.0]), same, torch.tensor([0, 0]), 0.05)
    assert own.item() == pytest.approx(0, abs=1e-6)  # a right text of its own class is no negative
    assert ranking(u, v, torch.zeros(2), same, other, 0.05).item() == 0  # no positive


def test_where_classes_differ_ranking_is_the_librarys_multiple_negatives(base_models: dict[str, Path]) -> None:
    set_seed(3)
    encoder = lively(load_encoder(base_models["bert"])).eval()
    theirs = MultipleNegativesRankingLoss(encoder, scale=20).eval()
    ours = MultipleNegativesLoss(encoder, "packed", temperature=1 / 20).eval()
    with torch.no_grad():
        expected = theirs([encoder.preprocess(CLEAN), encoder.preprocess(NOISED)], None)
        pairs = [
            (*sides, 1.0, number, number)
            for number, sides in enumerate(zip(tokenise(encoder, CLEAN), tokenise(encoder, NOISED), strict=True))
        ]
        loss = ours(**contrastive.collate(ours.encode, pairs))["loss"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


@both_models
def test_both_engines_have_the_same_loss_and_gradients_of_masked_tokens(
    base_models: dict[str, Path], name: str
) -> None:
    found = []
    for engine in ("library", "packed"):
        set_seed(3)
        encoder = lively(load_encoder(base_models[name]))
        loss = MaskedLanguageLoss(encoder, engine).eval()
        texts = MaskedTexts(encoder, CLEAN, 1, "masks")
        value = loss(**dae.collate(loss.encode, [texts[0, row] for row in range(3)]))["loss"]
        value.backward()
        found.append((value.item(), gradients(loss.model)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    assert_like(found[1][1], found[0][1], 1e-5)
    embeddings = load_encoder(base_models[name]).transformers_model.embeddings.word_embeddings.weight
    assert loss.model.get_output_embeddings().weight is encoder.transformers_model.embeddings.word_embeddings.weight
    assert embeddings.shape == loss.model.get_output_embeddings().weight.shape
