"""The classes that are found least: recall by class and variant, with the rows that each class has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS, dataset_of
from threephase.errors import CheckpointError
from threephase.evaluation.predictions import Predictions, read_predictions
from threephase.evaluation.results import Asked, collect, failures
from threephase.experiment.recipe import Run
from threephase.tables import typeset
from threephase.tables.legend import MISSING, leaks, partial

LOWEST = 5  # classes of a dataset that the table for reading shows
RECALL = "recall_"
# Columns that hold no recalls, here and in the report's picture of classes.
NO_RECALLS = ("dataset", "model", "class", "train", "test", "rare")


def column_of(variant: str) -> str:
    """The column of a variant's recalls: its name, behind `recall_` where another column has or could have it."""
    return f"{RECALL}{variant}" if variant in NO_RECALLS or variant.startswith(RECALL) else variant


def recalls(predictions: Predictions, variant: str) -> np.ndarray:
    """Recall of each class (K,), mean over a variant's seeds; not a number where the truth has no row of a class."""
    there = np.bincount(predictions.truth, minlength=predictions.scoring.classes).astype(float)
    there[there == 0] = np.nan
    right = [
        np.bincount(predictions.truth[predicted == predictions.truth], minlength=len(there))
        for predicted in predictions.of(variant).values()
    ]
    return np.mean(right, axis=0) / there


def class_table(found: Mapping[tuple[str, str], Predictions], variants: list[str], reference: str) -> pd.DataFrame:
    """A row for each dataset, base model and class that has test rows, those of the lowest recall first.

    Columns: `dataset`, `model`, `class`, `train` and `test` (rows), and the recall of each variant as a share, in its
    `column_of`. The reference orders the classes, or the first variant that has runs where it has none. Over a
    dataset's repeated splits all of these are means, of recalls over the splits that test the class.
    """
    cells: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (name, model), predictions in found.items():
        there = {column_of(variant): recalls(predictions, variant) for variant in variants if predictions.of(variant)}
        rows = pd.DataFrame(
            {
                "class": predictions.names, "train": predictions.trained,
                "test": np.bincount(predictions.truth, minlength=predictions.scoring.classes), **there,
            }
        )  # fmt: skip
        cells.setdefault((dataset_of(name), model), []).append(rows)
    tables = []
    for (dataset, model), of_splits in cells.items():
        means = pd.concat(of_splits).groupby("class", sort=False, as_index=False).mean()
        means = means[means["test"] > 0].assign(dataset=dataset, model=model)
        order = next(column for column in map(column_of, (reference, *variants)) if column in means)
        tables.append(means.sort_values(order, kind="stable"))
    columns = ["dataset", "model", "class", "train", "test", *map(column_of, variants)]
    table = pd.concat(tables, ignore_index=True).reindex(columns=columns) if tables else pd.DataFrame(columns=columns)
    return table.assign(**{name: table[name].round().astype(int) for name in ("train", "test")})


def write_classes(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    stem: Path,
    root: Path = RESULTS,
) -> pd.DataFrame:
    """Join some runs and write all classes as numbers, and those of the lowest recall for reading and for papers.

    Arguments as for `write_table`.
    """
    if not runs:
        raise CheckpointError(f"{stem}: none of its runs exists yet; run the grid without `tables.partial`")
    results = collect([Run(*run) for run in runs], asked, root)
    table = class_table(read_predictions(results, root), variants, reference)
    shown = table.groupby(["dataset", "model"], sort=False).head(LOWEST)
    caption = " ".join(
        filter(
            None,
            [f"Recall in % by class, mean over seeds: the {LOWEST} classes on each dataset that {reference} "
             "(or, where it failed, the next variant) finds least, with their training and test rows. The csv has "
             "all classes.", leaks(results), partial(missing, len(runs))],
        )
    )  # fmt: skip
    notes = [_over_splits(results, titles), failures(results, titles)]
    heads, columns = ["Dataset", "Base model", "Class", "Train", "Test", *variants], [*map(column_of, variants)]
    rows = [
        [
            *(titles.get(row[key], row[key]) for key in ("dataset", "model")), row["class"],
            *(f"{row[key]:,}" for key in ("train", "test")),
            *(MISSING if pd.isna(recall) else f"{100 * recall:.1f}" for recall in (row[name] for name in columns)),
        ]
        for row in shown.to_dict("records")
    ]  # fmt: skip
    paper = typeset.latex(stem.name, caption, heads, [[*map(typeset.tex, row)] for row in rows], 3, notes=notes)
    typeset.write(stem, as_csv(table, "%.5g"), typeset.markdown(caption, heads, rows, notes), paper)
    return table


def _over_splits(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """For which datasets all numbers are means over repeated splits: a sentence of a caption; empty for none."""
    splits = results[results["split"] != ""].groupby("dataset", sort=False)["split"].nunique()
    told = ", ".join(f"{titles.get(dataset, dataset)} ({count} splits)" for dataset, count in splits.items())
    return f"Means over repeated splits, of rows too: {told}." if told else ""
