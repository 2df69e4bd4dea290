"""Test rows that a person should read: the worst mistakes, and labels that may be wrong."""

from pathlib import Path

import numpy as np
import pandas as pd

from threephase.artifacts.folders import failure_of
from threephase.evaluation.places import PLACES
from threephase.report.runs import Averaged, Runs

ROWS = 15  # of a list on the page; the csv has all


def worst_mistakes(runs: Runs, embeddings: dict[str, Path]) -> pd.DataFrame:
    """The test rows that the reference has wrong, those of the highest probability first.

    Columns: `source`, `text`, `label`, `predicted`, `probability` (mean over seeds), and of the training text that lies
    nearest by the last of the `embeddings`, `nearest`, `nearest_label`, `cosine`: missing where a row is not embedded.
    """
    tested = runs.averaged(str(runs.reference))
    table = tested.rows.assign(predicted=tested.predicted, probability=tested.probabilities.max(axis=1))
    nearest = _nearest(runs, embeddings)
    table = table.merge(nearest, on=["split", "row"], how="left")
    wrong = table[table["label"] != table["predicted"]].sort_values("probability", ascending=False, kind="stable")
    columns = ["source", "text", "label", "predicted", "probability", "nearest", "nearest_label", "cosine"]
    return wrong[columns].reset_index(drop=True)


def _nearest(runs: Runs, embeddings: dict[str, Path]) -> pd.DataFrame:
    """The nearest training text of each test row of the first split, by the last encoder that there is."""
    columns = ["row", "nearest", "nearest_label", "cosine"]
    there = [folder for folder in embeddings.values() if not failure_of(folder)]
    table = pd.read_parquet(there[-1] / PLACES, columns=columns) if there else pd.DataFrame(columns=columns)
    return table.assign(split=runs.results["split"].iloc[0]).astype({"row": "int64"})


def label_doubts(tested: Averaged) -> pd.DataFrame:
    """Test rows whose label may be wrong by confident learning, those of the least margin first.

    A class is likely for a row if its probability is at least the mean that it has among the rows of that label. A row
    is in doubt where its likeliest such class is another than its label. The margin is its label's probability less
    the highest other one.

    Columns: `source`, `text`, `label`, `suggested`, `probability_of_label`, `probability_of_suggested`, `margin`.

    References:
        Northcutt, Jiang and Chuang 2021, confident learning, equations (1) and (2), https://arxiv.org/abs/1911.00068
    """
    names, probabilities = np.array(tested.names, dtype=object), tested.probabilities
    place = {name: number for number, name in enumerate(tested.names)}
    known = tested.rows["label"].isin(tested.names).to_numpy()  # training knew its class
    rows, probabilities = tested.rows[known], probabilities[known]
    labels = rows["label"].map(place).to_numpy(dtype=np.int64)
    thresholds = np.array(
        [probabilities[labels == each, each].mean() if (labels == each).any() else np.inf for each in place.values()]
    )
    likely = np.where(probabilities >= thresholds, probabilities, -np.inf)
    suggested = likely.argmax(axis=1)
    own = probabilities[np.arange(len(labels)), labels]
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    table = rows[["source", "text", "label"]].assign(
        suggested=names[suggested],
        probability_of_label=own,
        probability_of_suggested=probabilities[np.arange(len(labels)), suggested],
        margin=own - others.max(axis=1),
    )
    doubtful = (likely.max(axis=1) > -np.inf) & (suggested != labels)
    return table[doubtful].sort_values("margin", kind="stable").reset_index(drop=True)
