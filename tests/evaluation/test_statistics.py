"""Estimates, families and verdicts: by hand, in limiting cases, by their symmetries, and how often they are right."""

import gc
import math
import time
from dataclasses import replace

import baycomp
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from threephase.evaluation.predictions import Predictions
from threephase.evaluation.statistics.bootstrap import Scoring, drawn_scores, rarest_third
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.evaluation.statistics.crossed import Crossed, crossed, crossed_from_draws
from threephase.evaluation.statistics.datasets import RepeatedSplits, correlated_t, over_datasets
from threephase.evaluation.statistics.families import Verdict, compared, holm, needed
from threephase.evaluation.statistics.one_seed import OneSeed
from threephase.method.metrics import classification_metrics

SCORING = Scoring(3, (0, 1, 2), (2,))
REGION = 0.005


def simulated(kind: str, worlds: int, classifiers: int = 2, seed: int = 0) -> np.ndarray:
    """Correctness (classifiers, worlds, 5 seeds, 500 rows) of classifiers that are equally good.

    A row is right where a latent normal value is low. `seeds`: runs differ as a whole; `rows`: rows differ in how hard
    they are, and in how hard for one classifier; `both`; `none`: every answer is a draw of its own.
    """
    of_seeds, of_rows = {"seeds": (0.35, 0.0), "rows": (0.0, 2.0), "both": (0.25, 1.5), "none": (0.0, 0.0)}[kind]
    random = np.random.default_rng(seed)
    limit = stats.norm.ppf(0.85) * math.sqrt(of_seeds**2 + 1.16 * of_rows**2 + 1)
    hard = of_rows * random.normal(size=(1, worlds, 1, 500))
    hard = hard + 0.4 * of_rows * random.normal(size=(classifiers, worlds, 1, 500))
    runs = of_seeds * random.normal(size=(classifiers, worlds, 5, 1))
    own = random.standard_normal(size=(classifiers, worlds, 5, 500), dtype=np.float32)
    return (runs + hard + own < limit).astype(np.float32)


def scattered(seeds: int, rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1, 2, size=(seeds, rows)).astype(float)


def predictions(seeds: int = 3, rows: int = 60, **shares: float) -> Predictions:
    """Variants that are right on the given shares of the rows, of three classes."""
    random = np.random.default_rng(5)
    truth = np.sort(random.integers(0, 3, rows))
    by_run = {
        (variant, seed): np.where(random.random(rows) < share, truth, (truth + random.integers(1, 3, rows)) % 3)
        for variant, share in shares.items()
        for seed in range(1, seeds + 1)
    }
    return Predictions(truth, by_run, SCORING)


def test_the_crossed_variance_by_hand() -> None:
    # D = [[1, 0, -1], [1, 1, 1]]: means of seeds 0, 1; of rows 1, 1/2, 0; mean 1/2.
    # SS_seeds = 3 · 2 · 1/4 = 3/2 over 1; SS_rows = 2 · 2 · 1/4 = 1 over 2; total 5 − 6/4 = 7/2, so SS_rest = 1 over 2.
    # (3/2 + 1/2 − 1/2) / 6 = 1/4, which is not below 3/2 / 6.
    # Satterthwaite: (3/2)² / (9/4 / 1 + 1/4 / 2 + 1/4 / 2) = 0.9.
    found = crossed(np.array([[1, 0, -1], [1, 1, 1]]))
    assert (found.value, found.n_seeds, found.n_rows) == (0.5, 2, 3)
    assert (found.seeds, found.rows, found.rest) == pytest.approx((1.5 / 6, 0.5 / 6, 0.5 / 6))
    assert found.variance == pytest.approx(0.25)
    assert found.freedom == pytest.approx(0.9)
    assert found.variance_of_row == pytest.approx(5 / 6)  # the share of discordant rows


