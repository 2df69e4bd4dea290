"""Base models of many architectures go through every phase, each with a decoder that reads the vector."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from served import served
from trainings import settings_of, train
from transformers import AutoTokenizer
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

from threephase.api.graph import write_graph
from threephase.artifacts.folders import ORIGIN, writing
from threephase.data.store import Splits
from threephase.encoders import sound
from threephase.encoders.base_model import make_base_model
from threephase.encoders.decoder import _fault_of
from threephase.encoders.encoder import add_dense, load_encoder, resolve_max_length
from threephase.encoders.engines import LibraryEncoder, with_engine
from threephase.encoders.tokens import tokenise
from threephase.errors import ModelError
from threephase.evaluation.reconstruction import reconstruction
from threephase.method.classifier import Classifier, predict
from threephase.method.losses import ReconstructionLoss, load_reconstruction
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.plan.work import Shape
from threephase.settings.base_model import BaseModelSettings

pytestmark = pytest.mark.takes(seconds=30)

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
CAUSAL = {**SIZE, "num_key_value_heads": 1, "head_dim": 16}
SHARED = {"vocab_size": 200, "max_position_embeddings": 64, "pad_token_id": 0}
# transformers' name, its sizes, and whether its own decoder reads the vector, as one line each.
ARCHITECTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "bert": ("Bert", SIZE, "own"),
    "roberta": ("Roberta", SIZE | {"max_position_embeddings": 66, "pad_token_id": 1}, "own"),
    "xlm-roberta": ("XLMRoberta", SIZE | {"max_position_embeddings": 66, "pad_token_id": 1}, "own"),
    "electra": ("Electra", SIZE | {"embedding_size": 16}, "own"),
    "gpt2": ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}, "own"),
    "mpnet": ("MPNet", SIZE, "small"),
    "distilbert": ("DistilBert", {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}, "small"),
    "deberta-v2": (
        "DebertaV2",
        SIZE | {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"]},
        "small",
    ),
    "albert": ("Albert", SIZE | {"embedding_size": 16}, "small"),
    "modernbert": ("ModernBert", SIZE | {"global_attn_every_n_layers": 2, "local_attention": 8}, "small"),
    "t5": ("T5", {"d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 2, "d_kv": 16}, "small"),
    "xlnet": ("XLNet", {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}, "small"),
    "qwen3": ("Qwen3", CAUSAL, "small"),
    "llama": ("Llama", CAUSAL, "small"),
}


@pytest.fixture(scope="module")
def make(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a random model of an architecture, with the tiny BERT's tokenizer."""

    def folder_of(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
        library, sizes, _ = ARCHITECTURES[name]
        kind = "EncoderModel" if name == "t5" else "Model"
        shared = {key: value for key, value in SHARED.items() if not (name in ("t5", "xlnet") and "position" in key)}
        torch.manual_seed(0)
        config = getattr(transformers, library + "Config")(**(shared | sizes))
        getattr(transformers, library + kind)(config).save_pretrained(folder)
        return folder

    return folder_of


def ready(source: Path, out: Path) -> Path:
    with writing(out) as folder:
        make_base_model(BaseModelSettings(path=str(source)), folder)
    return out


def pooled(source: Path, out: Path, *more: Dense, mode: Any = "mean") -> Path:
    """The model as a sentence-transformers one."""
    tower = Transformer(str(source))
    modules = [tower, Pooling(tower.get_embedding_dimension(), pooling_mode=mode), *more]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(out), create_model_card=False)
    return out


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_phase_trains_it(name: str, make: Callable[[str], Path], dataset: Path, tmp_path: Path) -> None:
    base, kind = ready(make(name), tmp_path / "base"), ARCHITECTURES[name][2]
    assert (json.loads((base / ORIGIN).read_text())["own_decoder"] == "reads the vector") == (kind == "own")
    shape = Shape.of(base)
    assert shape.takes_small("auto") == (kind == "small")
    assert (shape.width, shape.inner, shape.layers) == (32, 128 if name == "gpt2" else 64, 2)
    quick: dict[str, Any] = {"evaluations": 1, "batch_size": 16}
    dae = train(DAE, dataset, base, tmp_path / "dae", epochs=1, **quick)
    cl = train(CL, dataset, dae, tmp_path / "cl", pairs_per_text=1, **quick)
    joint = train(JOINT, dataset, base, tmp_path / "joint", epochs=1, steps="shorter", **quick)
    ft = train(FT, dataset, cl, tmp_path / "ft", max_epochs=1, batch_size=16)
    for checkpoint in (dae, joint):
        assert settings_of(checkpoint)["report"]["decoder"] == kind
        bottleneck = load_file(checkpoint / "2_Dense/model.safetensors")["linear.weight"]
        assert not torch.equal(bottleneck, torch.eye(32))
    texts = tokenise(load_encoder(dae), Splits(dataset).read("validation").texts[:4])
    found = reconstruction(load_reconstruction(dae), list(zip(texts, texts, strict=True)), np.array([1, 2, 3, 0]), 4)
    assert np.isfinite(found["right"])
    assert np.isfinite(load_encoder(ft).encode(["the match of the team"])).all()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mpnet", "'mpnet' have no decoder"),
        ("qwen3", "'qwen3' have a decoder that never reads the vector"),
        ("xlnet", "'xlnet' have a decoder that never reads the vector"),
    ],
)
def test_an_own_decoder_that_cannot_serve_is_refused_and_auto_takes_a_small_one(
    name: str, said: str, make: Callable[[str], Path], tmp_path: Path
) -> None:
    encoder = load_encoder(ready(make(name), tmp_path / "base"))
    with pytest.raises(ModelError, match=f"{said}.*`decoder: small`"):
        ReconstructionLoss(encoder, decoder="own")
    encoder = load_encoder(tmp_path / "base")
    weights = dict(encoder.named_parameters())
    found = []
    for decoder in ("auto", "small"):
        torch.manual_seed(1)
        loss = ReconstructionLoss(encoder, decoder=decoder)  # type: ignore[arg-type]
        assert loss.kind == "small"
        assert all(weight is weights[key] for key, weight in encoder.named_parameters())
        found.append(loss.decoder.state_dict())
    assert all(torch.equal(weight, found[1][key]) for key, weight in found[0].items())


