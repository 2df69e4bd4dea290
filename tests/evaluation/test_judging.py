"""What a grid says of a claim: every outcome, and every reason why there is none, from predictions made by hand."""

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from predicted import evidence, split_evidence
from scipy import stats

from threephase.evaluation.candidates import Classifiers, SplitVectors, Vector, Vectors
from threephase.evaluation.claims import (
    CLAIMS,
    FT,
    FULL,
    JOINT_OVER_FT,
    NO_IMBALANCE,
    OVER_FT,
    OVER_JOINT,
    STAGES,
    Agreement,
    Claim,
)
from threephase.evaluation.judging import Cell, Judged, Outcome, _outcome, judge, pair_of
from threephase.evaluation.statistics.crossed import Crossed
from threephase.evaluation.statistics.families import Verdict, compared, detectable

PLAIN = {"dae.deletion_ratio": 0.6, "cl.imbalance": "correct", "cl.maxratio": 4.0, "cl.noise": 0.5, "ft.freeze": False}
HARMLESS = next(claim for claim in CLAIMS if isinstance(claim, Claim) and claim.harmless)
NOTHING = Vectors({}, {})


def settings(recipe: str, **changes: Any) -> dict[str, Any]:
    """Of the phases of a recipe; changes are written `cl__noise`."""
    phases = {step.partition("-")[0] for step in recipe.split(".")}
    given = PLAIN | {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in given.items() if name.partition(".")[0] in phases}


GIVEN = {
    **{recipe: settings(recipe) for recipe in ("dae.cl.ft", "joint.ft", "dae.ft", "cl.ft", "ft")},
    "dae.cl-x.ft": settings("dae.cl-x.ft", cl__imbalance="none"),
    "dae.cl-plain.ft": settings("dae.cl-plain.ft", cl__noise=0),
}


def cell(rows: int, model: str = "m", **changes: Any) -> Cell:
    """Runs whose recipes have these accuracies in percent by seed; `changes` are of their rows by recipe."""
    accuracies = changes.pop("accuracies")
    runs = pd.DataFrame(
        [
            {"dataset": "d", "split": "", "model": model, "variant": f"called {recipe}", "recipe": recipe, "seed": seed,
             "accuracy": value / 100, "effective": f"{recipe}{seed}", "saw_test": False, "failed": None, "marks": []}
            | changes.get(recipe, {})
            for recipe, values in accuracies.items()
            for seed, value in enumerate(values, start=1)
        ]
    )  # fmt: skip
    said = evidence(runs, rows).get(("d", model))
    return Cell("d", model, Classifiers(runs, said, {recipe: GIVEN[recipe] for recipe in accuracies}), NOTHING)


def judged(claim: Claim, region: float = 0.02, rows: int = 200, **accuracies: list[float]) -> Judged:
    names = {"full": "dae.cl.ft", "ft": "ft", "joint": "joint.ft", "none": "dae.cl-x.ft", "plain": "dae.cl-plain.ft"}
    (found,) = judge([cell(rows, accuracies={names[key]: of for key, of in accuracies.items()})], [claim], region)
    return found


@pytest.mark.parametrize(
    ("full", "verdict", "outcome", "without_harm"),
    [
        ([90.0] * 5, Verdict.BETTER, Outcome.HOLDS, Outcome.HOLDS),
        ([50.0] * 5, Verdict.WORSE, Outcome.FAILS, Outcome.FAILS),
        ([70.0] * 5, Verdict.EQUIVALENT, Outcome.FAILS, Outcome.HOLDS),  # 3 / 200 is within the region of 2 points
        ([70.0, 76.0, 70.0, 76.0, 70.0], Verdict.UNDECIDED, Outcome.UNDECIDED, Outcome.UNDECIDED),
    ],
)
def test_what_a_verdict_means_for_a_claim(
    full: list[float], verdict: Verdict, outcome: Outcome, without_harm: Outcome
) -> None:
    found = judged(OVER_FT, full=full, ft=[70.0] * 5)
    assert found.comparison is not None
    assert (found.comparison.verdict, found.outcome) == (verdict, outcome)
    assert judged(HARMLESS, full=full, plain=[70.0] * 5).outcome is without_harm
    assert (found.detectable is not None) is (outcome is Outcome.UNDECIDED)


