"""One way to a classifier, trained once on a dataset's splits and asked for the test rows: ours, or a library's.

python -m benchmarks.peer --configs config/config.yaml --results results --dataset bbc --peer "3-Phase" --seed 1
prints a line of JSON: seconds of each part by the processor and by the clock, and which test rows were right.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from threephase.data.store import LabelledTexts

MODEL = "all-MiniLM-L6-v2"
PHASE_1, PHASE_2, PHASE_3, ANSWERS = "phase 1", "phase 2", "phase 3", "answers"
RECIPES = ("dae", "dae.cl", "dae.cl.ft", "ft", "baseline-frozen_logreg", "baseline-tfidf_svm")
OURS = ("3-Phase", "FT")


@dataclass
class Clock:
    """Seconds of the parts of a way, each by the processor and by the clock."""

    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        processor, wall = time.process_time(), time.perf_counter()
        yield
        self.seconds[part] = (time.process_time() - processor, time.perf_counter() - wall)


@dataclass(frozen=True)
class Given:
    """What a way is given: splits, base model, the grid's settings of what RECIPES name, the seed."""

    data: Path
    base: Path
    settings: dict[str, dict[str, Any]]  # by RECIPES
    seed: int
    scratch: Path
    iterations: int | None = None  # SetFit's, of pairs a text; None is its default, all pairs

    def rows(self, split: str) -> "LabelledTexts":
        from threephase.data.store import Splits

        return Splits(self.data).read(split)

    def of(self, recipe: str) -> Any:
        """The settings of a recipe's last phase."""
        from threephase.settings.phases import PHASES

        return PHASES[recipe.rpartition(".")[2]](**self.settings[recipe])


def ours(recipe: str, given: Given, clock: Clock) -> "np.ndarray":
    """A variant as the grid trains it: every phase of a recipe, then the test rows."""
    from threephase.method.classifier import load_classifier, predict
    from threephase.phases.all import PHASES
    from threephase.phases.run import run_phase

    names = {"dae": PHASE_1, "cl": PHASE_2, "ft": PHASE_3}
    steps, parent = recipe.split("."), given.base
    for number, phase in enumerate(steps, 1):
        prefix = ".".join(steps[:number])
        with clock.of(names[phase]):
            run_phase(
                PHASES[phase], given.data, parent, given.of(prefix), given.seed, given.scratch / prefix, title=prefix
            )
        parent = given.scratch / prefix
    classifier = load_classifier(parent)
    with clock.of(ANSWERS):
        return predict(classifier, given.rows("test").texts).argmax(axis=1)


def baseline(name: str, given: Given, clock: Clock) -> "np.ndarray":
    """A baseline of the grid, which is scikit-learn's, tuned on validation rows."""
    from threephase.baselines.loading import baseline_named
    from threephase.baselines.run import run_baseline

    found = baseline_named(name)  # imports its libraries
    with clock.of(PHASE_3):
        base = given.base if found.settings.reads_base_model else None
        settings = found.settings(**given.settings[f"baseline-{name}"])
        fitted = run_baseline(found, given.data, settings, given.seed, given.scratch / name, base)
    with clock.of(ANSWERS):
        return fitted.predictor.predict_proba(given.rows("test").texts).argmax(axis=1)


def setfit(given: Given, clock: Clock) -> "np.ndarray":
    """SetFit as its documentation shows it, on the base model as it comes: its own head, learning rates, batches."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    from benchmarks.paths import model_folder

    train = given.rows("train")
    with clock.of(PHASE_3):
        model = SetFitModel.from_pretrained(str(model_folder()))
        model.model_body.max_seq_length = given.of("ft").max_length
        arguments = TrainingArguments(
            output_dir=str(given.scratch / "setfit"), num_iterations=given.iterations, seed=given.seed,
            report_to="none", save_strategy="no", show_progress_bar=False,
        )  # fmt: skip
        rows = Dataset.from_dict({"text": train.texts, "label": train.labels[:, 0].tolist()})
        Trainer(model, arguments, train_dataset=rows).train()
    with clock.of(ANSWERS):
        return model.predict(given.rows("test").texts, as_numpy=True)


def stock_ft(given: Given, clock: Clock) -> "np.ndarray":
    """Transformers' own classifier and Trainer."""
    from transformers import AutoModelForSequenceClassification

    return _trainer(AutoModelForSequenceClassification.from_pretrained, given.base, "ft", given, clock)


def stock_3_phase(given: Given, clock: Clock) -> "np.ndarray":
    """The three phases put together from the libraries' trainers and losses, on the texts and pairs that ours has."""
    _import_libraries()
    with clock.of(PHASE_1):
        adapted = _sentence_trainer(given.base, "dae", given)
    with clock.of(PHASE_2):
        contrasted = _sentence_trainer(adapted, "dae.cl", given)
    return _trainer(_of_mean_vector, contrasted, "dae.cl.ft", given, clock)


