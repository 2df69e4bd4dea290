"""Where results lie: under their base model, or under none where a baseline reads texts alone."""

from pathlib import Path

import pytest

from threephase.artifacts import layout
from threephase.jobs.digest import PACKAGE, _reached


@pytest.mark.parametrize(
    ("recipe", "model"),
    [
        ("dae.cl-noimb.ft", "bert"),
        ("baseline-centroid", "bert"),
        ("baseline-frozen_logreg-wide", "bert"),
        ("baseline-setfit", "bert"),
        ("baseline-tfidf_svm", "_any"),
        ("baseline-tfidf_logreg-chars", "_any"),
        ("{recipe}", "bert"),  # a rule's pattern
    ],
)
def test_what_reads_texts_alone_lies_under_no_base_model(recipe: str, model: str) -> None:
    assert layout.checkpoint("bbc", "bert", 1, recipe) == Path(f"results/checkpoints/bbc/{model}/seed1/{recipe}")
    assert layout.evaluation("bbc", "bert", 1, recipe) == Path(f"results/evaluations/bbc/{model}/seed1/{recipe}")


def test_to_know_where_results_lie_counts_no_baselines_settings_as_ones_own_code() -> None:
    reached = {path.relative_to(PACKAGE).as_posix() for path in _reached([PACKAGE / "artifacts/layout.py"])}
    assert not {path for path in reached if path.startswith("settings/")}