def test_the_variance_is_never_below_the_largest_part_and_takes_its_degrees_of_freedom() -> None:
    # Rows cancel within seeds and seeds within rows, so that all is rest: (0 + 0 − rest) would be negative.
    found = crossed(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert (found.seeds, found.rows, found.rest) == pytest.approx((0, 0, 1))
    assert (found.variance, found.freedom) == pytest.approx((1, 1))
    assert Crossed(0.1, 5, 500, seeds=1.0, rows=3.0, rest=2.0, variance_of_row=0.1).variance == 3.0
    assert Crossed(0.1, 5, 500, seeds=1.0, rows=3.0, rest=2.0, variance_of_row=0.1).freedom == 499


def test_without_a_chance_of_rows_it_is_the_paired_t_test_over_seeds() -> None:
    """Every row of a seed alike: only seeds differ."""
    by_seed = np.array([0.0, 1.0, 1.0, -1.0, 1.0])
    found = crossed(np.repeat(by_seed[:, None], 20, axis=1))
    assert found.p == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
    assert found.interval(0.9)[:2] == pytest.approx(stats.ttest_1samp(by_seed, 0).confidence_interval(0.9))


def test_without_a_chance_of_seeds_it_is_the_paired_t_test_over_rows() -> None:
    by_row = scattered(1, 30)[0]
    found = crossed(np.repeat(by_row[None], 4, axis=0))
    assert found.p == pytest.approx(stats.ttest_1samp(by_row, 0).pvalue)


@settings(deadline=None, max_examples=30)
@example(3, 20, 390)  # the parts of seeds and rest are the same, and which is larger is rounding
@given(st.integers(2, 6), st.integers(2, 40), st.integers(0, 10**6))
def test_order_does_not_matter_and_swapping_the_classifiers_negates(seeds: int, rows: int, seed: int) -> None:
    values, random = scattered(seeds, rows, seed), np.random.default_rng(seed)
    found = crossed(values)
    again = crossed(values[random.permutation(seeds)][:, random.permutation(rows)])
    swapped = crossed(-values)
    assert again.interval(0.95) == pytest.approx(found.interval(0.95))
    assert swapped.interval(0.95)[:2] == pytest.approx((-found.interval(0.95).high, -found.interval(0.95).low))
    assert swapped.p == pytest.approx(found.p)


@pytest.mark.parametrize("kind", ["seeds", "rows", "both"])
def test_intervals_of_95_percent_cover_in_93_to_97(kind: str) -> None:
    """5 seeds × 500 rows, whatever the differences depend on."""
    first, second = simulated(kind, worlds=1500)
    intervals = [crossed(values).interval(0.95) for values in first - second]
    assert 0.93 <= np.mean([low <= 0 <= high for low, high, _ in intervals]) <= 0.97


def test_answers_that_depend_on_nothing_are_covered_a_little_too_often() -> None:
    first, second = simulated("none", worlds=1000)
    intervals = [crossed(values).interval(0.95) for values in first - second]
    assert 0.95 <= np.mean([low <= 0 <= high for low, high, _ in intervals]) <= 0.985


@pytest.mark.parametrize("kind", ["seeds", "rows", "both", "none"])
def test_at_most_5_percent_of_the_verdicts_are_false_where_nothing_differs(kind: str) -> None:
    """Families of three variants against one reference."""
    reference, *variants = simulated(kind, worlds=500, classifiers=4)
    false = [
        each.verdict in (Verdict.BETTER, Verdict.WORSE)
        for world in range(500)
        for each in compared([crossed(right[world] - reference[world]) for right in variants], REGION)
    ]
    assert np.mean(false) <= 0.05


def test_rows_alone_cover_too_little_where_seeds_differ() -> None:
    """Why the variance is crossed: a t-test over rows of the means over seeds."""
    first, second = simulated("seeds", worlds=500)
    assert np.mean(stats.ttest_1samp((first - second).mean(axis=1), 0, axis=1).pvalue < 0.05) > 0.3


@pytest.mark.parametrize("kind", ["seeds", "rows", "both"])
def test_f1_is_covered_as_accuracy_is(kind: str) -> None:
    """A tenth of the worlds and a twentieth of the draws: the bounds are three standard errors wider."""
    worlds, sizes = 150, np.array([250, 170, 80])
    truth, random = np.repeat(np.arange(3), sizes), np.random.default_rng(1)
    covered = []
    for first, second in zip(*simulated(kind, worlds, seed=2), strict=True):
        wrong = (truth + random.integers(1, 3, size=(10, 500))) % 3
        runs = np.where(np.concatenate([first, second]) == 1, truth, wrong)
        exact, drawn = SCORING.of(truth, runs)["f1"], drawn_scores(SCORING, truth, runs, draws=500)["f1"]
        low, high, _ = crossed_from_draws(exact[:5] - exact[5:], drawn[:5] - drawn[5:], 500).interval(0.95)
        covered.append(low <= 0 <= high)
    error = 3 * math.sqrt(0.05 * 0.95 / worlds)
    assert 0.93 - error <= np.mean(covered) <= 0.97 + error


def test_scores_are_those_of_the_metrics() -> None:
    given = predictions(seeds=1, rows=90, a=0.7)
    predicted = given.of("a")[1]
    names = ["x", "y", "z"]
    found = SCORING.of(given.truth, predicted)
    expected = classification_metrics(given.truth, predicted, names)
    assert {name: float(found[name]) for name in ("accuracy", "precision", "recall", "f1")} == pytest.approx(
        {name: expected[name] for name in ("accuracy", "precision", "recall", "f1")}
    )
    assert float(found["rare_recall"]) == pytest.approx(expected["per_class"]["z"]["recall"])
    binary = Scoring(3, (1,), (2,)).of(given.truth, predicted)
    expected = classification_metrics(given.truth, predicted, names, "binary", "y")
    assert float(binary["f1"]) == pytest.approx(expected["f1"])
    assert float(binary["precision"]) == pytest.approx(expected["precision"])


def test_the_rarest_third_by_hand() -> None:
    assert rarest_third(np.array([9, 2, 7])) == (1,)
    assert rarest_third(np.array([9, 2, 7, 3])) == (1, 3)
    assert rarest_third(np.array([5, 5])) == (0, 1)  # a tie: nothing is rarer than anything


def test_draws_keep_the_rows_of_each_class_and_their_variance_is_that_of_rows() -> None:
    """Recall of a class of n_c rows has the variance of a binomial share; 5 standard errors of a variance."""
    given = predictions(seeds=1, rows=300, a=0.7)
    truth, predicted = given.truth, given.of("a")[1]
    drawn = drawn_scores(SCORING, truth, predicted[None], draws=4000)["rare_recall"][0]
    rows = int((truth == 2).sum())
    recall = float((predicted == truth)[truth == 2].mean())
    expected = recall * (1 - recall) / rows
    assert drawn.mean() == pytest.approx(recall, abs=5 * math.sqrt(expected / 4000))
    assert drawn.var() == pytest.approx(expected, rel=5 * math.sqrt(2 / 4000))
    assert set(np.unique(np.round(drawn * rows, 6) % 1)) <= {0.0}


def test_draws_do_not_depend_on_how_often_a_run_is_there_and_are_the_same_every_time() -> None:
    given = predictions(seeds=2, a=0.7, b=0.6)
    runs = np.array(list(given.by_run.values()))
    once, again = (drawn_scores(SCORING, given.truth, runs, draws=50) for _ in range(2))
    assert all(np.array_equal(once[name], again[name]) for name in once)
    assert np.array_equal(drawn_scores(SCORING, given.truth, runs[[0, 0]], draws=50)["f1"][0],
                          drawn_scores(SCORING, given.truth, runs[[0, 0]], draws=50)["f1"][1])  # fmt: skip


def test_accuracy_by_draws_is_accuracy_by_formula() -> None:
    """Rows are drawn within classes, so that the truth here has one class; 5 standard errors of a variance."""
    random = np.random.default_rng(3)
    hard = random.normal(size=400)
    wrong = (random.normal(size=(5, 400)) + hard > 0.5).astype(int)
    values = (wrong == 0).astype(float)
    scoring = Scoring(2, (0,), (0,))
    drawn = drawn_scores(scoring, np.zeros(400, dtype=int), wrong, draws=4000)["accuracy"]
    by_draws, by_formula = crossed_from_draws(values.mean(axis=1), drawn, 400), crossed(values)
    assert by_draws.seeds == pytest.approx(by_formula.seeds)
    assert by_draws.rows == pytest.approx(by_formula.rows, rel=5 * math.sqrt(2 / 4000))
    assert by_draws.variance == pytest.approx(by_formula.variance, rel=5 * math.sqrt(2 / 4000))


def test_one_seed_takes_mcnemar_and_the_bca_bootstrap_over_rows() -> None:
    given = predictions(seeds=1, rows=120, a=0.8, b=0.6)
    a, b = given.of("a")[1], given.of("b")[1]
    one = OneSeed(SCORING, "accuracy", given.truth, a, b)
    right_a, right_b = a == given.truth, b == given.truth
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    assert one.p == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)  # what McNemar's exact test is
    assert one.p == pytest.approx(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)
    assert one.value == pytest.approx((only_a - only_b) / 120)
    assert one.variance_of_row == pytest.approx((only_a + only_b) / 120)
    low, high, _ = one.interval(0.95)
    reach = 1.96 * math.sqrt(one.variance_of_row / 120)  # the normal interval, about the same here
    assert (low, high) == pytest.approx((one.value - reach, one.value + reach), abs=0.03)
    assert math.isnan(one.se_seeds)


