"""A base model is what its files say, or one line says what it is not; none of its code runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertModel,
)

from threephase.artifacts.folders import sha256, writing
from threephase.encoders.base_model import make_base_model
from threephase.encoders.encoder import load_encoder
from threephase.errors import ModelError
from threephase.method.losses import ReconstructionLoss
from threephase.settings.base_model import BaseModelSettings

WEIGHTS = "model.safetensors"
Weights = dict[str, Tensor]


def ready(source: Path, out: Path) -> Path:
    with writing(out) as folder:
        make_base_model(BaseModelSettings(path=str(source)), folder)
    return out


def refusal(source: Path, tmp_path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        ready(source, tmp_path / "refused")
    assert "\n" not in str(refused.value)
    assert str(source) in str(refused.value)
    assert not (tmp_path / "refused").exists()
    return str(refused.value)


@pytest.fixture
def bert(tiny_bert: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT, to be spoilt."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "bert"))


@pytest.fixture
def layered(tiny_bert: Path, tmp_path: Path) -> Path:
    """A sentence-transformers model with a layer behind its pooling."""
    tower = Transformer(str(tiny_bert))
    modules = [tower, Pooling(tower.get_embedding_dimension(), pooling_mode="mean"), Dense(32, 32)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path / "layered"))
    return tmp_path / "layered"


def rewrite(folder: Path, change: Callable[[Weights], Weights]) -> None:
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def without(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: weight for name, weight in weights.items() if part not in name}


def with_value(name: str, value: float) -> Callable[[Weights], Weights]:
    def change(weights: Weights) -> Weights:
        weights[name].view(-1)[-1] = value
        return weights

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: {f"module.{name}": weight for name, weight in weights.items()}, "save `model.module`"),
        (lambda weights: {f"tower.{name}": weight for name, weight in weights.items()}, "holds tower.embeddings"),
        (without("layer.1."), r"lacks 16 \(encoder.layer.1.attention"),
        (without("layer.0.output.dense.bias"), r"lacks 1 \(encoder.layer.0.output.dense.bias\)"),
        (without("word_embeddings"), r"lacks 1 \(embeddings.word_embeddings.weight\)"),
        (without(""), "lacks 37"),
        (lambda weights: weights | {"encoder.layer.2.output.dense.bias": torch.zeros(32)}, "holds 1 "),
        (lambda weights: weights | {"encoder.layer.1.output.dense.bias": torch.zeros(31)}, "other shapes"),
        (with_value("encoder.layer.1.output.dense.weight", float("nan")), "dense.weight is not finite"),
        (with_value("embeddings.word_embeddings.weight", float("inf")), "word_embeddings.weight is not finite"),
        (lambda weights: {name: torch.zeros_like(weight) for name, weight in weights.items()}, "the same vector"),
    ],
)
def test_weights_that_are_not_the_models_are_named(
    bert: Path, tmp_path: Path, change: Callable[[Weights], Weights], said: str
) -> None:
    rewrite(bert, change)
    assert re.search(said, refusal(bert, tmp_path))


def in_shards(folder: Path, second: str) -> None:
    """Weights in two files and an index, as large models have them, the second of a name or place of its own."""
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(weights)
    shards = {"first.safetensors": names[:20], second: names[20:]}
    for shard, held in shards.items():
        save_file({name: weights[name] for name in held}, folder / shard, {"format": "pt"})
    index = {name: shard for shard, held in shards.items() for name in held}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": index, "metadata": {}}))


def test_weights_in_several_files_are_those_of_the_folder(bert: Path, tmp_path: Path) -> None:
    for name, place in {"outside": "../outside.safetensors", "far": str(tmp_path / "far.safetensors")}.items():
        folder = Path(shutil.copytree(bert, tmp_path / name))
        in_shards(folder, place)
        assert f"names the file {place!r}, which is not in" in refusal(folder, tmp_path)
    in_shards(bert, "second.safetensors")
    ready(bert, tmp_path / "ready")
    (bert / "second.safetensors").unlink()
    assert "second.safetensors" in refusal(bert, tmp_path)


@pytest.mark.parametrize("stored", [torch.int8, torch.int64, torch.bool, torch.float8_e4m3fn, torch.complex64])
def test_weights_that_are_stored_as_no_fractions_are_named(bert: Path, tmp_path: Path, stored: torch.dtype) -> None:
    name = "encoder.layer.0.output.dense.weight"
    rewrite(bert, lambda weights: weights | {name: weights[name].to(stored)})
    assert f"its weight {name} is stored as " in refusal(bert, tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "roberta"}, "names BertModel, but the type 'roberta'; correct `model_type` there ('bert'?)"),
        ({"attn_implementation": "somebody/kernels"}, "`attn_implementation: somebody/kernels` fetches code"),
        ({"_attn_implementation": {"": "somebody/kernels@main:f"}}, "somebody/kernels@main:f` fetches code"),
        ({"_experts_implementation_internal": "somebody/kernels"}, "somebody/kernels` fetches code"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "its weights are quantised"),
        ({"quantization_config": 7}, "its weights are quantised"),
        ({"hidden_dropout_prob": 1.0}, "`hidden_dropout_prob: 1.0` leaves nothing"),
        ({"attention_probs_dropout_prob": -0.1}, "is a share below 1"),
        ({"num_hidden_layers": 3000}, "asks for 3000 layers, but there are 39 weights in all"),
    ],
)
def test_a_config_that_asks_for_something_else_than_its_weights_is_named(
    bert: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    edit(bert / "config.json", **changes)
    assert said in refusal(bert, tmp_path)


def test_no_config_brings_code_into_a_model_that_was_handed_over(layered: Path) -> None:
    edit(layered / "config.json", attn_implementation="somebody/kernels")
    with pytest.raises(ModelError, match="fetches code, which is never run"):
        load_encoder(layered)


def test_weights_of_another_architecture_are_named(bert: Path, tmp_path: Path) -> None:
    named = (bert / "config.json").read_bytes()
    config = DistilBertConfig(vocab_size=140, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64)
    DistilBertModel(config).save_pretrained(bert)
    (bert / "config.json").write_bytes(named)
    assert "other shapes" in refusal(bert, tmp_path) or "lacks" in refusal(bert, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {f"bert.{name}": weight for name, weight in weights.items()},
        without("pooler"),
        lambda weights: weights | {"classifier.weight": torch.zeros(2, 32)},
        lambda weights: weights | {"embeddings.position_ids": torch.arange(64)[None]},
        lambda weights: {name: weight.half() for name, weight in weights.items()},
        lambda weights: {name.replace("LayerNorm.weight", "LayerNorm.gamma"): each for name, each in weights.items()},
    ],
)
def test_what_no_vector_comes_from_may_be_missing_or_left_over(
    bert: Path, tmp_path: Path, change: Callable[[Weights], Weights]
) -> None:
    rewrite(bert, change)
    first, second = (ready(bert, tmp_path / name) for name in ("first", "second"))
    assert sha256(first / WEIGHTS) == sha256(second / WEIGHTS)


def test_a_head_for_masked_words_that_is_only_named_is_not_drawn(bert: Path, tmp_path: Path) -> None:
    BertForMaskedLM(BertConfig.from_pretrained(bert)).save_pretrained(bert)
    assert "cls.predictions.bias" in load_file(ready(bert, tmp_path / "whole") / WEIGHTS)
    rewrite(bert, without("cls."))
    assert "cls.predictions.bias" not in load_file(ready(bert, tmp_path / "named") / WEIGHTS)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tokenizer.json": None, "tokenizer_config.json": None}, "knows no words"),
        ({"tokenizer.json": None, "tokenizer_config.json": None, "vocab.txt": "[PAD]\n[UNK]\n[CLS]"}, "knows no words"),
        ({"tokenizer.json": None}, "tokenizer cannot be read"),
        ({"tokenizer.json": "{"}, "tokenizer cannot be read"),
        ({"config.json": "{"}, "cannot be loaded as a model"),
        ({"config.json": "[" * 100_000}, "cannot be loaded as a model"),
        ({"config.json": None}, r"holds no config\.json"),
        ({WEIGHTS: None}, "holds no weights"),
        ({WEIGHTS: "half"}, "cannot be loaded as a model"),
        ({"adapter_config.json": "{}"}, "holds an adapter"),
        ({"config.json": "[1]"}, "is no config of a model"),
        ({WEIGHTS: "version https://git-lfs.github.com/spec/v1\noid sha256:0"}, "pointer of Git LFS, .*`git lfs pull`"),
        (
            {"tokenizer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:0"},
            r"tokenizer\.json: is a pointer",
        ),
    ],
)
def test_files_that_are_missing_or_damaged_are_named(
    bert: Path, tmp_path: Path, files: dict[str, str | None], said: str
) -> None:
    for name, content in files.items():
        if content is None:
            (bert / name).unlink()
        else:
            (bert / name).write_text(content)
    assert re.search(said, refusal(bert, tmp_path))


def test_a_tokenizer_of_another_model_is_named(bert: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bert)
    tokenizer.add_tokens([f"word{number}" for number in range(500)])
    tokenizer.save_pretrained(bert)
    assert "files of two models were mixed" in refusal(bert, tmp_path)


def change_tokenizer(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    change(tokenizer)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def test_a_tokenizer_that_is_half_there_is_named(bert: Path, tiny_roberta: Path, tmp_path: Path) -> None:
    """Each of them reads texts as something, so that a training goes on."""
    roberta = Path(shutil.copytree(tiny_roberta, tmp_path / "roberta"))
    change_tokenizer(roberta, lambda tokenizer: tokenizer["model"].update(merges=[]))
    assert "takes every word to pieces" in refusal(roberta, tmp_path)
    whole = (bert / "tokenizer.json").read_bytes()
    change_tokenizer(bert, lambda tokenizer: tokenizer.update(post_processor=None))
    assert "its tokenizer puts no [CLS] there" in refusal(bert, tmp_path)
    (bert / "tokenizer.json").write_bytes(whole)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "of", "song"]
    few = {word: place for place, word in enumerate(words)}
    change_tokenizer(bert, lambda tokenizer: tokenizer["model"].update(vocab=few))
    assert "its tokenizer has 8 tokens, its model " in refusal(bert, tmp_path)


@pytest.mark.parametrize("name", ["modules.json", "config.json", WEIGHTS, "tokenizer.json", "2_Dense/config.json"])
def test_a_pipe_in_place_of_a_file_is_named_and_not_waited_for(layered: Path, tmp_path: Path, name: str) -> None:
    (layered / name).unlink()
    os.mkfifo(layered / name)
    assert f"{name}: is no file that can be read twice" in refusal(layered, tmp_path)


class Attack:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a folder's code would leave, were it run; on standard input, "yes" waits for whoever asks."""
    given, answer = os.pipe()
    os.write(answer, b"y\n" * 20)
    os.close(answer)
    monkeypatch.setattr("sys.stdin", os.fdopen(given))
    return tmp_path / "it ran"