def _import_libraries() -> None:
    """Before a clock runs."""
    import datasets  # noqa: F401
    import sentence_transformers.sentence_transformer.losses
    import sentence_transformers.sentence_transformer.modules  # noqa: F401
    from sentence_transformers import SentenceTransformerTrainer  # noqa: F401
    from transformers import AutoModel, Trainer  # noqa: F401


def _of_mean_vector(folder: Path, num_labels: int) -> Any:
    """A linear layer on the mean of the tokens' vectors, which is what phases 1 and 2 have trained."""
    import torch
    from transformers import AutoModel

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(folder)
            self.dropout = torch.nn.Dropout(0.1)
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, num_labels)

        def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None, **more: Any) -> dict[str, Any]:
            tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
            there = attention_mask.unsqueeze(-1)
            logits = self.head(self.dropout((tokens * there).sum(dim=1) / there.sum(dim=1)))
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    return Classifier()


def _sentence_trainer(parent: Path, recipe: str, given: Given) -> Path:
    """Sentence-transformers' trainer with the loss of phase 1 or 2; gives the folder of the transformer."""
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, DenoisingAutoEncoderLoss
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    phase, settings = recipe.rpartition(".")[2], given.of(recipe)
    transformer = Transformer(str(parent), max_seq_length=settings.max_length)
    model = SentenceTransformer(
        modules=[transformer, Pooling(transformer.get_embedding_dimension(), "mean")], device="cpu"
    )
    examples = _noised(given, settings) if phase == "dae" else _pairs(given, settings)
    loss = DenoisingAutoEncoderLoss(model, tie_encoder_decoder=True) if phase == "dae" else CosineSimilarityLoss(model)
    folder = given.scratch / f"stock-{phase}"
    arguments = SentenceTransformerTrainingArguments(
        **_common(folder, settings, given.seed), per_device_train_batch_size=settings.batch_size, num_train_epochs=1
    )
    SentenceTransformerTrainer(model, arguments, train_dataset=examples, loss=loss).train()
    transformer.auto_model.save_pretrained(folder / "transformer")
    transformer.tokenizer.save_pretrained(folder / "transformer")
    return folder / "transformer"


