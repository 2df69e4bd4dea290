"""Base models are looked through before they are loaded, and every weight is accounted for afterwards.

A model folder is data of somebody else's. None of its code is run, and nothing of it is unpickled. Where a file lacks
weights or a tokenizer its words, the libraries draw weights at random, read each word as unknown and go on: here,
that is an error.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor

from threephase.encoders.tokens import token_ids
from threephase.errors import ModelError, in_one_line

# How the libraries load: from this folder alone, none of its code, weights that hold no code.
NO_CODE = {"trust_remote_code": False, "local_files_only": True}
SAFETENSORS = {**NO_CODE, "use_safetensors": True}

MODULES = "modules.json"
KNOWN_MODULES = ("Transformer", "Pooling", "Dense", "Normalize", "LayerNorm", "Dropout")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
FLOATS = ("F64", "F32", "F16", "BF16")  # how weights are stored that can be trained, in the words of safetensors
POINTER = b"version https://git-lfs"  # how a file begins that Git LFS has put in the place of another
SENTENCEPIECE = ("sentencepiece", "google.protobuf")
PICKLES = "*.bin"
CONVERT = (
    'python -c "import torch, safetensors.torch as s; s.save_file({{k: v.contiguous().clone() for k, v in '
    "torch.load('{old}', weights_only=True).items()}}, '{new}', {{'format': 'pt'}})\""
)
# No vector comes from BERT's pooler, which a head for masked words does without.
_UNUSED = re.compile(r"(^|\.)pooler\.")
# Tables that older versions of the libraries saved and newer ones compute.
_COMPUTED = re.compile(r"(^|\.)(position_ids|token_type_ids|inv_freq|attn\.(masked_)?bias)$")
# What libraries say at length, by a part of it.
_IN_SHORT = {
    "custom code which must be executed": "it needs code of its own, which is never run; use a model that transformers "
    "knows",
    "ignore_mismatched_sizes": "its weights have other shapes than its config.json says; fetch it again",
    "Can't instantiate a processor": "its tokenizer cannot be read: a file is missing or damaged; fetch it again",
}
_SHOWN = 3  # names of weights in a message
_LOOKED_AT = 200  # tokens of a vocabulary that are tried as words
_LONG_WORD = 3  # characters of a word that a tokenizer of words or their parts has whole


def read_safely(folder: Path) -> AbstractContextManager[None]:
    """Turn whatever a library raises over a folder into one line. Raises ModelError."""

    def told(error: Exception) -> ModelError:
        said = " ".join(str(error).split())
        short = next((short for part, short in _IN_SHORT.items() if part in said), None)
        return ModelError(
            f"{folder}: {short}"
            if short
            else f"{folder}: cannot be loaded as a model ({type(error).__name__}: {said[:300]}); check its files, or "
            "fetch it again"
        )

    return in_one_line(told)


def transformer_folder(folder: Path) -> Path:
    """Where in a model folder the transformer lies that turns tokens into states; refuses what must not be loaded.

    Raises ModelError for modules that are not sentence-transformers' own, for a config that fetches code, and for
    weights that are pickles, quantised or elsewhere.
    """
    _refuse_what_is_no_file(folder)
    modules = _modules(folder) if (folder / MODULES).exists() else [folder]
    for module in modules:
        pickles = sorted(path.name for path in module.glob(PICKLES)) if module.is_dir() else []
        if pickles and not list(module.glob("*.safetensors")):
            old = module / pickles[0]
            raise ModelError(
                f"{old}: weights of a format that may run code when it is read; convert them, then try again: "
                f"{CONVERT.format(old=old, new=module / WEIGHTS[0])}"
            )
    first = modules[0]
    if not (first / "config.json").is_file():
        raise ModelError(f"{first}: holds no config.json, so it is no model folder; check `models` in the config")
    if (first / "adapter_config.json").exists():
        raise ModelError(f"{first}: holds an adapter; merge it into its base model, save that, and name its folder")
    if not any((first / name).is_file() for name in WEIGHTS):
        raise ModelError(f"{first}: holds no weights ({WEIGHTS[0]}); fetch the model again")
    with read_safely(first):
        _refuse_config(first / "config.json")
        weights = [_count_and_refuse_weights(module) for module in modules]
        _refuse_layers(first / "config.json", weights[0])
    pieces = sorted(first.glob("*.model"))
    if pieces and not (first / "tokenizer.json").is_file() and not all(map(_installed, SENTENCEPIECE)):
        raise ModelError(
            f"{pieces[0]}: its tokenizer is read by sentencepiece and protobuf, which are not here: pip install "
            "'threephase[sentencepiece]'"
        )
    return first


def _refuse_what_is_no_file(folder: Path) -> None:
    """Raise ModelError where a read would wait for ever, or where Git has left a few words in a file's place."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelError(f"{path}: is no file that can be read twice (a pipe or a device); fetch the model again")
        if path.is_file() and path.stat().st_size < 1 << 10 and path.read_bytes().startswith(POINTER):
            raise ModelError(f"{path}: is a pointer of Git LFS, not the file itself; fetch that with `git lfs pull`")


