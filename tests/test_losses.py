"""The losses equal the library's own, and the formulas, on the same batch."""

import copy
from pathlib import Path

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, DenoisingAutoEncoderLoss
from transformers import set_seed

from threephase.encoder import load_encoder, tokenise
from threephase.errors import ModelError
from threephase.losses import ReconstructionLoss, SiameseLoss
from threephase.phases import contrastive, dae

CLEAN = ["the match of the team with a goal", "a song", "the bank and the market of a trade"]
NOISED = ["match team goal", "song", "bank trade"]
TARGET = [1.0, 0.0, 0.5]


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_reconstruction_loss_and_gradients_equal_the_librarys(base_models: dict[str, Path], name: str) -> None:
    set_seed(3)
    theirs = DenoisingAutoEncoderLoss(load_encoder(base_models[name]), tie_encoder_decoder=True).eval()
    set_seed(3)
    encoder = load_encoder(base_models[name])
    ours = ReconstructionLoss(encoder).eval()
    features = [theirs.encoder.preprocess(NOISED), theirs.encoder.preprocess(CLEAN)]
    expected = theirs(features, None)
    expected.backward()
    loss = ours(**dae.collate(encoder, list(zip(NOISED, CLEAN, strict=True))))["loss"]
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    ours_by_name = gradients(ours.loss)
    assert ours_by_name.keys() == gradients(theirs).keys()
    for key, gradient in gradients(theirs).items():
        assert torch.allclose(ours_by_name[key], gradient, atol=1e-7), key


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_encoder_and_decoder_share_their_weights(base_models: dict[str, Path], name: str) -> None:
    encoder = load_encoder(base_models[name])
    decoder = ReconstructionLoss(encoder).loss.decoder.base_model
    shared = dict(encoder.transformers_model.named_parameters())
    own = dict(decoder.named_parameters())
    for key in own.keys() & shared.keys():
        assert own[key] is shared[key]
    assert all("crossattention" in key for key in own.keys() - shared.keys())


def test_reconstruction_does_not_score_padding_and_sees_the_source_through_one_vector(
    base_models: dict[str, Path],
) -> None:
    """Cross-entropy by hand: next tokens of the clean text, mean over those that are not padding."""
    set_seed(3)
    encoder = load_encoder(base_models["bert"])
    ours = ReconstructionLoss(encoder).eval()
    batch = dae.collate(encoder, list(zip(NOISED, CLEAN, strict=True)))
    with torch.no_grad():
        vectors = encoder(dict(batch["source"]))["sentence_embedding"]
        ids = batch["labels"]["input_ids"]
        logits = ours.loss.decoder(
            input_ids=ids[:, :-1], encoder_hidden_states=vectors[:, None], use_cache=False
        ).logits  # fmt: skip
        wanted, scored = ids[:, 1:], ids[:, 1:] != 0
        log_p = logits.log_softmax(dim=-1).gather(2, wanted[..., None])[..., 0]
        assert ours(**batch)["loss"].item() == pytest.approx(-log_p[scored].mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_siamese_loss_and_gradients_equal_the_librarys_and_eq_3(base_models: dict[str, Path], name: str) -> None:
    encoder = load_encoder(base_models[name]).eval()
    theirs = CosineSimilarityLoss(copy.deepcopy(encoder)).eval()
    labels = torch.tensor(TARGET)
    expected = theirs([theirs.model.preprocess(CLEAN), theirs.model.preprocess(NOISED)], labels)
    expected.backward()
    ours = SiameseLoss(encoder).eval()
    loss = ours(**contrastive.collate(encoder, list(zip(CLEAN, NOISED, TARGET, strict=True))))["loss"]
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    for key, gradient in gradients(theirs).items():
        assert torch.allclose(gradients(ours.loss)[key], gradient, atol=1e-7), key
    with torch.no_grad():
        u, v = (encoder(tokenise(encoder, texts))["sentence_embedding"] for texts in (CLEAN, NOISED))
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
