"""A finished grid made by hand: runs of three classes on twelve test rows, one name and one text of them hostile."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threephase.artifacts import layout
from threephase.artifacts.folders import write_json, writing
from threephase.evaluation.places import EMBEDDING, PLACES
from threephase.evaluation.results import COLUMNS
from threephase.experiment.recipe import Recipe
from threephase.report.runs import Runs

HOSTILE = "<script>document.title = 'taken'</script><img src=https://example.org/x.png>"
CLASSES = ["sport", "$money$", HOSTILE]
LABELS = np.array([0] * 6 + [1] * 4 + [2] * 2)
# 3-Phase takes row 5, of sport, for money with the probability 0.9 in seed 1 and 0.7 in seed 2, and row 11 for sport.
PREDICTED = {"3-Phase": [0] * 5 + [1] * 5 + [2, 0], "FT": [0] * 4 + [1] * 6 + [2, 2], "FT, half": [0] * 10 + [2, 2],
             "Centroid": [0] * 6 + [2] * 6}  # fmt: skip
RUNS = [("3-Phase", "dae.cl.ft", 1), ("3-Phase", "dae.cl.ft", 2), ("FT", "ft", 1), ("FT", "ft", 2),
        ("FT, half", "ft-half", 1), ("Centroid", "baseline-centroid", 0)]  # fmt: skip


def predictions(variant: str, seed: int) -> pd.DataFrame:
    predicted = np.array(PREDICTED[variant])
    probability = np.full((12, 3), 0.05 if seed == 1 else 0.15)
    probability[np.arange(12), predicted] = 0.9 if seed == 1 else 0.7
    return pd.DataFrame(
        {
            "row": range(12), "source": [f"test.csv, line {row + 2}" for row in range(12)],
            "text": [HOSTILE if row == 5 else f"text {row}" for row in range(12)],
            "label": [CLASSES[place] for place in LABELS], "predicted": [CLASSES[place] for place in predicted],
            **{f"probability_{name}": probability[:, place] for place, name in enumerate(CLASSES)},
        }
    )  # fmt: skip


def checkpoint(folder: Path, recipe: Recipe, seed: int) -> None:
    phase = recipe.baseline or recipe.phase
    fraction = 0.5 if recipe.step.endswith("-half") else 1.0
    asked = {"dae": {}, "cl": {"imbalance": "correct", "train_on_test": False, "minratio": 1.5, "maxratio": 4.0}}.get(
        phase, {}
    ) | ({} if phase == "dae" else {"label_fraction": fraction})
    report = {"texts": 40, "classes_resized": {"2": {"before": 4, "after": 10}}} if phase == "cl" else {"texts": 40}
    kind = {"baseline": phase} if recipe.baseline else {"phase": phase}
    with writing(folder) as beside:
        write_json(beside / "settings.json", {**kind, "asked": asked, "settings": asked, "report": report})
        history = {"step": [1, 2, 3], "epoch": [0.3, 0.6, 1.0], "train_loss": [3.0, 2.0, 1.0],
                   "validation_loss": [None, 2.5, 1.5]}  # fmt: skip
        pd.DataFrame(history).to_csv(beside / "history.csv", index=False)
        write_json(
            beside / "provenance.json",
            {
                "best_step": 3, "wall_seconds": 10.0 * seed, "versions": {"torch": "2"},
                "git": {"commit": "abc", "edited": False},
                "hardware": {"machine": "x", "processor": "y", "threads": 2, "gpus": []},
            },
        )  # fmt: skip


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    root = tmp_path_factory.mktemp("results")
    sizes = dict(zip(CLASSES, [24, 12, 4], strict=True))
    splits = {split: {"rows": 12, "classes": [sizes]} for split in ("validation", "test", "unlabelled")}
    described = {
        "label_names": [CLASSES], "counts": {"train": {"rows": 40, "classes": [sizes]}, **splits},
        "rows_before_limits": {"train": 90, "validation": 12, "test": 12, "unlabelled": 12},
    }  # fmt: skip
    layout.data("topics", root).mkdir(parents=True)
    write_json(layout.data("topics", root) / "dataset.json", described)
    rows = []
    for variant, recipe, seed in RUNS:
        for part in Recipe(recipe).prefixes:
            checkpoint(layout.checkpoint("topics", "tiny", seed, part, root), part, seed)
        table = predictions(variant, seed)
        with writing(layout.evaluation("topics", "tiny", seed, recipe, root)) as folder:
            table.to_parquet(folder / "predictions.parquet")
            write_json(
                folder / "metrics.json", {"label_level": 1, "settings": {"averaging": "macro", "positive": None}}
            )
        rows.append(
            {
                "dataset": "topics", "split": "", "model": "tiny", "variant": variant, "seed": seed, "recipe": recipe,
                "accuracy": (table["label"] == table["predicted"]).mean(), "n_test": 12, "seconds": 10.0 * (seed + 1),
                "n_train": 20 if variant == "FT, half" else 40, "effective": f"{variant}{seed}", "saw_test": False,
                "baseline": recipe.startswith("baseline"), "failed": None,
            }
        )  # fmt: skip
    failed = {**rows[2], "variant": "Joint", "recipe": "joint.ft", "accuracy": None, "n_test": None,
              "failed": "joint: the loss is nan"}  # fmt: skip
    checkpoint(layout.checkpoint("topics", "tiny", 1, "joint", root), Recipe("joint"), 1)
    checkpoint(layout.checkpoint("topics", "tiny", 1, "joint.ft", root), Recipe("joint.ft"), 1)
    results = pd.DataFrame([*rows, failed], columns=COLUMNS)
    variants = ["3-Phase", "Joint", "FT", "Centroid"]
    return Runs(results, variants, "3-Phase", {"topics": "Topics"}, root)


@pytest.fixture(scope="session")
def embeddings(runs: Runs) -> dict[str, Path]:
    """Places of the test texts before and after one phase; row 5 lies nearest to a hostile text."""
    found = {}
    for number, title in enumerate(("base model", "dae")):
        folder = found[title] = runs.root / "embeddings" / title
        places = pd.DataFrame(
            {
                "row": range(12), "label": [CLASSES[place] for place in LABELS],
                "pca_1": np.linspace(0, 1, 12), "pca_2": np.linspace(1, 0, 12) * number,
                "nearest": [f"{HOSTILE} {row}" for row in range(12)], "nearest_label": CLASSES[1],
                "cosine": 0.5 + number / 4,
            }
        )  # fmt: skip
        with writing(folder) as beside:
            places.to_parquet(beside / PLACES)
            counted = {"train": 40, "test": 12}
            write_json(beside / EMBEDDING, {"rows": counted, "rows_there": counted, "explained": [0.5, 0.25]})
    return found