@pytest.mark.parametrize(
    ("rows", "points", "outcome"),
    [
        # By hand: so many more rows are right with every seed, so the standard error is √(p (1 − p) / n).
        (1_000, 3.0, Outcome.HOLDS),  # 3 ± 1.06
        (1_000, 1.5, Outcome.UNDECIDED),  # 1.5 ± 0.75: better, by a point or not
        (10_000, 0.6, Outcome.FAILS),  # 0.6 ± 0.15: better, by less than a point
    ],
)
def test_a_claim_of_a_point_asks_for_an_interval_above_a_point(rows: int, points: float, outcome: Outcome) -> None:
    found = judged(OVER_JOINT, region=0.001, rows=rows, full=[70 + points] * 5, joint=[70.0] * 5)
    assert found.comparison is not None
    assert (found.comparison.verdict, found.outcome) == (Verdict.BETTER, outcome)
    if outcome is Outcome.UNDECIDED:
        # 1.96 + 0.84 standard errors beyond the point that is claimed; 4 · 999 rows and seeds are left over
        assert found.detectable == pytest.approx(1 + 100 * 2.8 * math.sqrt(0.015 * 0.985 / 1000), rel=0.01)


def test_a_claim_of_a_point_fails_where_the_sides_are_equivalent_within_less() -> None:
    # standard error 0.53 points: the 90% interval reaches to 0.87, the 95% one to 1.04
    found = Crossed(0.0, 5, 10_000, seeds=1e-8, rows=0.0053**2, rest=1e-8, variance_of_row=0.3)
    (within,) = compared([found], 0.009)
    assert (within.verdict, _outcome(OVER_JOINT, within)) == (Verdict.EQUIVALENT, Outcome.FAILS)
    (wider,) = compared([replace(found, value=0.005)], 0.02)  # within two points, and maybe more than one
    assert (wider.verdict, _outcome(OVER_JOINT, wider)) == (Verdict.EQUIVALENT, Outcome.UNDECIDED)


def test_one_seed_is_shown_and_not_judged() -> None:
    found = judged(OVER_FT, full=[90.0], ft=[70.0])
    assert (found.outcome, found.why) == (Outcome.UNJUDGED, "one seed, which says nothing of others")
    assert found.comparison is not None
    assert found.comparison.verdict is Verdict.BETTER
    assert found.compared == ("called dae.cl.ft", "called ft")


def test_what_is_not_among_the_runs_is_named_with_its_settings() -> None:
    assert judged(OVER_FT, ft=[70.0] * 2).why == "not among the runs: 3-Phase"
    claim = Claim("", "", FULL.having(cl__imbalance="correct"), NO_IMBALANCE)
    assert judged(claim, full=[70.0] * 2).why == "not among the runs: No Imb. (cl.imbalance: none)"
    assert judged(claim, full=[70.0] * 2).outcome is Outcome.UNJUDGED


def test_variants_that_saw_the_same_are_no_test_and_no_member_of_the_family() -> None:
    effective = {"dae.cl.ft": {"effective": "same"}, "dae.cl-x.ft": {"effective": "same"}}
    accuracies = {"dae.cl.ft": [70.0] * 3, "dae.cl-x.ft": [70.0] * 3, "ft": [60.0] * 3}
    claims = [Claim("", "", FULL.having(cl__imbalance="correct"), NO_IMBALANCE), OVER_FT]
    same, other = judge([cell(200, accuracies=accuracies, **effective)], claims, 0.005)
    assert (same.outcome, same.comparison) == (Outcome.SAME, None)
    assert other.comparison is not None
    assert other.comparison.p == other.comparison.adjusted


