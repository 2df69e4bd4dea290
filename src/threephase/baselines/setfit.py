"""SetFit: the base model tuned on pairs of the labelled texts by the library of that name, then logistic regression.

References:
    Tunstall et al. 2022, efficient few-shot learning without prompts, https://arxiv.org/abs/2209.11055
"""

import time
from tempfile import TemporaryDirectory

import pandas as pd
from sentence_transformers import SentenceTransformer
from transformers import set_seed

from threephase.baselines.baseline import Baseline, Fitted, Given, Rows
from threephase.baselines.linear import choice, logistic
from threephase.baselines.on_vectors import OnVectors, load_on_vectors
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.vectors import unit_vectors
from threephase.settings.setfit import SetfitSettings

C = 1.0  # of the library's own head, scikit-learn's default


def fit(given: Given, settings: SetfitSettings) -> Fitted:
    """One training for each learning rate; kept is the one that is best on validation rows."""
    assert given.base is not None
    rows, found = [], []
    for rate in settings.learning_rates:
        started = time.perf_counter()
        encoder = load_encoder(given.base)
        encoder.max_seq_length = resolve_max_length(settings.max_length, encoder, given.all_texts)
        tune(encoder, given.train, settings, rate, given.seed)
        vectors = unit_vectors(encoder, given.train.texts)
        linear, converged = logistic(vectors, given.train.classes, given.classes, C, balanced=False)
        validation = unit_vectors(encoder, given.validation.texts)
        found.append(OnVectors(encoder, linear))
        rows.append(
            {
                "learning_rate": rate,
                "validation_accuracy": linear.accuracy(validation, given.validation.classes),
                "validation_loss": linear.loss(validation, given.validation.classes),
                "converged": converged,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )
    tried = choice(pd.DataFrame(rows))
    best = found[int(tried["chosen"].argmax())]
    return Fitted(best, tried, {"max_length": best.encoder.max_seq_length})


def tune(encoder: SentenceTransformer, train: Rows, settings: SetfitSettings, rate: float, seed: int) -> None:
    """Train an encoder in place: the cosine of two texts is 1 within a class and 0 between two."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    set_seed(seed)
    given = Dataset.from_dict({"text": train.texts, "label": train.classes.tolist()})
    with TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, num_iterations=settings.iterations, num_epochs=settings.epochs,
            batch_size=settings.batch_size, body_learning_rate=rate, seed=seed,
            report_to="none", save_strategy="no", show_progress_bar=False,
        )  # fmt: skip
        trainer = Trainer(SetFitModel(model_body=encoder), arguments, train_dataset=given)
        trainer.train_embeddings(train.texts, train.classes.tolist())


SETFIT = Baseline("setfit", SetfitSettings, fit, load_on_vectors)