class SeesAll(torch.nn.Module):
    """A decoder that reads the vector, and the whole text."""

    def forward(self, input_ids: torch.Tensor, encoder_hidden_states: torch.Tensor, use_cache: bool) -> Any:
        logits = encoder_hidden_states.expand(-1, input_ids.shape[1], -1) + input_ids.sum()
        return SimpleNamespace(logits=logits * torch.arange(4.0))


class ReadsZeroTimes(SeesAll):
    """A decoder whose vector counts for nothing, though it has a gradient."""

    def forward(self, input_ids: torch.Tensor, encoder_hidden_states: torch.Tensor, use_cache: bool) -> Any:
        return SimpleNamespace(logits=0 * encoder_hidden_states.expand(-1, input_ids.shape[1], -1))


def test_a_decoder_that_sees_what_it_has_to_say_or_has_no_gradient_is_found_out() -> None:
    assert _fault_of(SeesAll(), 4) == "a decoder that sees the words it has to say"
    assert _fault_of(ReadsZeroTimes(), 4) == "a decoder that never reads the vector"


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_a_small_decoder_shares_the_words_alone(name: str, make: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = load_encoder(ready(make(name), tmp_path / "base"))
    decoder = ReconstructionLoss(encoder, decoder="small").decoder
    assert _fault_of(decoder, 32) is None
    shared = {id(weight) for weight in encoder.parameters()}
    assert [key for key, weight in decoder.named_parameters() if id(weight) in shared] == [
        "electra.embeddings.word_embeddings.weight"
    ]
    assert decoder.get_output_embeddings().weight is encoder.transformers_model.get_input_embeddings().weight
    untied = ReconstructionLoss(encoder, tied=False, decoder="small").decoder
    assert not shared & {id(weight) for weight in untied.parameters()}
    assert torch.equal(untied.get_input_embeddings().weight, decoder.get_input_embeddings().weight)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_both_engines_compute_a_small_decoder_alike(name: str, make: Callable[[str], Path], tmp_path: Path) -> None:
    base, found = ready(make(name), tmp_path / "base"), []
    for engine in ("library", "packed"):
        torch.manual_seed(1)
        encoder = load_encoder(base)
        add_dense(encoder)
        loss = ReconstructionLoss(encoder, engine, decoder="small").eval()  # type: ignore[arg-type]
        texts = loss.encode.batch(tokenise(encoder, ["the match of the team", "a song and a band"]))
        value = loss(source=texts, target=texts)["loss"]
        value.backward()
        found.append((value.item(), {key: weight.grad for key, weight in encoder.named_parameters()}))
    (ours, gradients), (theirs, expected) = found
    assert ours == pytest.approx(theirs, rel=1e-6)
    for key, gradient in gradients.items():
        if gradient is not None:
            assert torch.allclose(gradient, expected[key], atol=1e-6), key


@pytest.mark.parametrize(("mode", "more", "width"), [("mean", [Dense(32, 16)], 16), (("mean", "max"), [], 64)])
def test_a_small_decoder_reads_vectors_of_any_width(
    mode: Any, more: list[Dense], width: int, make: Callable[[str], Path], tmp_path: Path
) -> None:
    source = pooled(make("bert"), tmp_path / "source", *more, mode=mode)
    encoder = load_encoder(ready(source, tmp_path / "base"))
    with pytest.raises(ModelError, match=f"as wide as its states, 32, but these are {width} wide"):
        ReconstructionLoss(encoder, decoder="own")
    add_dense(encoder)
    loss = ReconstructionLoss(encoder)
    assert loss.kind == "small"
    texts = loss.encode.batch(tokenise(encoder, ["the match of the team", "a song"]))
    loss(source=texts, target=texts)["loss"].backward()
    assert encoder[-1].linear.weight.grad.any()


def test_a_plain_model_that_reads_from_left_to_right_gives_its_last_tokens_vector(
    make: Callable[[str], Path], tmp_path: Path
) -> None:
    source = make("llama")
    encoder = load_encoder(ready(source, tmp_path / "base"))
    assert encoder[1].pooling_mode == "lasttoken"
    texts = ["a song", "a song and a band"]
    assert np.allclose(encoder.encode(texts)[0], encoder.encode(texts[:1])[0], atol=1e-6)  # beside a longer one
    with pytest.raises(ModelError, match="begin alike the same vector"):
        ready(pooled(source, tmp_path / "first", mode="cls"), tmp_path / "refused")


def test_any_special_token_pads_where_none_is_named_and_neither_it_nor_its_side_is_seen(
    make: Callable[[str], Path], tmp_path: Path
) -> None:
    source, losses = make("gpt2"), []
    tokenizer = AutoTokenizer.from_pretrained(source)
    for number, (token, side) in enumerate([("[PAD]", "right"), (None, "right"), ("[PAD]", "left")]):
        tokenizer.pad_token, tokenizer.padding_side, tokenizer.eos_token = token, side, "[SEP]"
        tokenizer.save_pretrained(source)
        encoder = load_encoder(ready(source, tmp_path / str(number)))
        assert encoder.tokenizer.pad_token == (token or "[SEP]")
        torch.manual_seed(1)
        loss = ReconstructionLoss(encoder).eval()
        texts = loss.encode.batch(tokenise(encoder, ["the match of the team", "a song"]))
        losses.append(loss(source=texts, target=texts)["loss"].item())
    assert losses == [losses[0]] * 3


def test_a_model_that_names_no_length_takes_a_number(make: Callable[[str], Path], tmp_path: Path) -> None:
    source = make("t5")
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.model_max_length = VERY_LARGE_INTEGER
    tokenizer.save_pretrained(source)
    encoder = load_encoder(ready(source, tmp_path / "base"))
    assert resolve_max_length(5000, encoder, []) == 5000
    with pytest.raises(ModelError, match="give `max_length` a number"):
        resolve_max_length("model", encoder, [])
    encoder.max_seq_length = 12
    assert ReconstructionLoss(encoder).decoder.config.max_position_embeddings == 12


def test_weights_of_half_precision_are_trained_in_fp32(make: Callable[[str], Path], tmp_path: Path) -> None:
    source = make("bert")
    transformers.AutoModel.from_pretrained(source).half().save_pretrained(source)
    encoder = load_encoder(ready(source, tmp_path / "base"))
    ReconstructionLoss(encoder)
    assert {weight.dtype for weight in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["mpnet", "deberta-v2", "modernbert"])
def test_its_graph_gives_what_its_classifier_gives(name: str, make: Callable[[str], Path], tmp_path: Path) -> None:
    """Of models whose positions or attention are unlike BERT's; of BERT's own kind see tests/api/test_export.py."""
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    encoder = load_encoder(ready(make(name), tmp_path / "base"))
    encoder.max_seq_length = 16
    classifier = Classifier(encoder, ["a", "b", "c"], hidden=8, dropout=0.1, activation="relu").eval()
    write_graph(classifier, tmp_path / "onnx")
    answer = served(tmp_path / "onnx")
    for texts in (["the match of the team", "a song"], ["goal"], ["goal " * 40, "a"], ["a song and a band"] * 5):
        assert np.abs(answer(texts)[0] - predict(classifier, texts)).max() < 1e-4


def test_the_packed_engine_says_what_it_takes(make: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = load_encoder(ready(make("mpnet"), tmp_path / "base"))
    assert isinstance(with_engine(encoder, "auto"), LibraryEncoder)
    with pytest.raises(ModelError, match="packed takes bert, roberta, xlm-roberta"):
        with_engine(encoder, "packed")


def test_a_tokenizer_that_needs_sentencepiece_says_so(
    make: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make("deberta-v2")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (source / name).unlink()
    (source / "spm.model").write_bytes(b"stands for a model that is never read")
    monkeypatch.setattr(sound, "SENTENCEPIECE", ("sentencepiece_absent.here",))
    with pytest.raises(ModelError, match=r"spm\.model: .* pip install 'threephase\[sentencepiece\]'"):
        ready(source, tmp_path / "base")


def test_a_sentencepiece_tokenizer_is_read_and_kept_as_one_that_needs_nothing(
    make: Callable[[str], Path], corpus: list[str], tmp_path: Path
) -> None:
    trainer = pytest.importorskip("sentencepiece", reason="the extra `sentencepiece` is not installed")
    source = make("deberta-v2")
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").write_text('{"do_lower_case": false, "vocab_type": "spm"}')
    special = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    named = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    trainer.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_prefix=str(source / "spm"), vocab_size=60, minloglevel=2,
        **special, **named,
    )  # fmt: skip
    base = ready(source, tmp_path / "base")
    assert (base / "tokenizer.json").exists()
    assert not list(base.glob("*.model"))
