"""What every phase did to its encoder, as a table of probes; and which runs rest on a marked checkpoint."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.compact import is_compact
from threephase.artifacts.folders import COMPLETE, failure_of, read_hashes, read_json, sha256_json
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.errors import CheckpointError
from threephase.experiment.recipe import Probed, Recipe, Run
from threephase.tables import typeset

MISSING, BASE = "–", "base model"
# Columns of the table: their heads, where their values stand in `probe.json`, and decimals. Shares are shown in %.
COLUMNS = {
    "right": ("Right", ("reconstruction", "right"), 2),
    "wrong": ("Wrong", ("reconstruction", "wrong"), 2),
    "unigram": ("Unigram", ("reconstruction", "unigram"), 2),
    "gain": ("Gain", ("reconstruction", "gain"), 3),
    "knn_accuracy": ("kNN", ("classifiers", "knn", "accuracy"), 1),
    "knn_f1": ("kNN F1", ("classifiers", "knn", "f1"), 1),
    "centroid_accuracy": ("Centroid", ("classifiers", "centroid", "accuracy"), 1),
    "centroid_f1": ("Centroid F1", ("classifiers", "centroid", "f1"), 1),
    "logistic_accuracy": ("Logistic", ("classifiers", "logistic", "accuracy"), 1),
    "logistic_f1": ("Logistic F1", ("classifiers", "logistic", "f1"), 1),
    "silhouette": ("Silhouette", ("geometry", "silhouette"), 2),
    "intra": ("Intra", ("geometry", "intra"), 2),
    "inter": ("Inter", ("geometry", "inter"), 2),
    "alignment": ("Alignment", ("geometry", "alignment"), 2),
    "uniformity": ("Uniformity", ("geometry", "uniformity"), 2),
    "drift": ("Drift", ("geometry", "drift"), 2),
}


Probes = Mapping[Probed, dict[str, Any]]


def read_probes(probed: Iterable[Probed], root: Path, code: str) -> dict[Probed, dict[str, Any]]:
    """The probes of some checkpoints. One of a checkpoint whose training diverged has `failed`, the reason.

    What was packed had been compared as it was then.

    Args:
        probed: whose.
        root: the results folder.
        code: digest of the code that they should have been made by.

    Raises:
        CheckpointError: if a probe was made by other code, or of another checkpoint than lies there now.
    """
    return {each: _read(each, root, code) for each in probed}


def _read(probed: Probed, root: Path, code: str) -> dict[str, Any]:
    dataset, model, seed, recipe = probed
    if seed is None:
        folder, checkpoint = layout.base_probe(dataset, model, root), layout.base_model(model, root)
    else:
        folder = layout.probe(dataset, model, seed, recipe, root)
        checkpoint = layout.checkpoint(dataset, model, seed, recipe, root)
    found = read_json(folder / "probe.json")
    now = {"code": code, "checkpoint": sha256_json(read_hashes(checkpoint / COMPLETE))}
    recorded = {"code": found["code"], "checkpoint": found["inputs"]["checkpoint"]}
    for what in () if is_compact(root) else now:
        if recorded[what] != now[what]:
            raise CheckpointError(f"{folder}: probed with another {what} than is there now; delete it and run again")
    failure = failure_of(folder)
    return found | {"failed": failure} if failure else found


def marks_by_run(runs: Iterable[Run], probes: Probes) -> dict[Run, list[str]]:
    """The marks of all checkpoints that a run rests on, as "dae: no DAE"; runs without any are left out."""
    found = {
        run: [
            f"{recipe}: {mark}"
            for recipe in Recipe(run.recipe).prefixes
            for mark in probes.get(Probed(run.dataset, run.model, run.seed, recipe), {}).get("marks", [])
        ]
        for run in runs
    }
    return {run: marks for run, marks in found.items() if marks}


def probe_table(probes: Probes) -> pd.DataFrame:
    """One row for each dataset, base model and recipe: n seeds, mean and `_sd` of each value, marks with their counts.

    Where a dataset has repeated splits, n counts seeds on every split. A failed checkpoint is left out. A value that
    none of the seeds has is not a number, as is the spread of one seed.
    """
    rows = pd.DataFrame(
        [
            {
                **each._asdict(),
                "dataset": layout.dataset_of(each.dataset),
                **{name: _value(found, path) for name, (_, path, _) in COLUMNS.items()},
            }
            | {"marks": found["marks"]}
            for each, found in probes.items()
            if "failed" not in found
        ],
        columns=[*Probed._fields, *COLUMNS, "marks"],
    ).astype(dict.fromkeys(COLUMNS, float))
    return pd.DataFrame(
        [
            {"dataset": dataset, "model": model, "recipe": recipe, "n": len(part)}
            | {f"{name}{end}": part[name].agg(how) for name in COLUMNS for end, how in (("", "mean"), ("_sd", "std"))}
            | {"marks": _counted(part["marks"])}
            for (dataset, model, recipe), part in rows.groupby(["dataset", "model", "recipe"], sort=False)
        ],
        columns=[
            *("dataset", "model", "recipe", "n"),
            *(f"{name}{end}" for name in COLUMNS for end in ("", "_sd")),
            "marks",
        ],
    )


def _value(found: Any, path: tuple[str, ...]) -> float:
    for key in path:
        found = (found or {}).get(key)
    return math.nan if found is None else float(found)


def _counted(marks: Iterable[list[str]]) -> str:
    """`no DAE (3), under-trained (1)`: each mark with the number of seeds that have it."""
    every = [mark for of_seed in marks for mark in of_seed]
    return ", ".join(f"{mark} ({every.count(mark)})" for mark in dict.fromkeys(every))


def write_probes(
    probed: list[tuple[Any, ...]],
    probe_code: str,
    missing: int,
    titles: dict[str, str],
    stem: Path,
    root: Path = RESULTS,
) -> pd.DataFrame:
    """Join some probes and write the table as .csv, .md and .tex.

    Args:
        probed: whose probes, as `Probed` has them.
        probe_code: digest of the code that they should have been made by.
        missing: how many more the grid has.
        titles: what datasets and base models are called.
        stem: the table's files without their endings.
        root: the results folder.
    """
    probes = read_probes([Probed(*each) for each in probed], root, probe_code)
    table = probe_table(probes)
    caption = _caption(probes, titles)
    if missing:
        caption += f" Partial: {missing} of {missing + len(probes)} probes are missing."
    heads = ["Dataset", "Base model", "Recipe", "n", *(head for head, _, _ in COLUMNS.values()), "Marks"]
    rows = [
        [
            *(titles.get(row[key], row[key]) for key in ("dataset", "model")),
            row["recipe"] or BASE,
            str(row["n"]),
            *(_cell(row, name) for name in COLUMNS),
            row["marks"],
        ]
        for row in table.to_dict("records")
    ]
    paper = typeset.latex(stem.name, caption, heads, [[*map(typeset.tex, row)] for row in rows], 3)
    typeset.write(
        stem, as_csv(table, "%.5g"), typeset.markdown(caption, heads, rows), paper
    )  # fmt: skip
    return table


def _cell(row: dict[str, Any], name: str) -> str:
    _, path, digits = COLUMNS[name]
    unit = 100 if path[0] == "classifiers" else 1
    mean, sd = unit * row[name], unit * row[f"{name}_sd"]
    if math.isnan(mean):
        return MISSING
    return f"{round(mean, digits) + 0.0:.{digits}f}" + (f" ± {sd:.{digits}f}" if sd == sd else "")


def _caption(probes: Probes, titles: dict[str, str]) -> str:
    rows = {layout.dataset_of(each.dataset): found["rows"] for each, found in probes.items() if "failed" not in found}
    counted = ", ".join(
        f"{titles.get(dataset, dataset)} {part['train']:,} / {part['validation']:,}" for dataset, part in rows.items()
    )
    failed = [f"{each.recipe} seed {each.seed} ({of['failed']})" for each, of in probes.items() if "failed" in of]
    return " ".join(
        [
            "Probes of each checkpoint on validation rows, fp32; mean ± standard deviation over n seeds (on every",
            "split of a dataset that has several); no test row.",
            "Right, wrong, unigram: nats per token of validation texts under their own vector, another text's, token",
            "frequencies; gain: wrong − right. Accuracy and macro F1 in % of 5 nearest neighbours, nearest centroid,",
            f"balanced logistic regression, fitted on training rows (training / validation rows probed: {counted}).",
            "Silhouette, mean cosine within and between classes, alignment, uniformity; drift: mean",
            "1 − cosine from the base model. Marks, with their seeds: no DAE: gain below 0.05; under-trained: best at",
            "the last evaluation; in phases 1 and 2, a tenth of the loss's fall came after the one before.",
            *([f"Failed, and left out: {'; '.join(failed)}."] if failed else []),
        ]
    )