def _noised(given: Given, settings: Any) -> Any:
    """The (noised, clean) texts that phase 1 of ours has, of each of its epochs."""
    from datasets import Dataset

    from threephase.data.store import Splits
    from threephase.encoders.encoder import load_encoder
    from threephase.method.noised_tokens import training_texts
    from threephase.phases.dae import texts_of
    from threephase.training.batches import Key, passes

    encoder = load_encoder(given.base)
    encoder.max_seq_length = settings.max_length
    texts = texts_of(Splits(given.data), settings)
    epochs = passes(settings.epochs, -(-len(texts) // settings.batch_size), settings.min_steps)
    drawn = training_texts(encoder, texts, settings, given.seed)
    both = [drawn[Key(epoch, row)] for epoch in range(epochs) for row in range(len(texts))]
    noised, clean = (
        encoder.tokenizer.batch_decode([list(map(int, tokens)) for tokens in side], skip_special_tokens=True)
        for side in zip(*both, strict=True)
    )
    return Dataset.from_dict({"noised": noised, "text": clean})


def _pairs(given: Given, settings: Any) -> Any:
    """The pairs of phase 2, as ours draws them."""
    from datasets import Dataset

    from threephase.data.store import Splits, training_rows
    from threephase.phases.contrastive import balance, pairs_for

    balanced = balance(training_rows(Splits(given.data), 1.0, given.seed), settings, given.seed)
    pairs = pairs_for(balanced, settings, given.seed)
    first, second = ([balanced.texts[place] for place in side] for side in (pairs.left, pairs.right))
    return Dataset.from_dict({"sentence1": first, "sentence2": second, "label": pairs.target.tolist()})


def _trainer(load: Callable[..., Any], parent: Path, recipe: str, given: Given, clock: Clock) -> "np.ndarray":
    """Transformers' Trainer with the grid's settings: the epoch that is best on validation rows, early stopping."""
    import numpy as np
    from datasets import Dataset
    from scipy.special import softmax
    from sklearn.metrics import log_loss
    from transformers import (
        AutoTokenizer,
        DataCollatorWithPadding,
        EarlyStoppingCallback,
        Trainer,
        TrainingArguments,
    )

    settings = given.of(recipe)
    tokeniser = AutoTokenizer.from_pretrained(parent)

    def tokenised(split: str) -> Any:
        rows = given.rows(split)
        texts = Dataset.from_dict({"text": rows.texts, "label": rows.labels[:, 0].tolist()})
        return texts.map(
            lambda row: tokeniser(row["text"], truncation=True, max_length=settings.max_length),
            batched=True, remove_columns="text",
        )  # fmt: skip

    def ranked(found: Any) -> dict[str, float]:
        """As ours: the more accurate, of equals the one of less loss."""
        accuracy = float((found.predictions.argmax(axis=1) == found.label_ids).mean())
        loss = log_loss(found.label_ids, softmax(found.predictions, axis=1), labels=range(classes))
        return {"rank": accuracy - 1e-6 * float(loss)}

    with clock.of(PHASE_3):
        classes = len(np.unique(given.rows("train").labels[:, 0]))
        model = load(parent, num_labels=classes)
        arguments = TrainingArguments(
            **{**_common(given.scratch / "stock-ft", settings, given.seed), "save_strategy": "best"},
            per_device_train_batch_size=settings.batch_size, per_device_eval_batch_size=settings.eval_batch_size,
            num_train_epochs=settings.max_epochs, eval_strategy="epoch", save_total_limit=1,
            save_only_model=True, load_best_model_at_end=True, metric_for_best_model="rank", greater_is_better=True,
        )  # fmt: skip
        trainer = Trainer(
            model, arguments, train_dataset=tokenised("train"), eval_dataset=tokenised("validation"),
            data_collator=DataCollatorWithPadding(tokeniser),
            compute_metrics=ranked,
            callbacks=[EarlyStoppingCallback(settings.patience)],
        )  # fmt: skip
        trainer.train()
    with clock.of(ANSWERS):
        return trainer.predict(tokenised("test")).predictions.argmax(axis=1)


def _common(folder: Path, settings: Any, seed: int) -> dict[str, Any]:
    """What the libraries' trainers share: the grid's optimiser, schedule and arithmetic, its seed."""
    from threephase.encoders.engines import resolve_precision

    return {
        "output_dir": str(folder), "learning_rate": settings.lr, "warmup_steps": settings.warmup,
        "lr_scheduler_type": "constant_with_warmup" if settings.lr_schedule == "constant" else "linear",
        "weight_decay": settings.weight_decay, "adam_epsilon": settings.eps, "max_grad_norm": settings.max_grad_norm,
        "bf16": resolve_precision(settings.precision) == "bf16", "use_cpu": True,
        "seed": seed, "report_to": "none", "save_strategy": "no", "disable_tqdm": True,
    }  # fmt: skip


def _ours(recipe: str) -> Callable[[Given, Clock], "np.ndarray"]:
    return lambda given, clock: ours(recipe, given, clock)


def _baseline(name: str) -> Callable[[Given, Clock], "np.ndarray"]:
    return lambda given, clock: baseline(name, given, clock)


PEERS: dict[str, Callable[[Given, Clock], "np.ndarray"]] = {
    OURS[0]: _ours("dae.cl.ft"),
    "3-Phase of stock trainers": stock_3_phase,
    OURS[1]: _ours("ft"),
    "FT of transformers' Trainer": stock_ft,
    "SetFit": setfit,
    "Frozen + logistic regression": _baseline("frozen_logreg"),
    "TF-IDF + SVM": _baseline("tfidf_svm"),
}
DRAWS_NOTHING = {"Frozen + logistic regression", "TF-IDF + SVM"}  # the same with every seed


def asked_of(configs: list[Path], dataset: str) -> dict[str, dict[str, Any]]:
    """What the grid asks of RECIPES on a dataset: settings of their last phases, and the digests of the code."""
    from functools import partial

    from threephase.experiment.asked import Asked
    from threephase.experiment.reading import read
    from threephase.jobs.digest import code_of

    asked = Asked(read(configs), code=partial(code_of, scripts=Path("workflow/scripts")))
    return {recipe: asked.phase(dataset, MODEL, recipe) for recipe in RECIPES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=Path, nargs="+", required=True)
    parser.add_argument("--results", type=Path, required=True, help="where the dataset and the base model are made")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--peer", choices=PEERS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--iterations", type=int, help="of pairs a text for SetFit; its default where absent")
    chosen = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    import numpy as np
    import torch
    from transformers import set_seed

    from threephase.artifacts import layout
    from threephase.jobs.frame import keep_freed_memory

    torch.set_num_threads(1)
    if chosen.peer in OURS:
        keep_freed_memory()  # as every job of the grid does
    set_seed(chosen.seed)
    clock = Clock()
    with TemporaryDirectory() as scratch:
        given = Given(
            layout.data(chosen.dataset, chosen.results), layout.base_model(MODEL, chosen.results),
            {recipe: step["settings"] for recipe, step in asked_of(chosen.configs, chosen.dataset).items()},
            chosen.seed, Path(scratch), chosen.iterations,
        )  # fmt: skip
        right = np.asarray(PEERS[chosen.peer](given, clock)) == given.rows("test").labels[:, 0]
    sys.stdout.write(json.dumps({"seconds": clock.seconds, "right": right.astype(int).tolist()}) + "\n")


if __name__ == "__main__":
    main()
