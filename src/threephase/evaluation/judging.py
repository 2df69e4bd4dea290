"""What a grid says of the paper's claims: for each dataset and base model, or why it cannot say anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from threephase.evaluation.candidates import Candidates, Given, Pair
from threephase.evaluation.claims import Agreement, Claim, Side
from threephase.evaluation.statistics.crossed import Estimate
from threephase.evaluation.statistics.datasets import RepeatedSplits
from threephase.evaluation.statistics.families import ALPHA, Comparison, Verdict, compared, detectable
from threephase.experiment.recipe import Recipe


class Outcome(StrEnum):
    """What a claim comes to in one place."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    SAME = "="
    UNJUDGED = "not judged"


@dataclass(frozen=True)
class Judged:
    """A claim on one dataset with one base model; an agreement has no base model of its own."""

    claim: Claim | Agreement
    dataset: str
    model: str
    outcome: Outcome
    why: str = ""  # where it is not judged
    compared: tuple[str, ...] = ()  # what the two sides are called here
    comparison: Comparison | None = None  # better − worse, in shares
    marks: tuple[str, ...] = ()  # of all that the sides rest on

    @property
    def detectable(self) -> float | None:
        """The smallest effect that this grid could have told, in points, where the claim is undecided."""
        if self.outcome is not Outcome.UNDECIDED or self.comparison is None or isinstance(self.claim, Agreement):
            return None
        return self.claim.at_least + 100 * detectable(self.comparison)


@dataclass(frozen=True)
class Cell:
    """All that can be compared on one dataset with one base model."""

    dataset: str
    model: str
    classifiers: Candidates
    vectors: Candidates


def judge(cells: Iterable[Cell], claims: Sequence[Claim | Agreement], region: float) -> list[Judged]:
    """Every claim on every dataset and base model, claim by claim; agreements on every dataset.

    All comparisons of one score on a dataset with a base model are one family, whichever claims make them.

    Args:
        cells: the datasets with their base models.
        claims: which claims; an agreement's own is among them.
        region: differences within ± this share count as none.
    """
    asked = [claim for claim in claims if isinstance(claim, Claim)]
    of_cells = [_judge_cell(cell, asked, region) for cell in cells]
    found: list[Judged] = []
    for claim in claims:
        own = claim if isinstance(claim, Claim) else claim.of
        of_claim = [of_cell[asked.index(own)] for of_cell in of_cells]
        found += of_claim if isinstance(claim, Claim) else _agreements(claim, of_claim)
    return found


def _judge_cell(cell: Cell, claims: Sequence[Claim], region: float) -> list[Judged]:
    asked = [_asked(claim, cell) for claim in claims]
    comparisons: dict[tuple[str, tuple[str, ...]], Comparison] = {}
    for score in dict.fromkeys(claim.score for claim in claims):
        family = {
            judged.compared: estimate
            for claim, (judged, estimate) in zip(claims, asked, strict=True)
            if estimate is not None and claim.score == score
        }
        of_score = compared(list(family.values()), region)
        comparisons |= {(score, pair): each for pair, each in zip(family, of_score, strict=True)}
    return [
        judged if estimate is None else _decided(claim, judged, comparisons[claim.score, judged.compared])
        for claim, (judged, estimate) in zip(claims, asked, strict=True)
    ]


def _asked(claim: Claim, cell: Cell) -> tuple[Judged, Estimate | None]:
    """What a claim is about in a cell, and the difference to be judged; without one what there is instead."""
    there = cell.vectors if claim.of_vectors else cell.classifiers
    judged = Judged(claim, cell.dataset, cell.model, Outcome.UNJUDGED)
    pair = pair_of(claim, there.settings)
    if isinstance(pair, str):
        return replace(judged, why=pair), None
    judged = replace(
        judged,
        compared=tuple(map(there.name, pair)),
        marks=tuple(dict.fromkeys(mark for recipe in pair for mark in there.marks(recipe))),
    )
    if there.same(pair):
        return replace(judged, outcome=Outcome.SAME), None
    estimate = there.difference(pair, claim.score)
    return (judged if estimate else replace(judged, why=there.missing(pair))), estimate


