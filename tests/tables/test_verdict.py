"""What a grid comes to, in sentences worked out by hand."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from predicted import evidence, split_evidence

from threephase.tables.verdict import Conclusion, conclusions, markdown, takes_home

TITLES = {"d": "D & Co", "m": "Model"}
RECIPES = {"3-Phase": "dae.cl.ft", "Joint": "joint.ft", "FT": "ft"}
BASELINES = {"Centroid": "baseline-centroid", "SVM": "baseline-tfidf_svm", "Frozen": "baseline-frozen_logreg"}
RECIPES |= BASELINES
SECONDS = {"3-Phase": 68.0, "Joint": 90.0, "FT": 20.0, "Centroid": 3.6, "SVM": 0.4, "Frozen": 5.0}
MAIN = [*RECIPES]


def runs(accuracies: dict[str, list[float]], n_test: int = 1000, **changes: Any) -> pd.DataFrame:
    """A run for each accuracy, of seeds 1, 2, …; the baseline's of seed 0. Validation scores are 0.9."""
    rows = [
        ("d", "m", variant, 0 if variant in BASELINES else seed, RECIPES[variant], accuracy)
        for variant, of_seeds in accuracies.items()
        for seed, accuracy in enumerate(of_seeds, start=1)
    ]
    frame = pd.DataFrame(rows, columns=["dataset", "model", "variant", "seed", "recipe", "accuracy"])
    frame["seconds"] = frame["variant"].map(SECONDS)
    frame["effective"] = [f"{variant} {seed}" for variant, seed in zip(frame["variant"], frame["seed"], strict=True)]
    frame["baseline"] = frame["variant"].isin(BASELINES)
    failed = changes.pop("failed", [None] * len(frame))
    frame["failed"] = pd.Series(failed, dtype=object)
    frame["marks"], frame["split"] = [[] for _ in rows], ""
    frame = frame.assign(
        n_test=n_test, n_validation=100, saw_test=False, criterion="accuracy", validation_score=0.9, validation_loss=0.3
    )
    return frame.assign(**changes)


def concluded(results: pd.DataFrame, reference: str = "3-Phase", rows: int = 1000) -> Conclusion:
    (found,) = conclusions(results, evidence(results, rows), MAIN, reference, TITLES, 0.5)
    return found


def test_a_method_that_is_better_says_by_how_much_and_at_what_cost() -> None:
    """By hand: all seeds alike, 40 of 1000 rows discordant, all one way: 4.0 points, and 68 / 20 = 3.4 times."""
    found = concluded(runs({"3-Phase": [0.94] * 3, "FT": [0.90] * 3}))
    # one row's variance 0.04 · 0.96 over 999: 0.62 points, t of 999 degrees 1.962: ± 1.2
    assert found.difference == "3-Phase is 4.0 points [2.8, 5.2] above FT, at 3.4 times its training time."
    assert found.costs == "The trainings of one run take 68 s for 3-Phase and 20 s for FT."
    assert (found.dataset, found.model, found.caveats, found.others, found.baselines) == ("D & Co", "Model", "", "", "")


def test_a_method_that_is_worse_says_so_in_positive_points() -> None:
    found = concluded(runs({"3-Phase": [0.90] * 3, "FT": [0.94] * 3}))
    assert found.difference == "3-Phase is 4.0 points [2.8, 5.2] below FT, at 3.4 times its training time."


def test_a_method_that_is_as_good_says_within_what() -> None:
    """By hand: 10 of 10,000 rows are discordant: 0.1 points ± 1.645 √(0.001 / 10,000), which is 0.052."""
    results = runs({"3-Phase": [0.901] * 3, "FT": [0.9] * 3}, n_test=10_000)
    assert concluded(results, rows=10_000).difference == (
        "3-Phase is as good as FT here, within ±0.5 points (+0.1 [+0.0, +0.2], a 90% interval), at 3.4 times its "
        "training time."
    )


