"""The encoder: its layers, its length rules, its base models."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from threephase.encoders.base_model import make_base_model
from threephase.encoders.encoder import (
    add_dense,
    as_it_stands,
    load_encoder,
    position_limit,
    resolve_max_length,
    save_encoder,
    without_normalize,
)
from threephase.encoders.engines import LibraryEncoder, embed, with_engine
from threephase.encoders.tokens import tokenise
from threephase.errors import ModelError
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.common import Engine


def padded(encoder: SentenceTransformer, texts: list[str]) -> dict[str, torch.Tensor]:
    return LibraryEncoder(encoder).batch(tokenise(encoder, texts))


TEXTS = ["the match of the team", "a song and a very long tour of the band with the album"]


def test_a_plain_model_is_pooled_by_its_first_token(base_models: dict[str, Path]) -> None:
    encoder = load_encoder(base_models["bert"])
    features = encoder(padded(encoder, TEXTS))
    assert torch.equal(features["sentence_embedding"], features["token_embeddings"][:, 0])


@pytest.fixture(scope="module")
def with_normalize(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model that gives unit vectors, as it comes."""
    transformer = Transformer(str(tiny_bert))
    mean = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    folder = tmp_path_factory.mktemp("source")
    SentenceTransformer(modules=[transformer, mean, Normalize()]).save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize(("normalize", "modules"), [("drop", [Pooling]), ("keep", [Pooling, Normalize])])
def test_a_sentence_transformer_keeps_its_pooling_and_its_normalize_if_asked(
    with_normalize: Path, tmp_path: Path, normalize: Literal["drop", "keep"], modules: list[type]
) -> None:
    make_base_model(BaseModelSettings(path=str(with_normalize), normalize=normalize), tmp_path / "ready")
    encoder = load_encoder(tmp_path / "ready")
    assert [type(module) for module in encoder.children()] == [Transformer, *modules]
    assert encoder[1].pooling_mode == "mean"


@pytest.mark.parametrize("engine", ["library", "packed"])
def test_with_normalize_kept_layers_go_in_before_it_and_vectors_have_length_1(
    with_normalize: Path, tmp_path: Path, engine: Engine
) -> None:
    encoder = load_encoder(with_normalize)
    before = encoder.encode(TEXTS, convert_to_tensor=True)
    add_dense(encoder)
    for_the_decoder = as_it_stands(encoder)
    assert torch.equal(encoder.encode(TEXTS, convert_to_tensor=True), before)
    add_dense(encoder)
    assert [type(module) for module in for_the_decoder.children()] == [Transformer, Pooling, Dense, Normalize]
    assert [type(module) for module in encoder.children()] == [Transformer, Pooling, Dense, Dense, Normalize]
    torch.nn.init.normal_(encoder[2].linear.weight)
    encode = with_engine(encoder, engine).eval()
    vectors = encode(encode.batch(tokenise(encoder, TEXTS)))
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))
    save_encoder(encoder, tmp_path / "saved")
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert torch.allclose(again.encode(TEXTS, convert_to_tensor=True), vectors, atol=1e-6)


def test_the_pretrained_head_for_masked_words_reaches_the_decoder(
    base_models: dict[str, Path], tiny_roberta: Path
) -> None:
    from threephase.method.losses import ReconstructionLoss

    decoder = ReconstructionLoss(load_encoder(base_models["roberta"])).decoder
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


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_layer_with_tanh_is_computed_alike_by_both_engines_and_saved(
    base_models: dict[str, Path], tmp_path: Path, name: str
) -> None:
    encoder = load_encoder(base_models[name])
    texts = tokenise(encoder, ["the match of the team", "a song"])

    def vectors(encoder: SentenceTransformer, engine: Engine) -> torch.Tensor:
        with torch.no_grad():
            return embed(with_engine(encoder, engine).eval(), texts, 2)

    before = vectors(encoder, "library")
    add_dense(encoder, "tanh")
    assert torch.allclose(vectors(encoder, "library"), before.tanh(), atol=1e-5)
    assert torch.allclose(vectors(encoder, "packed"), before.tanh(), atol=1e-5)
    save_encoder(encoder, tmp_path / "tanh")
    assert torch.equal(vectors(load_encoder(tmp_path / "tanh"), "packed"), vectors(encoder, "packed"))
    add_dense(encoder, "none")
    assert len(list(encoder.children())) == 3
