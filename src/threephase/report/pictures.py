"""The pictures and lists of one dataset with one base model, as a folder that the page, and others, take them from."""

from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.folders import write_json, writing
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.errors import CheckpointError
from threephase.evaluation.results import Asked, collect
from threephase.experiment.recipe import Run
from threephase.report.calibration import calibration
from threephase.report.classes import class_recalls, confusion_matrices
from threephase.report.doubts import ROWS, label_doubts, worst_mistakes
from threephase.report.maps import maps
from threephase.report.origin import origin
from threephase.report.picture import Picture
from threephase.report.runs import Runs
from threephase.report.training import accuracies, accuracy_by_time, class_sizes, label_efficiency, learning_curves

SHOWN = "shown.json"  # titles and captions, in order, and what is no picture


def pictures_of(runs: Runs, embeddings: dict[str, Path]) -> list[Picture]:
    """The pictures that these runs give, from what matters most; those that they do not give are left out."""
    scores = accuracies(runs)
    possible = [
        accuracy_by_time(runs, scores),
        label_efficiency(runs, scores),
        learning_curves(runs),
        class_sizes(runs),
        class_recalls(runs),
        confusion_matrices(runs),
        calibration(runs),
        maps(runs, embeddings),
    ]
    return [picture for picture in possible if picture is not None]


def write_pictures(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    embeddings: dict[str, str],
    out: Path,
    root: Path = RESULTS,
) -> list[Picture]:
    """Join the runs of a dataset with a base model and write their pictures and lists, as `write_folder` does.

    Arguments as for `write_table`, of the runs of one dataset with one base model.

    Args:
        variants: which of them are compared, baselines last.
        embeddings: folders of the test texts' places by title, in the order of the phases.
        out: folder to write, complete or absent.
    """
    if not runs:
        raise CheckpointError(f"{out}: none of its runs exists yet; run the grid without `tables.partial`")
    there = Runs(collect([Run(*run) for run in runs], asked, root), variants, reference, titles, root)
    return write_folder(there, {title: Path(folder) for title, folder in embeddings.items()}, missing, out)


def write_folder(runs: Runs, embeddings: dict[str, Path], missing: int, out: Path) -> list[Picture]:
    """Write the pictures of some runs, each with its numbers, and the lists, into `out`.

    Each picture is .svg, .png and .csv; `mistakes.csv` and `label_doubts.csv` are the rows to read; `shown.json` has
    titles and captions, the first rows of both lists, and how it all came about.

    Args:
        runs: the runs.
        embeddings: folders of the test texts' places by title, in the order of the phases.
        missing: how many runs more the grid has.
        out: folder to write, complete or absent.
    """
    found = pictures_of(runs, embeddings)
    lists = _lists(runs, embeddings)
    with writing(out) as folder:
        for picture in found:
            picture.write(folder)
        for name, rows in lists.items():
            (folder / f"{name}.csv").write_text(as_csv(rows, "%.5g"), encoding="utf-8")
        write_json(
            folder / SHOWN,
            {
                "title": runs.title,
                "reference": runs.reference,
                "protocol": runs.protocol([str(runs.reference)]) if runs.reference else "",
                "missing": missing,
                "pictures": [
                    {"name": picture.name, "title": picture.title, "caption": picture.caption} for picture in found
                ],
                "lists": {name: {"rows": _plain(rows.head(ROWS)), "there": len(rows)} for name, rows in lists.items()},
                "origin": origin(runs),
            },
        )
    return found


def _lists(runs: Runs, embeddings: dict[str, Path]) -> dict[str, pd.DataFrame]:
    """The rows that a person should read; none where every run failed."""
    if runs.reference is None:
        return {}
    tested = runs.averaged(runs.reference)
    return {"mistakes": worst_mistakes(runs, embeddings), "label_doubts": label_doubts(tested)}


def _plain(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON: what is missing is None."""
    return [{name: None if pd.isna(value) else value for name, value in row.items()} for row in rows.to_dict("records")]