def test_what_cannot_be_told_apart_says_how_many_rows_would_tell_a_point() -> None:
    """By hand, one seed: 2 of 100 rows discordant, so 7.849 · 0.02 / 0.01² = 1570 rows, rounded up to two digits."""
    found = concluded(runs({"3-Phase": [0.92], "FT": [0.90]}, n_test=100), rows=100)
    assert found.difference.startswith("3-Phase and FT cannot be told apart here (3-Phase minus FT: +2.0 [")
    assert found.difference.endswith("]); about 1,600 test rows would tell 1 point.")
    assert found.caveats == "One seed of 3-Phase and FT says nothing of other seeds."


def test_seeds_that_differ_by_much_are_what_would_tell() -> None:
    """By hand: differences of +4, -4 and 0 points on 1000 rows.

    Their spread of 4 points over three seeds has a standard error of 2.3, which no number of rows takes away.
    """
    found = concluded(runs({"3-Phase": [0.94, 0.90, 0.92], "FT": [0.90, 0.94, 0.92]}))
    assert found.difference.startswith("3-Phase and FT cannot be told apart here (3-Phase minus FT: +0.0 [")
    # 7.849 · 3 · MS_seeds / (S n), which is 16e-4 / 3, over 1e-4 less what rows take: a little above 125.6
    assert found.difference.endswith(
        "]); about 130 seeds would tell 1 point; with 3 seeds, more test rows alone hardly would."
    )


def test_what_would_have_shown_is_told_by_the_same_distribution_as_the_interval() -> None:
    """Three seeds whose differences are +1, -1 and 1 points: normal quantiles would say that 1,000 rows are enough.

    MS of seeds over S · n is (4/3)e-4 / 3, a standard error of 0.67 points; t of about 2 degrees 4.3 and 1.06.
    """
    found = concluded(runs({"3-Phase": [0.91, 0.90, 0.91], "FT": [0.90, 0.91, 0.90]}))
    assert "would most likely have shown" not in found.difference


def test_enough_rows_would_have_shown_a_point() -> None:
    """By hand, one seed: 4 of 1000 rows discordant: 7.849 · 0.004 / 0.0001 = 314 rows; 0.4 points, p = 0.125."""
    found = concluded(runs({"3-Phase": [0.904], "FT": [0.900]}))
    assert found.difference.endswith("; a difference of 1 point would most likely have shown on these 1,000 test rows.")


def test_plain_fine_tuning_stands_second_also_where_it_is_the_reference() -> None:
    results = runs({"3-Phase": [0.94] * 3, "FT": [0.90] * 3})
    of_ft = concluded(results, reference="FT")
    assert of_ft.difference == concluded(results).difference
    assert concluded(runs({"3-Phase": [0.94] * 3, "Joint": [0.90] * 3})).difference == (
        "3-Phase is 4.0 points [2.8, 5.2] above Joint, at 0.8 times its training time."
    )


def test_what_stands_alone_or_saw_the_same_is_not_compared() -> None:
    alone = concluded(runs({"FT": [0.9] * 3}), reference="FT")
    assert alone.difference.startswith("FT reaches an accuracy of 90.0 [88.1, 91.9]; no other variant stands beside it")
    without = concluded(runs({"FT": [0.9] * 3}))
    assert without.difference.endswith("; no run of 3-Phase stands beside it.")
    same = concluded(runs({"3-Phase": [0.9] * 2, "FT": [0.9] * 2}, effective=["a", "b", "a", "b"]))
    assert same.difference == (
        "3-Phase and FT saw the same data and settings here, so that there is nothing to compare."
    )
    apart = runs({"3-Phase": [0.9] * 2, "FT": [0.9] * 2}, seed=[1, 2, 3, 4])
    assert concluded(apart).difference == "3-Phase and FT have no seed in common, so that they are not compared."


def test_failed_runs_are_counted_and_where_all_failed_nothing_is_compared() -> None:
    results = runs({"3-Phase": [0.94, 0.94, math.nan], "FT": [0.90] * 3}, failed=[None, None, "cl: nan", *[None] * 3])
    assert concluded(results).caveats == "1 of 3 runs of 3-Phase failed and count for nothing here."
    results = runs({"3-Phase": [math.nan], "FT": [0.90]}, failed=["cl: nan", None])
    assert concluded(results).difference == "No run of 3-Phase came to an end here."