def test_one_seed_of_other_scores_swaps_predictions_and_negates() -> None:
    given = predictions(seeds=1, rows=80, a=0.9, b=0.6)
    a, b = given.of("a")[1], given.of("b")[1]
    one, other = (OneSeed(SCORING, "f1", given.truth, *pair) for pair in ((a, b), (b, a)))
    assert one.p < 0.01
    assert other.value == pytest.approx(-one.value)
    assert other.interval(0.9)[:2] == pytest.approx((-one.interval(0.9).high, -one.interval(0.9).low), abs=0.01)


def test_one_seed_without_any_difference_has_no_variance() -> None:
    given = predictions(seeds=1, a=0.9)
    same = OneSeed(SCORING, "f1", given.truth, given.of("a")[1], given.of("a")[1])
    assert (same.value, same.p, same.interval(0.95)[:2]) == (0, 1, (0, 0))
    perfect = OneSeed(SCORING, "accuracy", given.truth, given.truth)
    assert perfect.interval(0.95)[:2] == (1, 1)
    few = OneSeed(SCORING, "f1", np.array([0, 1, 2]), np.array([0, 1, 1]))  # nothing to draw
    assert few.interval(0.95)[:2] == pytest.approx((5 / 9, 5 / 9))  # the mean of 1, 2/3 and 0


