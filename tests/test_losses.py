"""The losses equal the library's own, and the formulas, on the same batch, whatever computes them."""

import copy
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, DenoisingAutoEncoderLoss
from transformers import set_seed

from threephase.encoder import add_dense, load_encoder
from threephase.engines import LibraryEncoder
from threephase.errors import ModelError
from threephase.losses import ReconstructionLoss, SiameseLoss
from threephase.phases import contrastive, dae
from threephase.settings.common import Engine
from threephase.tokens import tokenise

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
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


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
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 3e-2)], ids=["fp32", "bf16"])
def test_reconstruction_loss_and_gradients_equal_the_librarys(
    base_models: dict[str, Path], name: str, engine: Engine, bf16: bool, tolerance: float
) -> None:
    losses, found = [], []
    for ours in (False, True):
        set_seed(3)
        encoder = load_encoder(base_models[name])
        add_dense(lively(encoder))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            if ours:
                module = ReconstructionLoss(encoder, engine).eval()
                loss = module(**dae.collate(module.encode, texts_to_rebuild(encoder)))["loss"]
                module = module.loss
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
    decoder = ReconstructionLoss(encoder, engine).loss.decoder.base_model
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
        logits = ours.loss.decoder(
            input_ids=ids[:, :-1], encoder_hidden_states=vectors[:, None], use_cache=False
        ).logits  # fmt: skip
        wanted, scored = ids[:, 1:], ids[:, 1:] != 0
        log_p = logits.log_softmax(dim=-1).gather(2, wanted[..., None])[..., 0]
        loss = ours(**dae.collate(ours.encode, texts_to_rebuild(encoder)))["loss"]
        assert loss.item() == pytest.approx(-log_p[scored].mean().item(), rel=1e-5)


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


def test_a_base_model_without_a_decoder_is_named(tmp_path: Path, tiny_bert: Path) -> None:
    from transformers import AutoTokenizer, MPNetConfig, MPNetModel

    from threephase.base_model import make_base_model
    from threephase.settings.base_model import BaseModelSettings

    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "mpnet")
    config = MPNetConfig(
        vocab_size=220, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )  # fmt: skip
    MPNetModel(config).save_pretrained(tmp_path / "mpnet")
    make_base_model(BaseModelSettings(path=str(tmp_path / "mpnet")), tmp_path / "base")
    with pytest.raises(ModelError, match="'mpnet' have no decoder"):
        ReconstructionLoss(load_encoder(tmp_path / "base"))
    with pytest.raises(ModelError, match="engine: packed takes bert, roberta"):
        SiameseLoss(load_encoder(tmp_path / "base"), "packed")