def test_code_of_the_folder_does_not_run(bert: Path, tmp_path: Path, mark: Path) -> None:
    code = f"open({str(mark)!r}, 'w')\nfrom transformers import BertConfig as C, BertModel as M\n"
    (bert / "own.py").write_text(code)
    edit(bert / "config.json", model_type="own", auto_map={"AutoConfig": "own.C", "AutoModel": "own.M"})
    assert "needs code of its own" in refusal(bert, tmp_path)
    edit(bert / "config.json", model_type="bert")
    edit(bert / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.T", None]})
    ReconstructionLoss(load_encoder(ready(bert, tmp_path / "known")))
    assert not mark.exists()


@pytest.mark.parametrize("place", ["", "2_Dense"])
def test_pickles_are_refused_with_a_way_to_convert_them(layered: Path, tmp_path: Path, mark: Path, place: str) -> None:
    folder = layered / place
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    torch.save(Attack(mark), folder / "pytorch_model.bin")
    edit(layered / "sentence_bert_config.json", model_kwargs={"weights_only": False, "use_safetensors": False})
    said = refusal(layered, tmp_path)
    assert not mark.exists()
    torch.save(weights, folder / "pytorch_model.bin")
    converting = said[said.index("python -c ") :].split('"')[1]
    subprocess.run([sys.executable, "-c", converting], check=True)
    ready(layered, tmp_path / "converted")


def test_no_file_of_the_folder_brings_pickles_back(layered: Path, tmp_path: Path, mark: Path) -> None:
    torch.save(Attack(mark), layered / "pytorch_model.bin")
    given = {"weights_only": False, "use_safetensors": False, "trust_remote_code": True}
    edit(layered / "sentence_bert_config.json", model_kwargs=given, model_args=given)
    ready(layered, tmp_path / "ready")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ({"type": "os.system"}, "'os.system'"),
        ({"type": "sentence_transformers.util.http_get"}, "http_get"),
        ({"type": "sentence_transformers.sentence_transformer.modules.WordEmbeddings"}, "WordEmbeddings"),
        ({"path": "../elsewhere"}, "'../elsewhere', which is not in"),
        ({"path": "/elsewhere"}, "'/elsewhere', which is not in"),
        ({"path": "gone"}, "cannot be loaded as a model"),
    ],
)
def test_modules_of_other_kinds_and_places_are_refused(
    layered: Path, tmp_path: Path, module: dict[str, str], said: str
) -> None:
    modules = json.loads((layered / "modules.json").read_text())
    modules[1] |= module
    (layered / "modules.json").write_text(json.dumps(modules))
    assert said in refusal(layered, tmp_path)