def test_holm_by_hand() -> None:
    # sorted 0.01 · 3 = 0.03, 0.02 · 2 = 0.04, 0.5 · 1
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    assert holm([0.04, 0.03]) == pytest.approx([0.06, 0.06])  # never falling
    assert holm([0.9, 0.8]) == pytest.approx([1.6, 1.6])  # no cap, for the ratio is the level's
    assert holm([]) == []


def test_a_correction_takes_no_time_for_garbage_and_leaves_its_collection_as_it_was() -> None:
    before = gc.get_freeze_count()
    many = [[number] for number in range(2_000_000)]  # 0.1 s to walk through
    begun = time.perf_counter()
    for _ in range(20):
        holm([0.5, 0.01])
    assert time.perf_counter() - begun < 1
    assert gc.get_freeze_count() == before
    assert len(many) == 2_000_000


def estimate(value: float, error: float, seeds: int = 5) -> Crossed:
    """All of the variance is that of rows: 100 rows, z intervals but for 99 degrees of freedom."""
    return Crossed(value, seeds, 100, seeds=0.0, rows=error**2, rest=0.0, variance_of_row=0.1)


def test_the_four_verdicts() -> None:
    family = [estimate(0.1, 0.01), estimate(-0.1, 0.01), estimate(0.001, 0.001), estimate(0.02, 0.02)]
    found = [each.verdict for each in compared(family, REGION)]
    assert found == [Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT, Verdict.UNDECIDED]
    # surely above zero, and surely too little to matter
    assert compared([estimate(0.002, 0.0005)], REGION)[0].verdict is Verdict.EQUIVALENT


@settings(deadline=None)
@given(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=6))
def test_an_interval_excludes_zero_exactly_where_holm_does(values: list[float]) -> None:
    for each in compared([estimate(value, 0.02) for value in values], REGION):
        excludes = each.interval.low > 0 or each.interval.high < 0
        assert excludes == (each.adjusted < 0.05)
        assert 0.95 <= each.interval.level <= 1


