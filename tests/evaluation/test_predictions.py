"""Predictions of many runs, read from their evaluations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threephase.artifacts import layout
from threephase.artifacts.folders import write_json
from threephase.errors import CheckpointError
from threephase.evaluation.predictions import read_predictions
from threephase.experiment.recipe import UNSEEDED

TRUTH = ["b", "a", "c", "a"]
RUNS = pd.DataFrame(
    [("d", "m", "FT", 1, "ft", None), ("d", "m", "Also FT", 1, "ft", None), ("d", "m", "CL+FT", 1, "cl.ft", None),
     ("d", "m", "hot", 1, "dae.ft", "diverged")],
    columns=["dataset", "model", "variant", "seed", "recipe", "failed"],
).assign(baseline=False, split="")  # fmt: skip


def evaluated(
    root: Path, recipe: str, truth: list[str], predicted: list[str], averaging: str = "macro", seed: int = 1
) -> None:
    folder = layout.evaluation("d", "m", seed, recipe, root)
    folder.mkdir(parents=True)
    settings = {"averaging": averaging, "positive": "b" if averaging == "binary" else None}
    write_json(folder / "metrics.json", {"label_level": 1, "settings": settings})
    table = pd.DataFrame({"row": range(len(truth)), "label": truth, "predicted": predicted})
    table.to_parquet(folder / "predictions.parquet", index=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    layout.data("d", tmp_path).mkdir(parents=True)
    counts = {"train": {"classes": [{"a": 9, "b": 2, "c": 5}]}}
    names = [["a", "b", "c", "unseen"]]
    write_json(layout.data("d", tmp_path) / "dataset.json", {"label_names": names, "counts": counts})
    return tmp_path


def test_runs_of_a_cell_are_read_together_and_failed_ones_left_out(root: Path) -> None:
    evaluated(root, "ft", TRUTH, ["b", "b", "c", "a"])
    evaluated(root, "cl.ft", TRUTH, TRUTH)
    (found,) = read_predictions(RUNS, root).values()
    assert found.truth.tolist() == [1, 0, 2, 0]
    assert list(found.by_run) == [("FT", 1), ("Also FT", 1), ("CL+FT", 1)]
    assert np.array_equal(found.of("CL+FT")[1], found.truth)
    assert found.of("FT")[1].tolist() == [1, 1, 2, 0]
    assert found.of("hot") == {}
    # macro means over the classes that occur; the rarest of these three has the fewest training rows
    assert (found.scoring.averaged, found.scoring.rare) == ((0, 1, 2), (1,))
    assert (found.names, found.trained) == (("a", "b", "c", "unseen"), (9, 2, 5, 0))


def test_binary_scores_are_those_of_the_positive_class(root: Path) -> None:
    for recipe in ("ft", "cl.ft"):
        evaluated(root, recipe, TRUTH, TRUTH, "binary")
    assert read_predictions(RUNS, root)["d", "m"].scoring.averaged == (1,)


def test_a_baseline_that_draws_nothing_stands_for_all_seeds(root: Path) -> None:
    recipe = "baseline-centroid"
    evaluated(root, "ft", TRUTH, TRUTH)
    evaluated(root, recipe, TRUTH, TRUTH, seed=UNSEEDED)
    centroid = RUNS.iloc[:1].assign(variant="Centroid", seed=UNSEEDED, recipe=recipe, baseline=True)
    (found,) = read_predictions(pd.concat([RUNS.iloc[:1], centroid]), root).values()
    assert found.unseeded == {"Centroid"}


@pytest.mark.parametrize("other", [["b", "a", "c"], ["a", "b", "c", "a"]])
def test_runs_that_were_tested_on_other_rows_are_refused(root: Path, other: list[str]) -> None:
    evaluated(root, "ft", TRUTH, TRUTH)
    evaluated(root, "cl.ft", other, other)
    with pytest.raises(CheckpointError, match=r"cl\.ft: tested on other rows than .*/ft; delete both"):
        read_predictions(RUNS, root)
