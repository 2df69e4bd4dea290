"""Every run of the grid as one row: its scores on the test split and where they come from."""

from pathlib import Path

import pandas as pd

from threephase.checkpoint import read_json
from threephase.grid import Run

SCORES = ("accuracy", "precision", "recall", "f1")


def run_folder(root: Path, run: Run) -> Path:
    """Place of a run below `root`: a checkpoint's, or an evaluation's."""
    return root / run.dataset / run.model / f"seed{run.seed}" / run.recipe


def collect(runs: list[Run], checkpoints: Path, evaluations: Path) -> pd.DataFrame:
    """One row for each run, in the order given. Scores are shares in [0, 1]."""
    return pd.DataFrame([_row(run, run_folder(checkpoints, run), run_folder(evaluations, run)) for run in runs])


def _row(run: Run, checkpoint: Path, evaluation: Path) -> dict[str, object]:
    metrics = read_json(evaluation / "metrics.json")
    settings = read_json(checkpoint / "settings.json")
    provenance = read_json(checkpoint / "provenance.json")
    return {
        "dataset": run.dataset,
        "model": run.model,
        "variant": run.variant,
        "seed": run.seed,
        "recipe": run.recipe,
        **{score: metrics[score] for score in SCORES},
        "averaging": metrics["averaging"],
        "n_test": metrics["n"],
        "largest_class_share": metrics["largest_class_share"],
        "n_train": settings["report"]["texts"],
        "max_length": settings["settings"]["max_length"],
        "precision_of_arithmetic": settings["settings"]["precision"],
        "validation_loss": provenance["best_validation_loss"],
        "best_step": provenance["best_step"],
        "steps": provenance["steps"],
        "ft_seconds": provenance["wall_seconds"],
        "effective": settings["effective"],
    }