def test_failed_runs_and_seeds_apart_leave_nothing_to_compare() -> None:
    accuracies = {"dae.cl.ft": [70.0] * 2, "ft": [60.0] * 2}
    (failed,) = judge([cell(200, accuracies=accuracies, ft={"failed": "ft: the loss is nan"})], [OVER_FT], 0.005)
    assert failed.why == "failed: called ft"
    (apart,) = judge([cell(200, accuracies=accuracies, ft={"seed": 9})], [OVER_FT], 0.005)
    assert apart.why == "no seed in common"
    everywhere = {recipe: {"failed": "diverged"} for recipe in accuracies}
    (nothing,) = judge([cell(200, accuracies=accuracies, **everywhere)], [OVER_FT], 0.005)
    assert nothing.why == "failed: called dae.cl.ft, called ft"


def test_all_comparisons_of_a_score_are_one_family_whichever_claims_make_them() -> None:
    accuracies = {"dae.cl.ft": [90.0] * 5, "joint.ft": [88.0, 80.0] * 2 + [84.0], "ft": [70.0] * 5}
    doubled = Claim("said again", "elsewhere", FULL, FT)
    found = judge([cell(200, accuracies=accuracies)], [OVER_FT, OVER_JOINT, JOINT_OVER_FT, doubled], 0.005)
    p = sorted(each.comparison.p for each in found[:3] if each.comparison)
    adjusted = sorted(each.comparison.adjusted for each in found[:3] if each.comparison)
    assert adjusted[0] == pytest.approx(3 * p[0])
    assert adjusted[2] == pytest.approx(max(p[2], adjusted[1]))
    assert found[3].comparison == found[0].comparison


def test_marks_and_leaks_of_both_sides_are_told_once() -> None:
    marks = {"dae.cl.ft": {"marks": ["dae: no DAE", "dae.cl: under-trained"], "saw_test": True},
             "ft": {"marks": ["dae: no DAE"]}}  # fmt: skip
    (found,) = judge([cell(200, accuracies={"dae.cl.ft": [70.0], "ft": [60.0]}, **marks)], [OVER_FT], 0.005)
    assert found.marks == ("dae: no DAE", "dae.cl: under-trained", "LEAK: called dae.cl.ft")


FREEZING = [claim for claim in CLAIMS if isinstance(claim, Claim) and "ft.freeze" in claim.named]


def test_sides_are_told_by_their_settings_whatever_they_are_called() -> None:
    of_full, of_ft = FREEZING
    given = {
        "dae.cl-w.ft-f": settings("dae.cl-w.ft-f", cl__noise=0, ft__freeze=True),
        "dae.cl-w.ft": settings("dae.cl-w.ft", cl__noise=0),
        "dae.cl.ft": settings("dae.cl.ft"),
        "dae-y.cl.ft-z": settings("dae-y.cl.ft-z", dae__deletion_ratio=0.3, ft__freeze=True),
    }
    # the last one differs in more than what is frozen, so the first two are the only pair
    assert pair_of(of_full, given) == ("dae.cl-w.ft", "dae.cl-w.ft-f")
    given["dae.cl.ft-anything"] = settings("dae.cl.ft-anything", ft__freeze=True)
    assert pair_of(of_full, given) == ("dae.cl.ft", "dae.cl.ft-anything")  # with the fewest tags
    assert pair_of(of_ft, given) == "not among the runs: FT (ft.freeze: false)"
    del given["dae.cl.ft-anything"], given["dae.cl-w.ft"]
    assert pair_of(of_full, given) == "no two runs that differ in ft.freeze alone"


def test_where_the_grid_itself_freezes_the_variant_that_does_not_is_the_better_side() -> None:
    given = {"ft": settings("ft", ft__freeze=True), "ft-trained": settings("ft-trained")}
    assert pair_of(FREEZING[1], given) == ("ft-trained", "ft")