@pytest.mark.parametrize("content", ["{", "{}", "[]", '["a"]', '{"a": 1}', "[{}]", "null", "[" * 100_000])
def test_junk_in_place_of_the_list_of_modules_is_one_line(layered: Path, tmp_path: Path, content: str) -> None:
    (layered / "modules.json").write_text(content)
    refusal(layered, tmp_path)


@pytest.mark.parametrize("activation", ["os.system", "torch.hub.load", "torch.nn.modules.activation.Nothing", 5])
def test_an_activation_that_is_none_of_torchs_is_refused(layered: Path, tmp_path: Path, activation: object) -> None:
    edit(layered / "2_Dense/config.json", activation_function=activation)
    refusal(layered, tmp_path)


def test_a_layer_behind_the_transformer_is_accounted_for_too(layered: Path, tmp_path: Path) -> None:
    whole = load_file(layered / "2_Dense" / WEIGHTS)
    for change in (without("bias"), with_value("linear.weight", float("nan"))):
        save_file(change(dict(whole)), layered / "2_Dense" / WEIGHTS, {"format": "pt"})
        refusal(layered, tmp_path)


def test_the_older_layout_of_sentence_transformers_works(layered: Path, tmp_path: Path) -> None:
    before = SentenceTransformer(str(layered), device="cpu").encode(["a song"])
    (layered / "0_Transformer").mkdir()
    for path in layered.iterdir():
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(layered / "0_Transformer" / path.name)
    modules = json.loads((layered / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (layered / "modules.json").write_text(json.dumps(modules))
    assert (load_encoder(ready(layered, tmp_path / "ready")).encode(["a song"]) == before).all()
