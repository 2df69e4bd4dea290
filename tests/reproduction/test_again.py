"""A part of a grid that was run again: what is drawn, and what agrees."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from threephase.evaluation.predictions import Predictions
from threephase.evaluation.statistics.bootstrap import Scoring
from threephase.experiment.reading import load, merged
from threephase.experiment.recipe import Recipe, Run
from threephase.reproduction.again import Again, Agreement, _of_fixed, _of_training, _Spread, drawn
from threephase.reproduction.packing import CONFIG
from threephase.reproduction.sittings import asking_for

PROJECT = Path(__file__).parents[2]
SHIPPED, COMMITTED = PROJECT / "config", PROJECT / "reproduction"
GRID = [SHIPPED / f"{name}.yaml" for name in ("paper", "capped", "forensics", "reproduction")]
TRAINING = Run("topics", "tiny", "FT", 1, Recipe("ft"))


def training(p: float) -> Again:
    return Again("", p >= 0.05, "", p)


def test_seeds_of_all_variants_tell_how_far_a_training_lies() -> None:
    rows = pd.DataFrame(
        {
            "variant": ["FT"] * 2 + ["CL+FT"] * 2 + ["TF-IDF"], "seed": [1, 2, 1, 2, 0], "effective": [*"abcd", None],
            "accuracy": [0.7, 0.8, 0.6, 0.6, 0.1], "n_test": 500,
        }
    )  # fmt: skip
    same = rows[:2].assign(variant="No Imb.")
    assert _Spread.of(pd.concat([rows, same])).degrees == 2  # the same trainings under another name
    assert _Spread.of(pd.concat([rows, same])).means["No Imb."] == pytest.approx((0.75, 2))
    spread = _Spread.of(rows)
    assert spread.degrees == 2  # a baseline with one run adds none
    assert spread.deviation == pytest.approx((2 * 0.05**2 / 2) ** 0.5)
    again = _of_training(TRAINING, 0.9, 0.8, spread)
    expected = 2 * stats.t.sf((0.9 - 0.75) / (0.05 * 1.5**0.5), 2)
    assert again.p == pytest.approx(expected)
    assert again.agrees
    assert not _of_training(TRAINING, 0.0, 0.8, spread).agrees
    alike = _Spread.of(rows.assign(accuracy=0.5))
    assert alike.deviation == 1 / 500  # of one row, so that another machine may differ by one
    assert _of_training(TRAINING, 0.502, 0.5, alike).agrees


def test_what_draws_nothing_predicts_as_before_whatever_its_accuracy() -> None:
    truth = np.arange(1000) % 4

    def of(predicted: np.ndarray) -> Predictions:
        return Predictions(truth, {("FT", 1): predicted}, Scoring(4, (0, 1, 2, 3), (0,)))

    fixed = _of_fixed(TRAINING, of(truth), of(np.where(np.arange(1000) < 10, 3 - truth, truth)))
    assert (fixed.agrees, fixed.p) == (True, None)
    assert fixed.said == "99.0, packed 100.0; 10 of 1000 rows predicted otherwise"
    wrong = np.where(np.arange(1000) < 500, 3 - truth, truth)
    swapped = np.where(np.arange(1000) >= 500, 3 - truth, truth)
    assert not _of_fixed(TRAINING, of(wrong), of(swapped)).agrees  # the same accuracy


def test_one_run_far_off_is_enough_and_one_a_little_outside_is_not() -> None:
    assert Agreement([training(0.04), *map(training, [0.5] * 2)], []).holds
    assert not Agreement([training(0.04), training(0.03), *map(training, [0.5])], []).holds
    assert not Agreement([training(1e-4), *map(training, [0.5] * 20)], []).holds
    assert not Agreement([training(1e-4)], []).holds
    assert not Agreement([training(0.5), Again("", False, "is missing")], []).holds
    assert not Agreement([], ["nothing could be judged"]).holds


def test_every_draw_of_what_is_committed_is_a_config() -> None:
    for draw in (2, 8):  # no main variant among them, while three seeds of TREC are all that is committed
        overlay = drawn(COMMITTED, SHIPPED, 0.1, draw)
        config = load(merged([COMMITTED / CONFIG], overlay), SHIPPED)
        assert len(config.runs()) >= len(overlay["grid"]) >= 3
        assert config.reference in overlay["tables"]["main"]


def test_any_rest_of_a_dataset_is_a_config_that_sets_its_runs_as_the_whole_grid_does() -> None:
    given = merged(GRID)
    whole = load(given, SHIPPED)
    runs = whole.runs()
    for variant in ("DAE+FT", "Nearest centroid", "FT, 8 a class"):
        rest = [run for run in runs if run.variant == variant][:1]
        alone = load(merged(GRID, asking_for(rest, whole, runs)), SHIPPED)
        assert set(rest) <= set(alone.runs())
        assert len({(run.variant, run.seed) for run in alone.runs()}) <= 2
        for run in rest:
            for recipe in run.recipe.prefixes:
                settings = [of.phase_settings(run.dataset, run.model, recipe) for of in (whole, alone)]
                assert settings[0] == settings[1]