@pytest.mark.parametrize("error", [0.001, 0.02, 0.2])
def test_the_levels_of_a_family_are_those_of_holms_steps_whatever_their_p(error: float) -> None:
    """The smallest p is tested at 5% / 3, also where all corrected p are 1 and would say 5% · p."""
    largest = 0.0
    for step, each in enumerate(compared([estimate(value, error) for value in (0.003, 0.002, 0.001)], REGION)):
        largest = max(largest, (3 - step) * each.p)
        assert each.adjusted == pytest.approx(min(largest, 1))
        assert 1 - each.interval.level == pytest.approx(0.05 * each.p / largest)


def test_a_difference_without_variance_stays_in_the_family() -> None:
    # alone p = 0.03; with the other in the family Holm makes it 0.06
    alone = estimate(float(stats.t.isf(0.015, 99)) * 0.02, 0.02)
    assert compared([alone], REGION)[0].adjusted == pytest.approx(0.03)
    found = compared([alone, crossed(np.zeros((5, 100)))], REGION)
    assert [each.adjusted for each in found] == pytest.approx([0.06, 1.0])
    # no row of 100 is discordant: up to 3 of 100 may be, which is more than ±0.5 points; of 600 it is not
    assert (found[1].verdict, found[1].rows_needed) == (Verdict.UNDECIDED, 600)
    assert compared([crossed(np.zeros((5, 600)))], REGION)[0].verdict is Verdict.EQUIVALENT


def test_what_would_decide_by_hand() -> None:
    """One seed, 10 rows of 100 discordant, 6 against 4: 7.85 · 0.1 / 0.02² = 1962.2 rows."""
    truth = np.zeros(100, dtype=int)
    first, second = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    first[:4], second[4:10] = 1, 1
    (found,) = compared([OneSeed(SCORING, "accuracy", truth, first, second)], REGION)
    assert found.verdict is Verdict.UNDECIDED
    assert found.rows_needed == math.ceil((1.959964 + 0.841621) ** 2 * 0.1 / 0.02**2)
    assert found.seeds_needed is None
    # Seeds alone vary, 0.02 a seed: of ten, (2.262 + 0.883) · 0.02 / √10 = 0.0199, of nine (2.306 + 0.889) · 0.02 / 3
    # is more than 0.02. No number of rows helps.
    seeds = Crossed(0.02, 3, 100, seeds=4e-4 / 3, rows=0.0, rest=0.0, variance_of_row=0.1)
    (found,) = compared([seeds], REGION)
    assert (found.rows_needed, found.seeds_needed) == (None, 10)
    # Five seeds, whose rows vary by 0.03 and what is left by 0.05 a seed: 0.04 a row, and 7.849 · 0.04 / 0.02² = 784.9
    # rows, some more by t: seeds, rows and rest have 1, 4 and 1 of 4 parts of the variance (1 + 4 − 1), and of 812 rows
    # 4, 811 and 3,244 degrees of freedom. What a single seed has on a row, 0.08 and more, plays no part: the mean of
    # five has less.
    rows = Crossed(0.02, 5, 100, seeds=1e-4, rows=4e-4, rest=1e-4, variance_of_row=0.0804)
    (found,) = compared([rows], REGION)
    freedom = 4**2 / (1**2 / 4 + 4**2 / 811 + 1**2 / 3244)
    by_t = (stats.t.isf(0.025, freedom) + stats.t.isf(0.2, freedom)) ** 2 * 0.04 / 0.02**2
    assert found.verdict is Verdict.UNDECIDED
    assert found.rows_needed == math.ceil(by_t) == 812


def test_the_seeds_that_would_decide_have_the_power_that_they_claim_though_they_are_few() -> None:
    """Seeds vary by 0.01, rows are many: by normal quantiles four would do for 0.015, which have t's 3 degrees."""
    random = np.random.default_rng(4)
    pilot = Crossed(0.015, 3, 4000, seeds=1e-4 / 3, rows=0.0, rest=0.0, variance_of_row=0.1)
    seeds = needed(pilot, 0.015).seeds
    assert seeds == 6
    powers = []
    for count in (4, 6):
        drawn = 0.015 + random.normal(0, 0.01, size=(2000, count))
        powers.append(np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05))
    assert powers[0] < 0.7 < 0.78 < powers[1]