def test_a_claim_without_settings_is_about_the_grids_own() -> None:
    given = {"dae.cl-x.ft": settings("dae.cl-x.ft"), "ft": settings("ft")}
    assert pair_of(OVER_FT, given) == "not among the runs: 3-Phase"


def test_of_shares_of_deleted_words_each_is_compared_with_0_6() -> None:
    claims = [claim for claim in CLAIMS if isinstance(claim, Claim) and "dae.deletion_ratio" in claim.named]
    recipes = {ratio: f"dae-r{10 * ratio:g}.cl.ft" for ratio in (0.3, 0.4, 0.5, 0.7)}
    given = {recipe: settings(recipe, dae__deletion_ratio=ratio) for ratio, recipe in recipes.items()}
    found = [pair_of(claim, given | {"dae.cl.ft": settings("dae.cl.ft")}) for claim in claims]
    assert found == [("dae.cl.ft", recipe) for recipe in recipes.values()]


@pytest.mark.parametrize(
    ("other", "outcome", "why"),
    [
        ({"dae.cl.ft": [90.0] * 5, "ft": [70.0] * 5}, Outcome.HOLDS, ""),
        ({"dae.cl.ft": [50.0] * 5, "ft": [70.0] * 5}, Outcome.FAILS, ""),
        ({"dae.cl.ft": [70.0, 76.0] * 2, "ft": [70.0] * 4}, Outcome.UNDECIDED, ""),
        ({"dae.cl.ft": [90.0], "ft": [70.0]}, Outcome.UNJUDGED, "judged with fewer than two base models"),
        (None, Outcome.UNJUDGED, "one base model"),
    ],
)
def test_whether_base_models_agree(other: dict[str, list[float]] | None, outcome: Outcome, why: str) -> None:
    cells = [cell(200, accuracies={"dae.cl.ft": [90.0] * 5, "ft": [70.0] * 5})]
    cells += [cell(200, "n", accuracies=other)] if other else []
    *_, found = judge(cells, [OVER_FT, Agreement(OVER_FT, "section 5")], 0.005)
    assert (found.dataset, found.model, found.outcome, found.why) == ("d", "", outcome, why)


def vector(answers: str, effective: str = "e", marks: tuple[str, ...] = (), label: str = "aabbaabb") -> Vector:
    """Letters that every classifier answers, beside the true ones."""
    answered = {classifier: list(answers) for classifier in ("knn", "centroid", "logistic")}
    return Vector(effective, marks, pd.DataFrame({"row": range(len(label)), "label": list(label), **answered}))


def judged_vectors(by_seed: dict[str, dict[int | None, Vector]]) -> Judged:
    claim = Claim("", "", STAGES[1], STAGES[0], "knn")
    vectors = Vectors(by_seed, {recipe: settings(recipe) if recipe else {} for recipe in by_seed})
    (found,) = judge([Cell("d", "m", Classifiers(pd.DataFrame(), None, {}), vectors)], [claim], 0.005)
    return found


def test_vectors_are_compared_over_seeds_and_rows_and_a_base_model_stands_for_all_seeds() -> None:
    # right: 4 of 8 before; 6 and 7 after with seeds 1 and 2: differences 2/8 and 3/8
    base = {"": {None: vector("aaaaaaaa")}}
    seeds: dict[int | None, Vector] = {1: vector("aabbaaaa"), 2: vector("aabbaaba", "f", marks=("no DAE",))}
    found = judged_vectors({**base, "dae": seeds})
    assert found.comparison is not None
    assert found.comparison.estimate.value == pytest.approx(2.5 / 8)
    assert found.comparison.estimate.n_seeds == 2
    assert found.comparison.estimate.se_seeds == pytest.approx(1 / 16)  # half of the difference between both seeds
    assert (found.compared, found.marks) == (("dae", "base model"), ("dae: no DAE",))
    alone = judged_vectors({**base, "dae": {1: vector("aabbaaaa")}})
    assert alone.why == "one seed, which says nothing of others"


