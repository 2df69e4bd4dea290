"""Which run of a finished grid to take home: chosen by validation rows, as the verdict says it."""

from pathlib import Path

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.inert import read_csv
from threephase.errors import UserError
from threephase.evaluation.results import WORDS
from threephase.settings.common import known
from threephase.tables.verdict import TakeHome, takes_home


def best_runs(results: Path, config: str | None = None, dataset: str | None = None) -> list[TakeHome]:
    """The run of each dataset, or of one, with the sentence that says why, and its folder.

    Args:
        results: the results folder.
        config: the `name` of the config, where it has one.
        dataset: one of the grid's; all where absent.

    Raises UserError where there are no results, or not of that dataset.
    """
    place = layout.table("results", config, results).with_suffix(".csv")
    if not place.exists():
        raise UserError(f"{place}: missing; run `threephase run` first, or name what it ran: --configfile, --results")
    try:
        rows = read_csv(place, WORDS)
        rows = rows.assign(split=rows["split"].fillna(""), marks=[[] for _ in range(len(rows))])
        if dataset is not None:
            known(dataset, sorted(set(rows["dataset"])), "dataset")
            rows = rows[rows["dataset"] == dataset]
        return takes_home(rows, {}, results)
    except (KeyError, TypeError, AttributeError, pd.errors.ParserError):
        raise UserError(f"{place}: not the rows that a run wrote; delete it and run the same command again") from None
    except ValueError as error:
        raise UserError(str(error)) from None