def pair_of(claim: Claim, settings: Given) -> Pair | str:
    """The two recipes that differ in what a claim is about and in nothing else; or why there are none.

    Of several the one with the fewest steps of a tag of their own, of these the first of the grid.
    """
    sides = [_recipes_of(side, claim, settings) for side in (claim.better, claim.worse)]
    for side, recipes in zip((claim.better, claim.worse), sides, strict=True):
        if not recipes:
            return f"not among the runs: {side}"
    pairs = [
        Pair(better, worse)
        for better in sides[0]
        for worse in sides[1]
        if _apart_by(claim.named, settings[better], settings[worse])
    ]
    if not pairs:
        return f"no two runs that differ in {' and '.join(sorted(claim.named))} alone"
    return min(pairs, key=lambda pair: sum(recipe.count("-") for recipe in pair))


def _recipes_of(side: Side, claim: Claim, settings: Given) -> list[str]:
    """The recipes of a side; without tags where the claim names no settings, so that they are the grid's own."""
    return [
        recipe
        for recipe, given in settings.items()
        if _phases(recipe) == side.phases
        and (claim.named or "-" not in recipe)
        and all(given.get(name) == value for name, value in side.settings.items())
    ]


def _phases(recipe: str) -> tuple[str, ...]:
    return tuple(part.phase for part in Recipe(recipe).prefixes) if recipe else ()


def _apart_by(named: frozenset[str], first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two differ in some of the named settings and in nothing else; without names they may differ in phases."""
    differing = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    return not named or (bool(differing) and differing <= named)


def _decided(claim: Claim, judged: Judged, comparison: Comparison) -> Judged:
    """A claim with its comparison; one seed, or one of a dataset's repeated splits, decides nothing."""
    judged, estimate = replace(judged, comparison=comparison), comparison.estimate
    counted, count = ("seed", estimate.n_seeds)
    if isinstance(estimate, RepeatedSplits):
        counted, count = ("split", estimate.n_splits)
    if count == 1:
        return replace(judged, why=f"one {counted}, which says nothing of others")
    return replace(judged, outcome=_outcome(claim, comparison))


def _outcome(claim: Claim, comparison: Comparison) -> Outcome:
    """What a verdict means for a claim.

    That one side is better holds where the verdict is "better", and fails where it is "worse" or "equivalent". By so
    many points it holds where the interval lies above these, and fails where it lies below, as the 90% interval does of
    what is "equivalent" within fewer points. That there is no harm holds for "better" and "equivalent", and fails for
    "worse".
    """
    verdict, least = comparison.verdict, claim.at_least / 100
    if claim.harmless:
        held = {Verdict.BETTER: Outcome.HOLDS, Verdict.EQUIVALENT: Outcome.HOLDS, Verdict.WORSE: Outcome.FAILS}
        return held.get(verdict, Outcome.UNDECIDED)
    low, high, _ = comparison.interval
    if least:
        if verdict is Verdict.EQUIVALENT:
            high = comparison.estimate.interval(1 - 2 * ALPHA).high
        return Outcome.HOLDS if low >= least else Outcome.FAILS if high < least else Outcome.UNDECIDED
    if verdict in (Verdict.WORSE, Verdict.EQUIVALENT):
        return Outcome.FAILS
    return Outcome.HOLDS if verdict is Verdict.BETTER else Outcome.UNDECIDED


def _agreements(claim: Agreement, judged: Sequence[Judged]) -> list[Judged]:
    """Whether the base models of each dataset have one verdict."""
    found = []
    for dataset in dict.fromkeys(each.dataset for each in judged):
        of = [each for each in judged if each.dataset == dataset]
        decided = [each.comparison.verdict for each in of if each.comparison and each.outcome is not Outcome.UNJUDGED]
        sure = {verdict for verdict in decided if verdict is not Verdict.UNDECIDED}
        agreed = Judged(
            claim, dataset, "", Outcome.UNJUDGED, marks=tuple(dict.fromkeys(mark for each in of for mark in each.marks))
        )
        if len(of) < 2:
            found.append(replace(agreed, why="one base model"))
        elif len(decided) < 2:
            found.append(replace(agreed, why="judged with fewer than two base models"))
        elif len(sure) > 1:
            found.append(replace(agreed, outcome=Outcome.FAILS))
        else:
            told = Outcome.UNDECIDED if Verdict.UNDECIDED in decided else Outcome.HOLDS
            found.append(replace(agreed, outcome=told))
    return found