def _refuse_config(file: Path) -> None:
    """Raise ModelError for a config that has code fetched from a hub, or weights that are no numbers to train."""
    config = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ModelError(f"{file}: is no config of a model; fetch it again")
    fetched = [
        f"`{key}: {named}`"
        for key, value in config.items()
        if "_implementation" in key
        for named in (value.values() if isinstance(value, dict) else [value])
        if "/" in str(named)
    ]
    if fetched:
        raise ModelError(f"{file}: {fetched[0]} fetches code, which is never run; take that line out")
    for key, value in config.items():
        share = isinstance(value, int | float) and not isinstance(value, bool)
        if ("dropout" in key or "pdrop" in key) and share and not 0 <= value < 1:
            raise ModelError(
                f"{file}: `{key}: {value}` leaves nothing of what it drops from; it is a share below 1, so correct it"
            )
    if config.get("quantization_config"):
        raise ModelError(f"{file}: its weights are quantised and cannot be trained; name the model as it was before")


def _refuse_layers(file: Path, weights: int) -> None:
    """Raise ModelError where a config asks for more layers than there are weights: thousands take long to be drawn."""
    layers = json.loads(file.read_text(encoding="utf-8")).get("num_hidden_layers")
    if isinstance(layers, int) and layers > weights > 0:
        raise ModelError(
            f"{file}: asks for {layers} layers, but there are {weights} weights in all; correct `num_hidden_layers`, "
            "or fetch the model again"
        )


