"""Proof that a phase worked: probes of a checkpoint on validation rows. No test row is among them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.folders import FAILED, failure_of, read_json, sha256, verify, write_json, writing
from threephase.data.splits import stratified_sample
from threephase.data.store import DATASET, LabelledTexts, Splits
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.tokens import tokenise
from threephase.encoders.vectors import BATCH, unit_vectors
from threephase.evaluation.reconstruction import derangement, reconstruction, unigram
from threephase.evaluation.representations import classifiers, drift, geometry, scored
from threephase.method.losses import DECODER, load_reconstruction
from threephase.method.noised_tokens import validation_texts
from threephase.seeding import generator
from threephase.settings.dae import ReconstructionSettings

PROBE, PREDICTIONS = "probe.json", "predictions.parquet"
SETTINGS = "settings.json"
ROWS = 2000  # of each split at the most
LEAST_GAIN = 0.05  # nats a token; a phase 1 that gains less reconstructs nothing
STILL_FALLING = 0.1  # a last interval that brought more than this share of the loss's whole fall
SEED = 0  # draws rows and wrong vectors: the same for every checkpoint of a dataset, so that they can be compared


def probe(
    data: Path, checkpoint: Path, base: Path, out: Path, code: str = "", max_length: int | str | None = None
) -> dict[str, Any]:
    """Measure what the phases did to an encoder, and write `probe.json` and `predictions.parquet` into `out`.

    Simple classifiers on the vectors of labelled training rows, tried on validation rows; the geometry of the
    validation rows' vectors; their drift from the base model; and, where phase 1 or Joint left its decoder, the
    reconstruction of the validation texts. All in fp32, on at most 2,000 rows of each split.

    Predictions have one line for each validation row that is probed: `row`, `label` and what each classifier predicts
    (class names).

    A checkpoint of a training that diverged is not probed: then there is a `failed.json`, and the values are absent.

    Args:
        data: folder of the dataset's splits.
        checkpoint: of any recipe, or the base model itself.
        base: the base model that the checkpoint's recipe starts from.
        out: folder to write, complete or absent.
        code: digest of the code that runs, to be recorded.
        max_length: the length rule by which the encoder cuts texts, where not as it was saved: a base model should
            see as much of a text as the checkpoints that it is compared with.
    """
    inputs = {"checkpoint": verify(checkpoint), "base": verify(base), "dataset": sha256(data / DATASET)}
    origin = {"code": code, "inputs": inputs}
    failure = failure_of(checkpoint)
    if failure:
        with writing(out) as folder:
            write_json(folder / FAILED, {"reason": failure})
            write_json(folder / PROBE, origin)
        return {"failed": failure}
    trained = read_json(checkpoint / SETTINGS) if (checkpoint / SETTINGS).exists() else {}  # none of a base model
    splits = Splits(data)
    level = trained.get("report", {}).get("label_level", len(splits.described["label_names"]))
    of_vectors, predictions = _vectors_probed(splits, checkpoint, base, level, max_length)
    found = {"phase": trained.get("phase", ""), "label_level": level, **of_vectors}
    if trained:
        found["training"] = _end_of_training(checkpoint, trained["settings"])
    if (checkpoint / DECODER).exists():
        found["reconstruction"] = _reconstruction_probed(splits, checkpoint, trained, level)
    found |= {"marks": marks(found), **origin}
    with writing(out) as folder:
        write_json(folder / PROBE, found)
        predictions.to_parquet(folder / PREDICTIONS, index=False)
    return found


def marks(found: dict[str, Any]) -> list[str]:
    """What is wrong with a checkpoint by its probe: "no DAE", "under-trained", or nothing.

    No DAE: reconstruction gains less than 0.05 nats a token from the right vector. Under-trained: the last evaluation
    of the training was its best by its criterion, so that more steps may have made it better. Where the number of
    steps is fixed, as in phases 1 and 2, the learning rate falls to 0 and the last evaluation nearly always is the
    best, however long the training; there the loss must also still have been falling: more than a tenth of its whole
    fall came in the last interval.
    """
    rebuilt, training = found.get("reconstruction"), found.get("training")
    no_dae = rebuilt is not None and rebuilt["gain"] < LEAST_GAIN
    under_trained = (
        training is not None and training["best_at_the_end"] and training.get("last_fall", math.inf) > STILL_FALLING
    )
    return [*(["no DAE"] if no_dae else []), *(["under-trained"] if under_trained else [])]


def summary(found: dict[str, Any]) -> str:
    """A probe in one line: gain, accuracies in %, marks."""
    rebuilt = found.get("reconstruction")
    gain = [f"gain {round(rebuilt['gain'], 2) + 0.0:.2f} nats a token"] if rebuilt else []  # no minus before nothing
    shown = {"knn": "kNN", "centroid": "centroid", "logistic": "logistic"}
    accuracies = [f"{name} {100 * found['classifiers'][key]['accuracy']:.1f}" for key, name in shown.items()]
    return ", ".join([*gain, *accuracies, *found["marks"]])


def _vectors_probed(
    data: Splits, checkpoint: Path, base: Path, level: int, max_length: int | str | None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """What is measured of the vectors, and the classifiers' predictions."""
    encoder, untouched = load_encoder(checkpoint), load_encoder(base)
    splits = {name: data.read(name) for name in ("train", "validation")}
    if max_length is not None:
        encoder.max_seq_length = resolve_max_length(max_length, encoder, splits["train"].texts)
    untouched.max_seq_length = encoder.max_seq_length
    rows = {name: _rows(split, level) for name, split in splits.items()}
    texts = {name: [split.texts[row] for row in rows[name]] for name, split in splits.items()}
    classes = {name: split.labels[rows[name], level - 1] for name, split in splits.items()}
    train, validation = (unit_vectors(encoder, texts[name]) for name in ("train", "validation"))
    names = data.described["label_names"][level - 1]
    predicted = classifiers(train, classes["train"], validation, len(names))
    found = {
        "max_length": encoder.max_seq_length,
        "rows": {name: len(part) for name, part in rows.items()},
        "rows_there": {name: len(split) for name, split in splits.items()},
        "classifiers": scored(predicted, classes["validation"], names),
        "geometry": {
            **geometry(validation, classes["validation"]),
            "drift": drift(unit_vectors(untouched, texts["validation"]), validation),
        },
    }
    columns = {"label": classes["validation"], **predicted}
    named = {column: [names[place] for place in places] for column, places in columns.items()}
    return found, pd.DataFrame({"row": rows["validation"], **named})


