"""Table 5: the hyper-parameters that ran, ours beside the paper's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from threephase.artifacts.folders import read_json
from threephase.artifacts.inert import as_csv
from threephase.evaluation.results import title_of
from threephase.settings.overlay import overlaid
from threephase.tables import typeset

# The rows of Table 5: their names, and the phase and setting that each one is here.
PARAMETERS = {
    "Learning rate DAE": ("dae", "lr"),
    "Learning rate CL": ("cl", "lr"),
    "Learning rate FT": ("ft", "lr"),
    "Epochs DAE": ("dae", "epochs"),
    "Epochs CL (pairs per text)": ("cl", "pairs_per_text"),
    "Max epochs FT": ("ft", "max_epochs"),
    "Batch size DAE": ("dae", "batch_size"),
    "Batch size CL": ("cl", "batch_size"),
    "Batch size FT": ("ft", "batch_size"),
    "Eps in FT": ("ft", "eps"),
    "Use length": ("ft", "max_length"),
    "Freezing encoder": ("ft", "freeze"),
    "Deleting ratio": ("dae", "deletion_ratio"),
}


class Column(NamedTuple):
    """A dataset with a base model: the settings of the phases, ours and Table 5's, by phase."""

    dataset: str
    model: str
    ours: dict[str, dict[str, Any]]
    paper: dict[str, dict[str, Any]]


def with_tuned(columns: list[Column], files: list[str], fixed: dict[str, list[str]]) -> list[Column]:
    """The columns with what studies found: a file for each phase of each column in turn, or none at all.

    `fixed`: settings of each phase that the variant has of its own, which no study changes.
    """
    if not files:
        return columns
    left = iter(files)
    return [
        column._replace(
            ours={
                phase: overlaid(settings, read_json(Path(next(left))), fixed[phase])
                for phase, settings in column.ours.items()
            }
        )
        for column in columns
    ]


def write_table5(columns: list[Column], titles: dict[str, str], reference: str, stem: Path) -> None:
    """Table 5: one row for each parameter, one column for each dataset and base model; the paper's in brackets.

    Datasets with the same values share a column of what people read.
    """
    of_paper = any(column.paper for column in columns)
    alike: dict[tuple[str, ...], list[Column]] = {}
    for column in columns:
        alike.setdefault(tuple(_cells(column)), []).append(column)
    rows = [list(row) for row in zip(PARAMETERS, *alike, strict=True)]
    numbers = [
        {
            "dataset": column.dataset, "base_model": column.model, "parameter": name,
            "value": _get(column.ours, phase, setting),
            **({"paper": _get(column.paper, phase, setting)} if of_paper else {}),
        }
        for column in columns
        for name, (phase, setting) in PARAMETERS.items()
    ]  # fmt: skip
    brackets = (
        " 'a (b)': a here, b in the paper; without brackets the paper has the same, or has not this dataset with this "
        "base model (marked *)."
    )
    caption = typeset.numbered(
        5, f"Hyper-parameters of {reference} as they ran.{brackets if of_paper else ''}", of_paper
    )
    heads = ["Parameter", *(_head(each, len(each) == len(columns), of_paper, titles) for each in alike.values())]
    paper_form = typeset.latex(
        "table5_hyperparameters", caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 1
    )
    typeset.write(stem, as_csv(pd.DataFrame(numbers)), typeset.markdown(caption, heads, rows), paper_form)


def _cells(column: Column) -> Iterator[str]:
    for phase, setting in PARAMETERS.values():
        yield _cell(_get(column.ours, phase, setting), _get(column.paper, phase, setting))


def _head(columns: list[Column], all_of_them: bool, of_paper: bool, titles: dict[str, str]) -> str:
    """What datasets and base models a column of the table stands for; those of the same values have one."""
    if all_of_them and len(columns) > 1:
        models = dict.fromkeys(titles.get(column.model, column.model) for column in columns)
        return f"all datasets, {', '.join(models)}"
    return "; ".join(
        f"{title_of(column.dataset, titles)}, {titles.get(column.model, column.model)}"
        + (" *" if of_paper and not column.paper else "")
        for column in columns
    )


def _get(settings: dict[str, dict[str, Any]], phase: str, setting: str) -> Any:
    return settings.get(phase, {}).get(setting)


def _cell(ours: Any, paper: Any) -> str:
    if ours is None:
        return "–"
    return _shown(ours) if paper is None or paper == ours else f"{_shown(ours)} ({_shown(paper)})"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
