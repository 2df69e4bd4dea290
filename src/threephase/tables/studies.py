"""What studies found on validation rows: with equal numbers of trials, and in equal time."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from threephase.artifacts.inert import as_csv
from threephase.evaluation.results import title_of
from threephase.tables import typeset
from threephase.tables.legend import MISSING


class Study(NamedTuple):
    """A study: of which dataset and base model, the variant that it trained, and its trials as a file."""

    dataset: str
    model: str
    variant: str
    trials: str


def best_of(trials: pd.DataFrame, count: int) -> float:
    """The best value of the first trials, as many as said; not a number where none of them came to a value."""
    so_far = trials["best_so_far"].head(count).dropna()
    return float(so_far.iloc[-1]) if len(so_far) else float("nan")


def within(trials: pd.DataFrame, seconds: float) -> int:
    """How many trials had ended when all of them together had taken so many seconds."""
    return int((trials["seconds"].fillna(0).cumsum() <= seconds + 1e-6).sum())


def study_table(studies: list[Study]) -> pd.DataFrame:
    """A row for each study, beside those of the same dataset and base model.

    Columns: `dataset`, `model`, `variant`; `trials` and `seconds` of the whole study, the seconds of all workers
    together, and `best`, its best value; `equal_trials`, those of the smallest study there, with the `best_of_them`;
    `equal_seconds`, those of the shortest, with the `trials_in_them` and the `best_in_them`.
    """
    read = [(study, pd.read_csv(study.trials)) for study in studies]
    rows = []
    for study, trials in read:
        beside = [other for each, other in read if (each.dataset, each.model) == (study.dataset, study.model)]
        count = min(len(other) for other in beside)
        seconds = min(float(other["seconds"].sum()) for other in beside)
        ended = within(trials, seconds)
        rows.append(
            {
                "dataset": study.dataset,
                "model": study.model,
                "variant": study.variant,
                "trials": len(trials),
                "seconds": round(float(trials["seconds"].sum()), 1),
                "best": best_of(trials, len(trials)),
                "equal_trials": count,
                "best_of_them": best_of(trials, count),
                "equal_seconds": round(seconds, 1),
                "trials_in_them": ended,
                "best_in_them": best_of(trials, ended),
            }
        )
    return pd.DataFrame(rows)


def write_studies(studies: list[tuple[Any, ...]], objective: str, titles: dict[str, str], stem: Path) -> pd.DataFrame:
    """Write the table (.csv, .md, .tex) of some studies; `objective` is what their trials were judged by."""
    table = study_table([Study(*study) for study in studies])
    shares = objective != "loss"
    caption = (
        f"What studies found, by validation {objective}{' in percent' if shares else ''}. Those of a dataset and a "
        "base model stand beside one another with equal numbers of trials, those of the smallest, and in equal time, "
        "that of the shortest, counted over all workers. No test row had a part in it."
    )
    heads = ["Dataset", "Base model", "Tuned", "Trials", "Minutes", "With equal trials", "In equal time"]
    rows = [
        [
            title_of(row["dataset"], titles),
            titles.get(row["model"], row["model"]),
            row["variant"],
            str(row["trials"]),
            f"{row['seconds'] / 60:.1f}",
            f"{_shown(row['best_of_them'], shares)} (of {row['equal_trials']})",
            f"{_shown(row['best_in_them'], shares)} (of {row['trials_in_them']}"
            f" in {row['equal_seconds'] / 60:.1f} min)",
        ]
        for row in table.to_dict("records")
    ]
    label = "studies"
    paper_form = typeset.latex(label, caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 3)
    typeset.write(stem, as_csv(table), typeset.markdown(caption, heads, rows), paper_form)
    return table


def _shown(value: float, share: bool) -> str:
    if pd.isna(value):
        return MISSING
    return f"{100 * value:.1f}" if share else f"{value:.4f}"