def _count_and_refuse_weights(folder: Path) -> int:
    """How many weights a folder holds. Raises ModelError for some elsewhere, or stored as what is no fraction."""
    count = 0
    whole, index = (folder / name for name in WEIGHTS)
    shards = {whole.name} if whole.is_file() else set[str]()
    if not shards and index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    for shard in sorted(shards):
        if Path(shard).name != shard:
            raise ModelError(f"{index}: names the file {shard!r}, which is not in {folder}; fetch the model again")
        with safe_open(folder / shard, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                count += 1
                stored = weights.get_slice(name).get_dtype()
                if stored in FLOATS or name.rpartition(".")[2] not in ("weight", "bias") or _COMPUTED.search(name):
                    continue
                raise ModelError(
                    f"{folder / shard}: its weight {name} is stored as {stored}, quantised or damaged, and cannot be "
                    "trained; name the model as it was before"
                )
    return count


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _modules(folder: Path) -> list[Path]:
    """Folders of the modules that modules.json lists, the transformer's first."""
    listed = folder / MODULES
    try:
        modules = [(str(module["type"]), str(module["path"])) for module in json.loads(listed.read_text("utf-8"))]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ModelError(f"{listed}: is not a list of modules with `type` and `path`; fetch the model again") from None
    for kind, path in modules:
        library, name = kind.partition(".")[0], kind.rpartition(".")[2]
        if library != "sentence_transformers" or name not in KNOWN_MODULES:
            raise ModelError(
                f"{listed}: names a module of the type {kind!r}; only sentence-transformers' own can be used, since "
                f"any other would run code of the folder: {', '.join(KNOWN_MODULES)}"
            )
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ModelError(f"{listed}: names the folder {path!r}, which is not in {folder}; fetch the model again")
        _refuse_what_is_no_file(folder / path)
        activation = _activation(folder / path / "config.json") if name == "Dense" else None
        if activation and not activation.startswith("torch.nn.modules."):
            raise ModelError(
                f"{folder / path / 'config.json'}: its activation {activation!r} is none of torch's; it would be "
                "replaced without a word"
            )
    kinds = [kind.rpartition(".")[2] for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"]:
        raise ModelError(
            f"{listed}: a transformer and its pooling must come first; it lists {', '.join(kinds) or 'none'}"
        )
    return [folder / path for _, path in modules]


def _activation(config: Path) -> str | None:
    with read_safely(config.parent):
        named = json.loads(config.read_text(encoding="utf-8")).get("activation_function")
        return None if named is None else str(named)


def padded(encoder: SentenceTransformer) -> str | None:
    """Give a tokenizer that has no token to pad with one of its special ones; says which, None where it has its own.

    Padding is never looked at, so that any will do.
    """
    tokenizer = encoder.tokenizer
    if tokenizer.pad_token_id is not None or not tokenizer.all_special_tokens:
        return None
    filler = tokenizer.eos_token or tokenizer.all_special_tokens[0]
    tokenizer.pad_token = filler
    return str(filler)


def reads_from_left_to_right(transformer: Transformer) -> bool:
    """Whether the state of a text's first token does not depend on the tokens behind it, by trying."""
    model: Any = transformer.auto_model
    with torch.no_grad():
        first, second = (
            model.eval()(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, 3, dtype=torch.long))[0][0]
            for ids in ([0, 1, 2], [0, 2, 1])
        )
    return torch.equal(first[0], second[0]) and not torch.equal(first[-1], second[-1])


def refuse_unsound(encoder: SentenceTransformer, folder: Path, weights: Path) -> None:
    """Refuse a base model that is not what its files say.

    Args:
        encoder: as it was loaded.
        folder: what to call it.
        weights: folder of its transformer's files.

    Raises ModelError: weights that are missing, left over, of another shape or not finite; a tokenizer that knows no
    words, or more than the model; texts that all have the same vector.
    """
    assert isinstance(encoder[0], Transformer)
    _refuse_misnamed(encoder.transformers_model.config, folder)
    refuse_unlike(type(encoder.transformers_model), weights)
    for name, weight in encoder.state_dict().items():
        if not torch.isfinite(weight).all():
            raise ModelError(f"{folder}: its weight {name} is not finite; fetch the model again")
    with read_safely(folder):
        _refuse_unknowing(encoder, folder)


def _refuse_misnamed(config: Any, folder: Path) -> None:
    """Raise ModelError where a config names one architecture by its class and another by its type.

    Some have weights of the same names and shapes, and compute otherwise: BERT's as RoBERTa's.
    """
    for name in config.architectures or []:
        meant = getattr(getattr(transformers, name, None), "config_class", None)
        if meant and not isinstance(config, meant):
            raise ModelError(
                f"{folder}: its config.json names {name}, but the type {config.model_type!r}; correct `model_type` "
                f"there ({meant.model_type!r}?), or fetch the model again"
            )


def refuse_unlike(kind: Any, folder: Path) -> None:
    """Load a folder as a model of transformers' class `kind`, and refuse weights that are not those of that class."""
    model, missing, left_over = accounted(kind, folder)
    if missing:
        raise ModelError(
            f"{folder}: lacks {_listed(missing)} of {len(model.state_dict())} weights of {type(model).__name__}, the "
            "architecture that its config.json names" + _remedy(left_over)
        )
    if left_over:
        raise ModelError(
            f"{folder}: holds {_listed(left_over)} weights more than {type(model).__name__} has by its config.json; "
            "correct that, or fetch the model again"
        )


def accounted(kind: Any, folder: Path) -> tuple[Any, list[str], list[str]]:
    """A model of transformers' class `kind`, names of weights that the folder lacks, and of those left over.

    What no vector comes from may be missing; a head that another task had may be left over.
    """
    with read_safely(folder):
        model, info = kind.from_pretrained(
            folder, output_loading_info=True, ignore_mismatched_sizes=True, dtype=torch.float32, **SAFETENSORS
        )
    if info["mismatched_keys"]:
        name, found, wanted = min(info["mismatched_keys"])
        raise ModelError(
            f"{folder}: its weight {name} is {_shape(found)}, but config.json asks for {_shape(wanted)}; files of two "
            "models were mixed, so fetch it again"
        )
    missing = sorted(name for name in info["missing_keys"] if not _UNUSED.search(name))
    own = {name for name, _ in model.named_children()} | {model.base_model_prefix}
    left_over = sorted(
        name
        for name in info["unexpected_keys"]
        if (name.partition(".")[0] in own or missing) and not (_UNUSED.search(name) or _COMPUTED.search(name))
    )
    return model, missing, left_over


def _remedy(left_over: list[str]) -> str:
    if left_over and left_over[0].startswith("module."):
        return "; those that are there begin with `module.`: save `model.module`, not its DataParallel wrapper"
    there = f" (it holds {left_over[0]} instead)" if left_over else ""
    return f"{there}; they would be drawn at random, so fetch the model again or correct config.json"


def _listed(names: list[str]) -> str:
    more = "" if len(names) <= _SHOWN else ", …"
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{more})"


