"""What is done around every baseline: take rows and base model, fit, write a folder that is complete or absent."""

import logging
from pathlib import Path

import numpy as np
from transformers import set_seed

from threephase.artifacts.folders import fingerprint, sha256, sha256_json, verify, write_json, writing
from threephase.artifacts.provenance import Clock, provenance
from threephase.baselines.baseline import Baseline, Fitted, Given, Rows
from threephase.baselines.loading import SETTINGS
from threephase.data.store import DATASET, Splits, cleaning_of, level_of, training_rows, validation_rows
from threephase.settings.baseline import BaselineSettings

logger = logging.getLogger(__name__)


def run_baseline(
    baseline: Baseline,
    data: Path,
    settings: BaselineSettings,
    seed: int,
    out: Path,
    base: Path | None = None,
    title: str = "",
    code: str = "",
) -> Fitted:
    """Train one baseline and write its folder.

    Args:
        baseline: which one.
        data: folder of the dataset's splits; the test split is not read.
        settings: resolved settings of the baseline.
        seed: draws the share of the labels, and what a baseline that draws anything draws.
        out: folder to write: what predicts, `settings.json`, `selection.csv` with all that was tried on validation
            rows, `provenance.json` and, last, `complete.json`.
        base: folder of the base model; None where the baseline reads texts alone.
        title: what to call this training in the log.
        code: digest of the code that runs, to be recorded.

    Raises DataError where the dataset has not so many label levels.
    """
    clock = Clock()
    inputs = {"dataset": sha256(data / DATASET)} | ({"parent": verify(base)} if base else {})
    splits = Splits(data)
    level = level_of(splits, settings.label_level)
    train = training_rows(splits, settings.label_fraction, seed)
    classes = train.labels[:, level]
    known = int(classes.max()) + 1
    validation = validation_rows(splits, settings.label_fraction, seed)
    of_known = np.flatnonzero(np.isin(validation.labels[:, level], classes))
    given = Given(
        train=Rows(train.texts, classes),
        validation=Rows([validation.texts[row] for row in of_known], validation.labels[of_known, level]),
        classes=known,
        seed=seed,
        base=base,
        all_texts=splits.read("train").texts,
    )
    set_seed(seed)
    fitted = baseline.fit(given, settings)
    best = fitted.tried[fitted.tried["chosen"]].iloc[0]
    logger.info("%s: %s", title, best.to_dict())
    resolved = settings.model_dump() | fitted.resolved
    seen = fingerprint(*(part for rows in (given.train, given.validation) for part in (rows.texts, rows.classes)))
    with writing(out) as folder:
        fitted.predictor.save(folder)
        write_json(
            folder / SETTINGS,
            {
                "baseline": baseline.name,
                "label_names": splits.described["label_names"][level][:known],
                "asked": settings.model_dump(),
                "seed": seed,
                **cleaning_of(splits),
                "settings": resolved,
                "effective": sha256_json([baseline.name, resolved, seen, inputs.get("parent"), seed]),
                "report": {
                    "texts": len(train),
                    "validation_texts": len(of_known),
                    "classes": known,
                    "label_level": level + 1,
                },
            },
        )
        fitted.tried.to_csv(folder / "selection.csv", index=False)
        came_about = provenance(
            clock, seed=seed, code=code, inputs=inputs,
            best_validation_score=float(best["validation_accuracy"]),
            best_validation_loss=float(best["validation_loss"]),
        )  # fmt: skip
        write_json(folder / "provenance.json", came_about)
    return fitted
