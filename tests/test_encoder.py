"""The encoder: its layers, its length rules, its base models."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from threephase.base_model import make_base_model
from threephase.encoder import (
    add_dense,
    load_encoder,
    position_limit,
    resolve_max_length,
    save_encoder,
    without_normalize,
)
from threephase.engines import LibraryEncoder
from threephase.errors import ModelError
from threephase.settings.base_model import BaseModelSettings
from threephase.tokens import tokenise


def padded(encoder: SentenceTransformer, texts: list[str]) -> dict[str, torch.Tensor]:
    return LibraryEncoder(encoder).batch(tokenise(encoder, texts))


TEXTS = ["the match of the team", "a song and a very long tour of the band with the album"]


def test_a_plain_model_is_pooled_by_its_first_token(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["bert"])
    features = encoder(padded(encoder, TEXTS))
    assert torch.equal(features["sentence_embedding"], features["token_embeddings"][:, 0])


def test_a_sentence_transformer_keeps_its_pooling_and_loses_its_normalize(tiny_bert: Path, tmp_path: Path) -> None:
    transformer = Transformer(str(tiny_bert))
    mean = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    SentenceTransformer(modules=[transformer, mean, Normalize()]).save_pretrained(str(tmp_path / "source"))
    make_base_model(BaseModelSettings(path=str(tmp_path / "source")), tmp_path / "ready")
    kinds = [type(module) for module in load_encoder(tmp_path / "ready").children()]
    assert kinds == [Transformer, Pooling]
    assert load_encoder(tmp_path / "ready")[1].pooling_mode == "mean"


def test_the_pretrained_head_for_masked_words_reaches_the_decoder(
    base_models: dict[str, Path], tiny_roberta: Path
) -> None:
    from threephase.losses import ReconstructionLoss

    decoder = ReconstructionLoss(load_encoder(base_models["roberta"])).loss.decoder
    pretrained = load_file(tiny_roberta / "model.safetensors")
    assert torch.equal(decoder.lm_head.dense.weight, pretrained["lm_head.dense.weight"])


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        make_base_model(BaseModelSettings(path=str(tmp_path)), tmp_path / "out")


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_an_added_layer_changes_nothing_at_first_and_has_no_activation(base_models: dict[str, Path], name: str) -> None:
    encoder = load_encoder(base_models[name]).eval()
    before = encoder(padded(encoder, TEXTS))["sentence_embedding"]
    add_dense(encoder)
    after = encoder(padded(encoder, TEXTS))["sentence_embedding"]
    assert torch.equal(before, after)
    dense = encoder[-1]
    assert isinstance(dense, Dense)
    assert isinstance(dense.activation_function, torch.nn.Identity)
    assert dense.linear.weight.requires_grad


def test_added_layer_and_length_survive_saving(base_models: dict[str, Path], tmp_path: Path) -> None:
    encoder = load_encoder(base_models["roberta"])
    add_dense(encoder)
    torch.nn.init.normal_(encoder[-1].linear.weight)
    encoder.max_seq_length = 9
    save_encoder(encoder, tmp_path / "saved")
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert again.max_seq_length == 9
    assert torch.allclose(
        again.encode(TEXTS, convert_to_tensor=True), encoder.eval().encode(TEXTS, convert_to_tensor=True)
    )
    assert padded(again, TEXTS)["input_ids"].shape[1] == 9
    assert not list((tmp_path / "saved").rglob("*.bin"))


def test_roberta_has_fewer_positions_than_its_table_has_rows(base_models: dict[str, Path]) -> None:
    # RoBERTa's table has 66 rows, of which the first two (up to the padding index 1) are not for tokens.
    assert position_limit(load_encoder(base_models["roberta"])) == 64
    assert position_limit(load_encoder(base_models["bert"])) == 64


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_the_three_length_rules(base_models: dict[str, Path], name: str) -> None:
    encoder = load_encoder(base_models[name])
    longest = max(len(ids) for ids in encoder.tokenizer(TEXTS)["input_ids"])
    assert resolve_max_length("model", encoder, TEXTS) == 64
    assert resolve_max_length(20, encoder, TEXTS) == 20
    assert resolve_max_length(500, encoder, TEXTS) == 64
    assert resolve_max_length("longest", encoder, TEXTS) == int(1.2 * longest)
    assert resolve_max_length("longest", encoder, [TEXTS[1] * 20]) == 64


def test_a_text_of_the_models_full_length_can_be_embedded(base_models: dict[str, Path]) -> None:
    for name in ("bert", "roberta"):
        encoder = load_encoder(base_models[name])
        encoder.max_seq_length = resolve_max_length("model", encoder, TEXTS)
        features = padded(encoder, [TEXTS[1] * 20])
        assert features["input_ids"].shape == (1, 64)
        assert encoder(features)["sentence_embedding"].isfinite().all()


def test_without_normalize_leaves_the_rest(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["bert"])
    encoder.append(Normalize())
    assert [type(module) for module in without_normalize(encoder).children()] == [Transformer, Pooling]