def _shape(size: Iterable[int]) -> str:
    return " × ".join(map(str, size))


def _refuse_unknowing(encoder: SentenceTransformer, folder: Path) -> None:
    tokenizer = encoder.tokenizer
    rows = encoder.transformers_model.get_input_embeddings().num_embeddings
    vocabulary = tokenizer.get_vocab().values()
    last = max(vocabulary, default=0)
    if last >= rows:
        raise ModelError(
            f"{folder}: its tokenizer has tokens up to {last}, its model only {rows}; files of two models were mixed"
        )
    words = list(islice(_words(tokenizer), 3))
    if len(words) < 3:
        raise ModelError(f"{folder}: its tokenizer knows no words; are its files (tokenizer.json) missing or empty?")
    if len(vocabulary) < rows / 4:
        raise ModelError(
            f"{folder}: its tokenizer has {len(vocabulary)} tokens, its model {rows}; files of two models were mixed, "
            "or the tokenizer's are not whole"
        )
    long = [word for word in _words(tokenizer) if len(word) >= _LONG_WORD and word.isalpha()]
    if long and all(len(tokenizer(word, add_special_tokens=False)["input_ids"]) > 1 for word in long):
        raise ModelError(
            f"{folder}: its tokenizer takes every word to pieces, though it has whole ones; are all of its files "
            "there (merges)?"
        )
    _refuse_without_first_token(encoder, folder, words[0])
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"{folder}: its tokenizer has no token to pad with; name a `pad_token` in tokenizer_config.json"
        )
    first, second = (_vector(encoder, f"{words[0]} {last}") for last in words[1:])
    if not torch.isfinite(torch.cat([first, second])).all():
        raise ModelError(f"{folder}: its vectors are not finite; fetch the model again")
    if torch.allclose(first, second, rtol=0, atol=1e-6):
        raise ModelError(
            f"{folder}: gives two texts that begin alike the same vector. If it reads from left to right, its last "
            "token must be its vector: save it as a sentence-transformers model with that pooling; else its weights "
            "are damaged"
        )


def _refuse_without_first_token(encoder: SentenceTransformer, folder: Path, word: str) -> None:
    """Raise ModelError where a text's vector is that of a first token that the tokenizer does not put there."""
    tokenizer, pooling = encoder.tokenizer, encoder[1]
    by_first = isinstance(pooling, Pooling) and pooling.pooling_mode == "cls"
    (tokens,) = token_ids(encoder, [word], None)
    if by_first and tokenizer.cls_token_id is not None and tokens[0] != tokenizer.cls_token_id:
        raise ModelError(
            f"{folder}: a text's vector is that of its first token, but its tokenizer puts no {tokenizer.cls_token} "
            "there; is its tokenizer.json (post_processor) whole?"
        )


def _words(tokenizer: Any) -> Iterator[str]:
    """Words that a tokenizer tells apart, from all over its vocabulary."""
    vocabulary = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    seen = {(), (tokenizer.unk_token_id,)}
    for token in vocabulary[:: max(1, len(vocabulary) // _LOOKED_AT)]:
        word = tokenizer.decode([token]).strip()
        ids = tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) if word else ()
        if tokenizer.unk_token_id not in ids and ids not in seen:
            seen.add(ids)
            yield word


def _vector(encoder: SentenceTransformer, text: str) -> Tensor:
    (tokens,) = token_ids(encoder, [text], None)
    batch = encoder.tokenizer.pad({"input_ids": [tokens.tolist()]}, return_tensors="pt")
    with torch.no_grad():
        return encoder.eval()(dict(batch))["sentence_embedding"][0].float()