def test_vectors_of_other_rows_of_failed_trainings_or_none_are_not_judged() -> None:
    base: dict[str, dict[int | None, Vector]] = {"": {None: vector("aaaaaaaa")}}
    other = judged_vectors({**base, "dae": {1: vector("aabbaaaa", label="aabbaaba")}})
    assert other.why == "probed on other rows or labels"
    assert judged_vectors({**base, "dae": {1: Vector("", (), None)}}).why == "failed: dae"
    assert judged_vectors(base).why == "not among the runs: after DAE"


def test_vectors_that_saw_the_same_are_no_test() -> None:
    claim = next(each for each in CLAIMS if isinstance(each, Claim) and each.of_vectors and each.named)
    given = {"dae.cl": settings("dae.cl"), "dae.cl-x": settings("dae.cl-x", cl__imbalance="none")}
    for effective, outcome in (("e", Outcome.SAME), ("f", Outcome.UNJUDGED)):
        vectors = Vectors({"dae.cl": {1: vector("aaaaaaaa")}, "dae.cl-x": {1: vector("aaaaaaaa", effective)}}, given)
        (found,) = judge([Cell("d", "m", Classifiers(pd.DataFrame(), None, {}), vectors)], [claim], 0.005)
        assert found.outcome is outcome


def test_the_smallest_effect_that_one_seed_of_65_rows_can_show() -> None:
    # 4 of 65 rows are right with one of the two alone: (1.96 + 0.84) √(4 / 65 / 65) is 8.6 points
    comparison = judged(OVER_FT, rows=65, full=[100 * 60 / 65], ft=[100 * 56 / 65]).comparison
    assert comparison is not None
    reach = float(stats.norm.isf(0.025) + stats.norm.isf(0.2))
    assert detectable(comparison) == pytest.approx(reach * 2 / 65)
    assert reach * 2 / 65 == pytest.approx(0.086, abs=1e-3)
    without = judged(OVER_FT, rows=65, full=[80.0], ft=[80.0]).comparison
    assert without is not None
    assert detectable(without) == pytest.approx(-math.log(0.05) / 65)


def over_splits(differences: list[float], **changes: Any) -> Cell:
    """3-Phase and FT with one seed on each split of 100 rows, a tenth of all, these differences in points apart."""
    runs = pd.DataFrame(
        [
            {"dataset": "d", "split": f"r1f{fold}", "model": "m", "variant": recipe, "recipe": recipe, "seed": 1,
             "accuracy": 0.7 + points / 100, "effective": f"{recipe}{fold}", "saw_test": False, "failed": None,
             "marks": []}
            for fold, points_of_full in enumerate(differences, start=1)
            for recipe, points in (("dae.cl.ft", points_of_full), ("ft", 0))
        ]
    ).assign(**changes)  # fmt: skip
    said = split_evidence(runs, 100, 10)["d", "m"]
    return Cell("d", "m", Classifiers(runs, said, {recipe: GIVEN[recipe] for recipe in ("dae.cl.ft", "ft")}), NOTHING)


def test_a_dataset_with_repeated_splits_is_judged_once_also_with_one_seed() -> None:
    """By hand: 5 and 3 points on ten folds: 4 ± 2.262 √((1/10 + 1/9) · 10/9), which is 4 ± 1.1."""
    found = judge([over_splits([5, 3] * 5)], [OVER_FT, Agreement(OVER_FT, "section 5")], 0.005)
    (over_ft, _) = found
    assert over_ft.outcome is Outcome.HOLDS
    assert over_ft.comparison is not None
    assert over_ft.comparison.interval[:2] == pytest.approx((0.029, 0.051), abs=1e-4)
    assert (over_ft.comparison.estimate.n_runs, over_ft.comparison.estimate.n_seeds) == (10, 1)
    (undecided,) = judge([over_splits([2, 1])], [OVER_FT], 0.005)
    assert undecided.outcome is Outcome.UNDECIDED
    # one degree of freedom: t of 12.71 and 1.376, times √((1/2 + 1/9) · 0.5) points
    assert undecided.detectable == pytest.approx((12.706 + 1.376) * math.sqrt((1 / 2 + 1 / 9) * 0.5), rel=1e-3)