def _reconstruction_probed(data: Splits, checkpoint: Path, trained: dict[str, Any], level: int) -> dict[str, float]:
    """By the noise of the training's own validation, for the rows that are probed."""
    known = ReconstructionSettings.model_fields
    settings = ReconstructionSettings(**{name: trained["settings"][name] for name in known})
    loss = load_reconstruction(checkpoint)
    encoder = loss.encode.encoder
    validation = data.read("validation")
    texts = validation_texts(encoder, validation.texts, settings, trained["seed"])
    probed = [texts[0, row] for row in _rows(validation, level)]
    other = derangement(len(probed), generator(SEED, "probe-derangement"))
    seen = data.read("train").texts
    if settings.use_unlabelled:
        seen = seen + data.read("unlabelled").texts
    vocabulary = encoder.transformers_model.config.vocab_size
    return {
        **reconstruction(loss, probed, other, BATCH),
        "unigram": unigram(tokenise(encoder, seen), [clean for _, clean in probed], vocabulary),
    }


def _end_of_training(checkpoint: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Whether its last evaluation was its best, by the criterion of its phase, whichever state was kept.

    Where the number of steps is fixed, also which share of the validation loss's fall came in the last interval.
    """
    record = read_json(checkpoint / "provenance.json")
    found = {key: record[key] for key in ("best_step", "steps", "best_at_the_end")}
    if "max_epochs" not in settings:
        found["last_fall"] = last_fall(pd.read_csv(checkpoint / "history.csv")["validation_loss"].dropna())
    return found


def last_fall(losses: pd.Series) -> float:
    """Which share of the fall from the first to the last of some losses lies between the last two; 1 if they rose."""
    first, before, last = losses.iloc[0], losses.iloc[max(len(losses) - 2, 0)], losses.iloc[-1]
    return float((before - last) / (first - last)) if first > last else 1.0


def _rows(split: LabelledTexts, level: int) -> np.ndarray:
    """The rows of a split that are probed, stratified by class."""
    if len(split) <= ROWS:
        return np.arange(len(split))
    return stratified_sample(split.labels[:, level - 1], ROWS, generator(SEED, "probe-rows"))
