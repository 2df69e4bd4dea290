"""Predictions made by hand, for the tables that rest on them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from threephase.evaluation.predictions import Predictions
from threephase.evaluation.statistics.bootstrap import Scoring
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence


def evidence(results: pd.DataFrame, rows: int) -> dict[tuple[str, str], Evidence]:
    """What predictions of two classes say whose accuracies are those of some rows of results, by cell.

    A run is right on the first of the test rows: on those where a worse one is right, and on some more.
    """
    truth = np.arange(rows) % 2
    cells: Mapping[tuple[str, str], pd.DataFrame] = dict(iter(results.groupby(["dataset", "model"], sort=False)))
    return {
        cell: Evidence(
            Predictions(
                truth,
                {
                    (run["variant"], run["seed"]): np.where(
                        np.arange(rows) < round(rows * run["accuracy"]), truth, 1 - truth
                    )
                    for run in there.to_dict("records")
                    if run["failed"] is None
                },
                Scoring(2, (0, 1), (1,)),
                frozenset(there.loc[there["baseline"], "variant"]) if "baseline" in there else frozenset(),
            )
        )
        for cell, there in cells.items()
    }


def split_evidence(results: pd.DataFrame, rows: int, folds: int) -> dict[tuple[str, str], SplitEvidence]:
    """The same over repeated splits, each with so many test rows."""
    cells: dict[tuple[str, str], dict[str, Predictions]] = {}
    for split, of in results.groupby("split", sort=False):
        for cell, said in evidence(of, rows).items():
            cells.setdefault(cell, {})[str(split)] = replace(said.predictions, tested=1 / folds)
    return {cell: SplitEvidence(by_split) for cell, by_split in cells.items()}