def test_marks_chance_and_leaks_are_said() -> None:
    marks = [["dae: no DAE", "dae: under-trained"], ["dae: no DAE", "dae.cl: under-trained"], [], ["ft: at chance"]]
    results = runs({"3-Phase": [0.9] * 2, "FT": [0.8] * 2}, marks=marks, saw_test=[True, True, False, False])
    assert concluded(results).caveats == (
        "LEAK: 3-Phase saw test rows while it was trained or chosen. "
        "FT is at chance in 1 of 2 runs: not clearly better than naming the largest class. "
        "With care: 3-Phase is marked for dae (no DAE in 2, under-trained in 1 of 2 runs) and dae.cl (under-trained in "
        "1 of 2 runs)."
    )


def test_baselines_and_other_variants_stand_beside() -> None:
    accuracies = {"3-Phase": [0.90] * 3, "FT": [0.90] * 3, "Joint": [0.80] * 3, "Centroid": [0.95]}
    found = concluded(runs(accuracies))
    assert found.others.startswith("Joint is below 3-Phase (-10.0 [")
    assert found.baselines == "Centroid on the untouched encoder reaches 95.0 in 4 s and is above 3-Phase."


def test_baselines_that_compare_alike_are_one_sentence() -> None:
    accuracies = {"3-Phase": [0.90] * 3, "FT": [0.90] * 3, "Centroid": [0.95], "SVM": [0.80], "Frozen": [0.96]}
    assert concluded(runs(accuracies)).baselines == (
        "Centroid on the untouched encoder reaches 95.0 in 4 s and Frozen on the untouched encoder 96.0 in 5 s; they "
        "are above 3-Phase. SVM reaches 80.0 in less than 1 s and is below 3-Phase."
    )


def test_validation_rows_choose_what_to_take_home_and_test_rows_never_do() -> None:
    results = runs({"3-Phase": [0.95, 0.96], "FT": [0.80, 0.81], "Centroid": [0.99]}).assign(
        validation_score=[0.90, 0.91, 0.92, 0.92, 0.85], validation_loss=[0.1, 0.1, 0.4, 0.3, 0.1]
    )
    (home,) = takes_home(results, TITLES, Path("results"))
    assert home.path == Path("results/checkpoints/d/m/seed2/ft")
    assert home.sentence == (
        "D & Co: FT, Model, seed 2. Validation rows alone chose it: of 5 runs none has more than its accuracy of 92.0 "
        "there. The test rows, which had no part in the choice, give it an accuracy of 81.0."
    )
    for change in ({"failed": [None, None, None, "nan", None]}, {"saw_test": [False, False, False, True, False]}):
        assert takes_home(results.assign(**change), TITLES, Path())[0].path == Path("checkpoints/d/m/seed1/ft")
    # Fewer validation rows reach a high score more easily, and are no match.
    assert takes_home(results.assign(n_validation=[100, 100, 20, 20, 100]), TITLES, Path())[0].path == Path(
        "checkpoints/d/m/seed2/dae.cl.ft"
    )
    centroid = results.assign(validation_score=[0.9, 0.9, 0.9, 0.9, 0.95])
    assert takes_home(centroid, TITLES, Path())[0].sentence.startswith("D & Co: Centroid, Model. Validation rows")


def test_runs_that_are_scored_otherwise_do_not_compete_and_with_none_left_nothing_is_taken_home() -> None:
    results = runs({"3-Phase": [0.9], "FT": [0.9]}).assign(
        criterion=["macro_f1", "accuracy"], validation_score=[0.8, 0.9], marks=[["ft: under-trained"], []]
    )
    (home,) = takes_home(results, TITLES, Path())
    assert (
        "3-Phase, Model, seed 1. Validation rows alone chose it: of 1 runs none has more than its macro F1 of 80.0"
        in (home.sentence)
    )
    assert home.sentence.endswith(" It is marked: ft: under-trained.")
    (none,) = takes_home(results.assign(saw_test=True), TITLES, Path())
    assert (none.path, none.sentence) == (None, "D & Co: no run came to an end without having seen test rows.")