def test_one_split_alone_is_shown_and_not_judged() -> None:
    (found,) = judge([over_splits([20])], [OVER_FT], 0.005)
    assert (found.outcome, found.why) == (Outcome.UNJUDGED, "one split, which says nothing of others")
    assert found.comparison is not None
    assert found.comparison.estimate.value == pytest.approx(0.2)
    assert detectable(found.comparison) == math.inf


def test_variants_saw_the_same_only_where_they_did_on_every_split() -> None:
    for seen, same in ((["a", "a", "b", "b"], True), (["a", "a", "b", "c"], False)):
        (found,) = judge([over_splits([5, 3], effective=seen)], [OVER_FT], 0.005)
        assert (found.outcome is Outcome.SAME) is same


def test_vectors_are_compared_over_repeated_splits() -> None:
    """By hand: right are 4 of 8 before; 6 and 7 after on two splits: differences 2/8 and 3/8, whose variance is 1/128.

    A quarter of the labelled rows are validation rows: (1/2 + 1/3) / 128.
    """
    base = {None: vector("aaaaaaaa")}
    of_splits = {
        "r1f1": {"": base, "dae": {1: vector("aabbaaaa")}},
        "r1f2": {"": base, "dae": {1: vector("aabbaaba", "f", marks=("no DAE",))}},
        "r1f3": {"": base},  # no run yet
    }
    given = {"": {}, "dae": settings("dae")}
    vectors = SplitVectors({split: Vectors(of, given, tested=0.25) for split, of in of_splits.items()})
    claim = Claim("", "", STAGES[1], STAGES[0], "knn")
    (found,) = judge([Cell("d", "m", Classifiers(pd.DataFrame(), None, {}), vectors)], [claim], 0.005)
    assert found.comparison is not None
    estimate = found.comparison.estimate
    assert (estimate.value, estimate.n_runs) == (pytest.approx(2.5 / 8), 2)
    assert estimate.p == pytest.approx(2 * stats.t.sf(2.5 / 8 / math.sqrt(5 / 6 / 128), 1))
    assert (found.outcome, found.marks) == (Outcome.UNDECIDED, ("dae: no DAE",))


def test_vectors_of_splits_that_saw_the_same_or_have_nothing_in_common_are_no_test() -> None:
    claim = next(each for each in CLAIMS if isinstance(each, Claim) and each.of_vectors and each.named)
    given = {"dae.cl": settings("dae.cl"), "dae.cl-x": settings("dae.cl-x", cl__imbalance="none")}
    both = Vectors({"dae.cl": {1: vector("aaaaaaaa")}, "dae.cl-x": {1: vector("aaaaaaaa")}}, given, tested=0.5)
    first, second = (
        Vectors({recipe: {1: vector("aaaaaaaa")}}, {recipe: given[recipe]}, tested=0.5) for recipe in given
    )
    for by_split, outcome, why in (
        ({"r1f1": both, "r1f2": both}, Outcome.SAME, ""),
        ({"r1f1": first, "r1f2": second}, Outcome.UNJUDGED, "no split in common"),
    ):
        (found,) = judge(
            [Cell("d", "m", Classifiers(pd.DataFrame(), None, {}), SplitVectors(by_split))], [claim], 0.005
        )
        assert (found.outcome, found.why) == (outcome, why)