def test_the_rows_that_would_decide_have_the_power_that_they_claim() -> None:
    """Of a row 6% are in favour of the first for all seeds and 4% against; of 5 seeds each has 5% and 5% of its own."""
    random = np.random.default_rng(3)

    def differences(rows: int) -> np.ndarray:
        of_row = random.choice([1.0, 0.0, -1.0], p=[0.06, 0.90, 0.04], size=(1, rows))
        return of_row + random.choice([1.0, 0.0, -1.0], p=[0.05, 0.90, 0.05], size=(5, rows))

    # a row's variance is 0.0996 and, of the mean of five seeds, 0.02 beside: 7.849 · 0.1196 / 0.02² = 2347 rows
    pilots = [needed(crossed(differences(500)), 0.02).rows for _ in range(100)]
    assert np.median([rows for rows in pilots if rows is not None]) == pytest.approx(2347, rel=0.1)
    found = [crossed(differences(2347)).p < 0.05 for _ in range(300)]
    assert 0.72 < np.mean(found) < 0.88


def test_evidence_pairs_the_seeds_that_both_variants_have() -> None:
    given = predictions(seeds=3, a=0.9, b=0.6)
    fewer = Predictions(given.truth, {run: of for run, of in given.by_run.items() if run != ("b", 3)}, SCORING)
    evidence = Evidence(fewer)
    difference = evidence.difference("a", "b", "accuracy")
    assert difference is not None
    right = {run: of == given.truth for run, of in given.by_run.items()}
    expected = np.mean([right["a", seed].mean() - right["b", seed].mean() for seed in (1, 2)])
    assert (difference.n_seeds, difference.value) == (2, pytest.approx(expected))
    assert evidence.of("a", "accuracy").n_seeds == 3
    f1 = evidence.difference("a", "b", "f1")
    back = evidence.difference("b", "a", "f1")
    assert f1 is not None
    assert back is not None
    assert back.interval(0.95)[:2] == pytest.approx((-f1.interval(0.95).high, -f1.interval(0.95).low))
    assert evidence.difference("a", "c", "f1") is None


def test_what_draws_nothing_is_paired_with_each_seed_of_the_other() -> None:
    given = predictions(seeds=3, a=0.9)
    fixed = np.where(np.arange(len(given.truth)) % 4 == 0, (given.truth + 1) % 3, given.truth)  # right on 3 of 4
    evidence = Evidence(replace(given, by_run={**given.by_run, ("c", 0): fixed}, unseeded=frozenset({"c"})))
    right = np.array([predicted == given.truth for predicted in given.of("a").values()], dtype=float)
    for score in ("accuracy", "f1"):
        difference, own = evidence.difference("c", "a", score), evidence.of("a", score)
        assert difference is not None
        assert difference.n_seeds == 3
        assert difference.value == pytest.approx(evidence.of("c", score).value - own.value)
    expected = crossed((fixed == given.truth) - right).interval(0.95)
    found = evidence.difference("c", "a", "accuracy")
    assert found is not None
    assert found.interval(0.95)[:2] == pytest.approx(expected[:2])


