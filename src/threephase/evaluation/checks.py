"""Is the method working at all? Found out beside the tables, which show everything all the same."""

import math

import pandas as pd

from threephase.artifacts.layout import split_name

# A variant this far below plain fine-tuning (in shares of 1) is broken, not merely worse.
RANGE = 0.15
PLAIN = "ft"  # the recipe of plain fine-tuning
AT_CHANCE = "at chance"  # the mark of a run that does no better than naming the largest class
FEW_ROWS = "few validation rows"  # the mark of a run whose state so few rows chose that chance did
LEAST_ROWS = 30  # of validation, of which an accuracy has a standard error of up to 9 points
ERRORS = 3  # standard errors by which a run has to beat chance


def failed(results: pd.DataFrame) -> list[str]:
    """The runs of `results.csv` that came to no end, one line each; none if all is well."""
    return [
        f"{_named(run)}: failed, {run['failed']}"
        for run in results[results["failed"].notna()].to_dict("records")
    ]  # fmt: skip


def doubts(results: pd.DataFrame) -> list[str]:
    """What looks broken in the rows of `results.csv` that came to an end, one line each.

    Every run must beat chance (`at_chance`), and every variant's mean must be no more than 15 points below that of
    plain fine-tuning. Classifiers that are none of the paper's (column `baseline`) are left out: they may simply not
    be able to do better.
    """
    found = [
        f"{_named(run)}: accuracy {run['accuracy']:.3f} does not clearly beat chance "
        f"({run['largest_class_share']:.3f}; {_needed(run['largest_class_share'], run['n_test']):.3f} needed); look at "
        f"the histories of {run['recipe']}"
        for run in results[at_chance(results)].to_dict("records")
    ]
    results = results[results["failed"].isna() & ~results["baseline"].astype(bool)]
    plain = results[results["recipe"] == PLAIN].groupby(["dataset", "model"])["accuracy"].mean().to_dict()
    means = results.groupby(["dataset", "model", "variant"], sort=False)["accuracy"].mean().to_dict()
    for (dataset, model, variant), accuracy in means.items():
        reference = plain.get((dataset, model), accuracy)
        if accuracy < reference - RANGE:
            found.append(
                f"{variant} on {dataset} with {model}: accuracy {accuracy:.3f} is far below plain fine-tuning's "
                f"{reference:.3f}; one of its phases is broken or badly set"
            )
    return found


def at_chance(results: pd.DataFrame) -> list[bool]:
    """Which runs do not beat the share of the largest test class by three standard errors; no failed one, no baseline.

    A run that has every test row right is never one of them, however few these are.
    """
    return [
        bool(
            pd.isna(run["failed"])
            and not run["baseline"]
            and run["accuracy"] < _needed(run["largest_class_share"], run["n_test"])
        )
        for run in results.to_dict("records")
    ]


def chosen_by_few(results: pd.DataFrame) -> list[bool]:
    """Which runs had fewer than `LEAST_ROWS` validation rows choose their state; no failed one, no baseline.

    They choose it where they say which state is the best, and where they say when to stop.
    """
    return [
        bool(
            pd.isna(run["failed"])
            and not run["baseline"]
            and (run["kept"] == "best" or run["stopping"] != "none")
            and run["n_validation"] < LEAST_ROWS
        )
        for run in results.to_dict("records")
    ]


def _needed(chance: float, rows: int) -> float:
    return min(1.0, chance + ERRORS * math.sqrt(chance * (1 - chance) / rows))


def _named(run: dict) -> str:
    split = "" if pd.isna(run["split"]) else run["split"]  # as it is read from a file
    return f"{run['variant']} on {split_name(run['dataset'], split)} with {run['model']}, seed {run['seed']}"