def test_the_page_leads_with_the_verdict_and_ends_with_the_path() -> None:
    results = runs({"3-Phase": [0.94] * 3, "FT": [0.90] * 3})
    page = markdown(
        [concluded(results)], takes_home(results, TITLES, Path("results")), "Partial: 1 of 7 runs is missing."
    )
    lines = page.splitlines()
    assert lines[2].startswith("**D & Co, Model**: 3-Phase is 4.0 points [2.8, 5.2] above FT")
    assert "  `results/checkpoints/d/m/seed1/ft`" in lines  # as good on validation rows, in less time
    assert lines[-1].endswith("docs/statistics.md explains them. Partial: 1 of 7 runs is missing.")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "less than 1 s"), (119.4, "119 s"), (150.0, "2 min"), (7199.0, "120 min"), (9000.0, "2.5 h")],
)
def test_times_are_told_in_the_unit_that_fits(seconds: float, said: str) -> None:
    found = concluded(runs({"3-Phase": [0.9], "FT": [0.9]}).assign(seconds=seconds))
    assert found.costs == f"The trainings of one run take {said} for 3-Phase and {said} for FT."


def over_splits(differences: list[float], folds: int = 10) -> pd.DataFrame:
    """A run of 3-Phase and of FT on each split of 100 rows, which have these differences in points; one seed."""
    splits = [f"r{place // folds + 1}f{place % folds + 1}" for place in range(len(differences))]
    results = runs({"3-Phase": [0.9 + points / 100 for points in differences], "FT": [0.9] * len(differences)}, 100)
    return results.assign(split=splits * 2, seed=1)


def concluded_over_splits(differences: list[float], folds: int = 10) -> Conclusion:
    results = over_splits(differences, folds)
    (found,) = conclusions(results, split_evidence(results, 100, folds), MAIN, "3-Phase", TITLES, 0.5)
    return found


def test_a_dataset_with_repeated_splits_is_told_once_over_all_of_them() -> None:
    """By hand: 5 and 3 points on ten folds have a variance of 10 / 9 points², and the mean (1/10 + 1/9) times that.

    That is a standard error of 0.484 points, and t of 9 degrees is 2.262: ± 1.1. One seed on each of ten splits is not
    one seed alone.
    """
    found = concluded_over_splits([5, 3] * 5)
    assert found.difference == "3-Phase is 4.0 points [2.9, 5.1] above FT, at 3.4 times its training time."
    assert (found.dataset, found.model, found.caveats) == ("D & Co", "Model", "")


@pytest.mark.parametrize(
    ("differences", "folds", "said"),
    [
        # two splits of ten folds, whose variance is 0.5 points²: of 11, (2.228 + 0.879)² · 0.5 · (1/11 + 1/9) = 0.98,
        # of ten (2.262 + 0.883)² · 0.5 · (1/10 + 1/9) = 1.04
        ([2, 1], 10, "about 11 splits would tell 1 point"),
        # 7.849 · 0.278 / (1 - 7.849 · 0.278 / 9) = 2.9; the mean of 0.5 has a t of 2.06, p = 0.07
        ([1, 0] * 5, 10, "a difference of 1 point would most likely have shown on these 10 splits"),
        # two folds share so much that 7.849 · 33.3 > 1
        ([10, 0, 10, 0], 2, "only more splits and more rows together would tell 1 point"),
        ([2], 10, "only more splits would tell 1 point"),
    ],
)
def test_over_repeated_splits_it_is_splits_that_would_tell(differences: list[float], folds: int, said: str) -> None:
    found = concluded_over_splits(differences, folds)
    assert found.difference.startswith("3-Phase and FT cannot be told apart here (")
    assert found.difference.endswith(f"]); {said}.")
    alone = "One split of 3-Phase and FT says nothing of other splits."
    assert found.caveats == (alone if len(differences) == 1 else "")


def test_of_repeated_splits_one_run_of_all_is_taken_home() -> None:
    results = over_splits([5, 3]).assign(validation_score=[0.90, 0.91, 0.92, 0.93])
    (home,) = takes_home(results, TITLES, Path("results"))
    assert home.path == Path("results/checkpoints/d@r1f2/m/seed1/ft")
    assert home.sentence == (
        "D & Co: FT, Model, split r1f2, seed 1. Validation rows alone chose it, each run by those of its split: of 4 "
        "runs none has more than its accuracy of 93.0 there. The test rows of its split, which had no part in the "
        "choice, give it an accuracy of 90.0."
    )