def test_over_datasets_against_demsar_and_by_hand() -> None:
    """Demšar 2006, section 3.2.2: the mean ranks of four variants of C4.5 on 14 datasets, and Friedman's statistic."""
    published = pd.DataFrame(
        {
            "C4.5": [.763, .599, .954, .628, .882, .936, .661, .583, .775, 1.000, .940, .619, .972, .957],
            "C4.5+m": [.768, .591, .971, .661, .888, .931, .668, .583, .838, 1.000, .962, .666, .981, .978],
            "C4.5+cf": [.771, .590, .968, .654, .886, .916, .609, .563, .866, 1.000, .965, .614, .9751, .946],
            "C4.5+m+cf": [.798, .569, .967, .657, .898, .931, .685, .625, .875, 1.000, .962, .669, .975, .970],
        }
    )  # fmt: skip
    found = over_datasets(published, "C4.5", 0.01)
    assert found.ranks.to_list() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    # 9.28 there, without the correction for ties that scipy makes: three of two and one of four, Σ(t³ − t) = 78,
    # by which it is divided as 1 − 78 / (14 · 4 · (4² − 1))
    assert found.friedman == pytest.approx(stats.chi2.sf(9.28 / (1 - 78 / 840), 3), rel=0.01)
    assert found.pairs.loc["C4.5", "C4.5+m"] == found.pairs.loc["C4.5+m", "C4.5"]
    assert found.smallest_p == 2 / 2**14
    with pytest.raises(ValueError, match="4 datasets"):
        over_datasets(published.iloc[:4], "C4.5", 0.01)


def test_chances_over_datasets_have_the_right_sides() -> None:
    scores = pd.DataFrame({"base": [0.5] * 6, "much better": [0.6] * 6, "the same": [0.5001] * 6})
    found = over_datasets(scores, "base", 0.01)
    assert found.chances["much better"].better > 0.9
    assert found.chances["the same"].equivalent > 0.99
    # with 6 datasets the smallest p of a pair is 2/64, and 3 pairs make 0.094 of it: no pair can be told apart
    assert found.smallest_adjusted == pytest.approx(3 * 2 / 64)


def test_repeated_splits_by_formula_and_as_baycomp_has_it() -> None:
    # differences 1, 2, 3 with a fifth tested: mean 2, variance (1/3 + 1/4) · 1 = 7/12
    found = correlated_t(np.array([1.0, 2.0, 3.0]), 0.2)
    assert (found.value, found.variance, found.freedom) == pytest.approx((2, 7 / 12, 2))
    differences = 0.01 + 0.02 * np.random.default_rng(0).normal(size=50)
    below, above = baycomp.two_on_single(differences, np.zeros(50), runs=5)  # 10 folds: a tenth tested
    assert min(below, above) == pytest.approx(correlated_t(differences, 0.1).p / 2)


def right_on(counts: dict[tuple[str, int], int], unseeded: frozenset[str] = frozenset()) -> Predictions:
    """Predictions on 10 test rows of two classes, a fold of two, of which each run has so many right."""
    truth = np.arange(10) % 2
    by_run = {run: np.where(np.arange(10) < right, truth, 1 - truth) for run, right in counts.items()}
    return Predictions(truth, by_run, Scoring(2, (0, 1), (1,)), unseeded, tested=0.5)


def test_repeated_splits_by_hand() -> None:
    """Differences of splits, means over their seeds: 0.2, 0, 0.2, 0. Their mean is 0.1, their variance 0.04 / 3."""
    evidence = SplitEvidence(
        {
            "r1f1": right_on({("a", 1): 8, ("a", 2): 9, ("b", 1): 7, ("b", 2): 6}),
            "r1f2": right_on({("a", 1): 5, ("a", 2): 5, ("b", 1): 5, ("b", 2): 5}),
            "r2f1": right_on({("a", 1): 9, ("a", 2): 9, ("b", 1): 7, ("b", 2): 7}),
            "r2f2": right_on({("a", 1): 6, ("a", 2): 5, ("b", 1): 6}),  # seed 2 of b has failed
        }
    )
    found = evidence.difference("a", "b", "accuracy")
    assert isinstance(found, RepeatedSplits)
    # Half of the rows are tested: 1 / 4 + 0.5 / 0.5 = 1.25 times the variance, and 3 degrees of freedom.
    assert (found.value, found.variance, found.freedom) == pytest.approx((0.1, 1.25 * 0.04 / 3, 3))
    assert (found.n_seeds, found.n_splits, found.n_rows) == (2, 4, 20)
    t = 0.1 / math.sqrt(1 / 60)
    assert found.p == pytest.approx(2 * stats.t.sf(t, 3))
    reach = stats.t.isf(0.025, 3) * math.sqrt(1 / 60)
    assert found.interval(0.95)[:2] == pytest.approx((0.1 - reach, 0.1 + reach))
    own = evidence.of("a", "accuracy")
    assert own.value == pytest.approx(np.mean([0.85, 0.5, 0.9, 0.55]))
    # A seed on every split is no test split of its own: the crossed variance would take the 80 answers as 80 rows.
    assert own.interval(0.95).low < 0.7 - 0.2
    assert evidence.difference("a", "c", "f1") is None


