"""Whether probabilities mean what they say: reliability diagrams and the expected calibration error.

Guo et al. 2017, on calibration of modern neural networks, equation (3), https://arxiv.org/abs/1706.04599
"""

from typing import Any

import numpy as np
import pandas as pd

from threephase.method.calibration import BINS, expected_calibration_error
from threephase.report.picture import GREY, Picture, legend_below, shortened
from threephase.report.runs import PROBABILITY, Runs

LEAST_ROWS = 10  # of a bin that is drawn


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """How often predictions are right (n,) by the probability that they have (n,): a row for each bin that has any.

    Columns: `from`, `to` (bins of equal width over (0, 1]), `rows`, `confidence` and `accuracy` (their means).
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    table = pd.DataFrame({"bin": place, "confidence": confidence, "accuracy": right.astype(float)}).groupby("bin")
    found = table.mean().assign(rows=table.size()).reset_index()
    found.insert(0, "from", found["bin"] / bins)
    found.insert(1, "to", (found.pop("bin") + 1) / bins)
    return found[["from", "to", "rows", "confidence", "accuracy"]]


def calibration(runs: Runs) -> Picture | None:
    """Reliability of every compared variant, over all its runs; None where no run ended."""
    if not runs.compared:
        return None
    tables = {variant: _reliability_of(runs, variant) for variant in runs.compared}
    errors = {variant: _error_of(runs, variant) for variant in runs.compared}
    numbers = pd.concat([table.assign(variant=variant, ece=errors[variant]) for variant, table in tables.items()])

    def draw(figure: Any) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        for variant in tables:
            look = runs.looks[variant]
            table = tables[variant][tables[variant]["rows"] >= LEAST_ROWS]
            above.plot(table["confidence"], table["accuracy"], markersize=4, linewidth=1, **look)
            shares = table["rows"] / tables[variant]["rows"].sum()
            below.plot(table["confidence"], shares, markersize=4, linewidth=1, **look)
        above.set_ylabel("share that is right")
        below.set_ylabel("rows")
        below.set_xlabel("probability of the predicted class")
        labels = [f"{shortened(variant)}, ECE {100 * errors[variant]:.1f}" for variant in tables]
        legend_below(figure, above.get_lines()[1:], labels)

    caption = (
        f"How often predictions are right, by the probability that they have, in {BINS} bins; below, the share of the "
        f"rows in each. A bin of fewer than {LEAST_ROWS} rows is in the csv alone. On the dashed line probabilities "
        "say how often they are right; under it they say too much; all seeds together. ECE: the mean distance from it, "
        f"in points, as `metrics.json` of each run has it, mean over the runs. {runs.protocol()}"
    )
    return Picture("calibration", "Calibration", caption, numbers, draw, (5.6, 5.2))


def _reliability_of(runs: Runs, variant: str) -> pd.DataFrame:
    confidence, right = [], []
    for _, predictions in runs.evaluated(variant):
        confidence.append(_probabilities(predictions).max(axis=1))
        right.append((predictions["label"] == predictions["predicted"]).to_numpy())
    return reliability(np.concatenate(confidence), np.concatenate(right))


def _error_of(runs: Runs, variant: str) -> float:
    """The expected calibration error of a variant's runs, each by its own test rows, as a mean over them."""
    return float(np.mean([_error(predictions) for _, predictions in runs.evaluated(variant)]))


def _error(predictions: pd.DataFrame) -> float:
    place = {name.removeprefix(PROBABILITY): number for number, name in enumerate(_columns(predictions))}
    truth = predictions["label"].map(place).fillna(len(place)).to_numpy(dtype=int)  # training did not know some
    return expected_calibration_error(_probabilities(predictions), truth)


def _probabilities(predictions: pd.DataFrame) -> np.ndarray:
    return predictions[_columns(predictions)].to_numpy()


def _columns(predictions: pd.DataFrame) -> list[str]:
    return [column for column in predictions if column.startswith(PROBABILITY)]