def test_what_draws_nothing_is_paired_with_the_seeds_of_its_split() -> None:
    runs = {("a", 1): 8, ("a", 2): 6, ("c", 0): 9}
    evidence = SplitEvidence({split: right_on(runs, frozenset({"c"})) for split in ("r1f1", "r1f2")})
    found = evidence.difference("c", "a", "accuracy")
    assert found is not None
    # Both splits are alike, as far as ten rows and two seeds can tell: steps of 0.05, and half of the rows are tested.
    assert (found.value, found.variance) == pytest.approx((0.2, 1.5 * 0.05**2 / 12))


def test_a_few_splits_of_few_rows_that_look_alike_prove_nothing() -> None:
    """By hand: 1 of 10 rows more on each of two folds: 0.1 over √(1.5 · 0.1² / 12) is a t of 2.83, p = 0.216."""
    runs = {("a", 1): 6, ("b", 1): 5}
    found = SplitEvidence({split: right_on(runs) for split in ("r1f1", "r1f2")}).difference("a", "b", "accuracy")
    assert found is not None
    assert found.p == pytest.approx(0.216, abs=1e-3)
    (comparison,) = compared([found], REGION)
    assert comparison.verdict is Verdict.UNDECIDED
    # ten folds of 200 rows that agree on 20 points are another matter
    many = correlated_t(np.full(10, 0.2), 0.1, step=1 / 200)
    assert many.p < 1e-9
    (alike,) = compared([correlated_t(np.zeros(10), 0.1, step=1 / 200)], 0.005)
    assert alike.verdict is Verdict.EQUIVALENT


def test_one_split_alone_tells_nothing_of_others() -> None:
    evidence = SplitEvidence({"r1f1": right_on({("a", 1): 8, ("b", 1): 2})})
    found = evidence.difference("a", "b", "accuracy")
    assert found is not None
    assert (found.value, found.p, found.interval(0.95)[:2]) == (pytest.approx(0.6), 1.0, (-math.inf, math.inf))
    (comparison,) = compared([found], REGION)
    assert comparison.verdict is Verdict.UNDECIDED
    assert (comparison.rows_needed, comparison.seeds_needed, comparison.splits_needed) == (None, None, None)


def test_splits_that_would_decide_by_hand() -> None:
    # Variance of a split 1e-4, 10 folds: of five, (2.776 + 0.941) · √((1/5 + 1/9) · 1e-4) = 0.0207, of six
    # (2.571 + 0.920) · √((1/6 + 1/9) · 1e-4) = 0.0184.
    few = RepeatedSplits(0.02, 1e-4, 2, 1 / 9)
    (found,) = compared([few], REGION)
    assert (found.verdict, found.splits_needed) == (Verdict.UNDECIDED, 6)
    # 2 folds share so much that no number of splits is enough: 7.849 · 1e-4 · 1 > 0.02².
    (found,) = compared([replace(few, overlap=1.0)], REGION)
    assert (found.rows_needed, found.seeds_needed, found.splits_needed) == (None, None, None)


def test_the_corrected_variance_keeps_its_level_where_the_plain_one_does_not() -> None:
    """Two learners that are equally good, on 200 rows in 5 folds of 4 repeats: how often a test says otherwise at 5%.

    Their difference on a row has a part of the row, which every repeat meets again, and a part of the repeat's own.
    """
    random = np.random.default_rng(1)
    false, plain = 0, 0
    for _ in range(200):
        of_rows = random.normal(size=200)
        differences = []
        for _ in range(4):
            fold = random.permutation(200) % 5
            on_rows = of_rows + random.normal(size=200)
            differences += [on_rows[fold == place].mean() for place in range(5)]
        found = correlated_t(np.array(differences), 0.2)
        false += found.p < 0.05
        plain += stats.ttest_1samp(differences, 0).pvalue < 0.05
    assert false <= 0.05 * 200 < plain
