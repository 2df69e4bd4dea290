"""What a grid comes to, in plain sentences: by dataset and base model, and the run of each dataset to take home."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import writing_file
from threephase.artifacts.inert import in_markdown
from threephase.artifacts.layout import RESULTS
from threephase.evaluation.checks import AT_CHANCE, PLAIN
from threephase.evaluation.results import Asked
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.evaluation.statistics.crossed import Interval
from threephase.evaluation.statistics.datasets import RepeatedSplits
from threephase.evaluation.statistics.families import ALPHA, Comparison, Verdict, detectable, needed
from threephase.experiment.recipe import UNSEEDED, Recipe
from threephase.tables.cells import Cell, cells_of, in_points
from threephase.tables.legend import partial, repeated
from threephase.tables.scores import evidence_of, marked_rows

SCORE = "accuracy"
POINT = 0.01  # the difference that an undecided comparison is asked for: one point
UNTOUCHED = {"centroid", "frozen_logreg"}  # baselines on the base model as it came
ALIKE = 0.9  # of the most validation rows: scores on fewer are no match; repeated splits differ by a row
BRACKETS = (
    "In points of accuracy; in brackets intervals over seeds and test rows (over the splits, where a dataset has "
    "repeated ones), at the level at which Holm's correction tests the comparison. docs/statistics.md explains them."
)


@dataclass(frozen=True)
class Conclusion:
    """What one dataset with one base model comes to, sentence by sentence; empty where there is nothing to say.

    Args:
        dataset: its title.
        model: its title.
        difference: the paper's method against plain fine-tuning.
        caveats: why not to rely on it.
        others: the other main variants against the reference.
        baselines: what classifiers that are none of the paper's reach, in what time.
        costs: what the trainings of a run take.
    """

    dataset: str
    model: str
    difference: str
    caveats: str
    others: str
    baselines: str
    costs: str


@dataclass(frozen=True)
class TakeHome:
    """The run of a dataset that validation rows chose among all base models, variants, repeated splits and seeds.

    Args:
        dataset: its title.
        path: the checkpoint's folder; None where every run failed or saw test rows.
        sentence: which run it is, and how it was chosen.
    """

    dataset: str
    path: Path | None
    sentence: str


def conclusions(
    results: pd.DataFrame,
    evidence: Mapping[tuple[str, str], Evidence | SplitEvidence],
    main: list[str],
    reference: str,
    titles: Mapping[str, str],
    region: float,
) -> list[Conclusion]:
    """What each dataset comes to with each base model, on all of its repeated splits together.

    Verdicts are those of Table 3: the same variants make up a family.

    Args:
        results: rows of `results.collect`, with marks.
        evidence: what the predictions say.
        main: the main variants, baselines last.
        reference: the variant that the others are compared with.
        titles: what datasets and base models are called.
        region: differences within ± so many points count as none.
    """
    return [
        _conclusion(rows, evidence.get((dataset, model)), main, reference, titles, region)
        for (dataset, model), rows in results[results["variant"].isin(main)].groupby(["dataset", "model"], sort=False)
    ]


def _conclusion(
    rows: pd.DataFrame,
    evidence: Evidence | SplitEvidence | None,
    main: list[str],
    reference: str,
    titles: Mapping[str, str],
    region: float,
) -> Conclusion:
    dataset, model = (rows[name].iloc[0] for name in ("dataset", "model"))
    variants = [variant for variant in main if variant in set(rows["variant"])]
    cells = dict(zip(variants, cells_of(rows, evidence, SCORE, variants, reference, region / 100), strict=True))
    recipes = {variant: Recipe(rows.loc[rows["variant"] == variant, "recipe"].iloc[0]) for variant in variants}
    phases = [variant for variant in variants if recipes[variant].baseline is None]
    pair = _pair(phases, recipes, reference)
    seconds = rows[rows["failed"].isna()].groupby("variant", sort=False)["seconds"].mean().to_dict()
    return Conclusion(
        titles.get(dataset, dataset),
        titles.get(model, model),
        _difference(pair, reference, cells, seconds, region),
        " ".join(_caveats(rows, pair)),
        _others({name: cells[name] for name in phases if name not in (*pair, reference)}, reference),
        _beside({name: cells[name] for name in variants if name not in phases}, recipes, seconds, reference),
        _costs({name: seconds[name] for name in phases if name in seconds}),
    )


def _pair(phases: list[str], recipes: Mapping[str, Recipe], reference: str) -> list[str]:
    """The reference and plain fine-tuning, or the next variant without one; plain fine-tuning always stands second.

    One alone where there is nothing to compare it with.
    """
    if reference not in phases:
        return phases[:1]
    rest = sorted((name for name in phases if name != reference), key=lambda name: recipes[name] != PLAIN)[:1]
    return sorted([reference, *rest], key=lambda name: recipes[name] == PLAIN)


def _difference(
    pair: list[str],
    reference: str,
    cells: Mapping[str, Cell | None],
    seconds: Mapping[str, float],
    region: float,
) -> str:
    """How far the first is above or below the second, with what it costs; or what would tell them apart."""
    there = {name: cell for name in pair if (cell := cells[name])}
    if len(there) < len(pair) or not pair:
        gone = [name for name in pair if name not in there]
        return f"No run of {' or '.join(gone or [reference])} came to an end here."
    ours, *others = pair
    if not others:
        low, high, _ = there[ours].interval
        against = "no other variant" if ours == reference else f"no run of {reference}"
        return (
            f"{ours} reaches an accuracy of {there[ours].mean:.1f} [{low:.1f}, {high:.1f}]; {against} stands beside it."
        )
    (other,) = others
    sign = -1 if ours == reference else 1  # comparisons are of the other one with the reference
    compared = there[other if ours == reference else ours]
    if compared.same:
        return f"{ours} and {other} saw the same data and settings here, so that there is nothing to compare."
    if compared.comparison is None:
        return f"{ours} and {other} have no seed in common, so that they are not compared."
    comparison, estimate = compared.comparison, compared.comparison.estimate
    value, interval = sign * estimate.value, _turned(comparison.interval, sign)
    times = f"at {seconds[ours] / seconds[other]:.1f} times its training time"
    match comparison.verdict:
        case Verdict.UNDECIDED:
            shown = in_points(value, *interval[:2])
            apart = f"{ours} and {other} cannot be told apart here ({ours} minus {other}: {shown})"
            return f"{apart}; {_would_tell(comparison)}."
        case Verdict.EQUIVALENT:
            shown = in_points(value, *_turned(estimate.interval(1 - 2 * ALPHA), sign)[:2])
            return f"{ours} is as good as {other} here, within ±{region:g} points ({shown}, a 90% interval), {times}."
        case Verdict.BETTER | Verdict.WORSE:
            away, where = (1, "above") if value > 0 else (-1, "below")
            low, high, _ = _turned(interval, away)
            points = f"{100 * abs(value):.1f} points [{100 * low:.1f}, {100 * high:.1f}]"
            return f"{ours} is {points} {where} {other}, {times}."


def _turned(interval: Interval, sign: int) -> Interval:
    """The interval of a difference, or of the same difference the other way round."""
    return interval if sign > 0 else Interval(-interval.high, -interval.low, interval.level)


def _would_tell(comparison: Comparison) -> str:
    """What would tell a point, in four of five cases, where nothing is told."""
    estimate = comparison.estimate
    if detectable(comparison) <= POINT:
        on = (
            f"{estimate.n_splits:,} splits"
            if isinstance(estimate, RepeatedSplits)
            else f"{estimate.n_rows:,} test rows"
        )
        return f"a difference of 1 point would most likely have shown on these {on}"
    rows, seeds, splits = needed(estimate, POINT, 1 - comparison.interval.level)
    if rows is not None and rows > estimate.n_rows:
        return f"about {_about(rows):,} test rows would tell 1 point"
    if isinstance(estimate, RepeatedSplits):
        return _splits_would_tell(estimate.n_splits, splits)
    if seeds is not None:
        more = _about(max(seeds, estimate.n_seeds + 1))
        return (
            f"about {more:,} seeds would tell 1 point; with {estimate.n_seeds} seeds, more test rows alone hardly would"
        )
    return "only more seeds and more test rows together would tell 1 point"


def _splits_would_tell(there: int, needed: int | None) -> str:
    """The same where a dataset has so many repeated splits."""
    if there == 1:
        return "only more splits would tell 1 point"
    if needed is None:
        return "only more splits and more rows together would tell 1 point"
    return f"about {_about(max(needed, there + 1)):,} splits would tell 1 point"


def _about(count: int) -> int:
    """Rounded up to two digits."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return unit * math.ceil(count / unit)


def _caveats(rows: pd.DataFrame, variants: Iterable[str]) -> Iterable[str]:
    """Why not to rely on what is said of some variants: marks, chance, failures, leaks, a single seed or split."""
    marked: list[str] = []
    alone: dict[str, list[str]] = {"split": [], "seed": []}
    for variant in variants:
        own = rows[rows["variant"] == variant]
        ended = own[own["failed"].isna()]
        lost, leaked = len(own) - len(ended), int(own["saw_test"].sum())
        chance = sum(any(mark.endswith(AT_CHANCE) for mark in marks) for marks in ended["marks"])
        if lost and len(ended):
            yield f"{lost} of {len(own)} runs of {variant} failed and count for nothing here."
        if chance:
            of = f"{chance} of {len(ended)} runs"
            yield f"{variant} is at chance in {of}: not clearly better than naming the largest class."
        if leaked:
            yield f"LEAK: {variant} saw test rows while it was trained or chosen."
        what = "split" if ended["split"].any() else "seed"
        if ended[what].nunique() == 1:
            alone[what].append(variant)
        others = Counter(mark for marks in ended["marks"] for mark in marks if not mark.endswith(AT_CHANCE))
        by_recipe: dict[str, dict[str, int]] = {}
        for mark, count in others.items():
            recipe, _, what = mark.partition(": ")
            by_recipe.setdefault(recipe, {})[what] = count
        if by_recipe:
            told = _listed(
                f"{recipe} ({', '.join(f'{what} in {count}' for what, count in of.items())} of {len(ended)} runs)"
                for recipe, of in by_recipe.items()
            )
            marked.append(f"{variant} is marked for {told}")
    if marked:
        yield f"With care: {'; '.join(marked)}."
    for what, single in alone.items():
        if single:
            yield f"One {what} of {_listed(single)} says nothing of other {what}s."


def _others(cells: Mapping[str, Cell | None], reference: str) -> str:
    told = [
        f"{name} {_stands(cell, reference)} ({_shown(cell.comparison)}{', one seed alone' if cell.n == 1 else ''})"
        for name, cell in cells.items()
        if cell and cell.comparison
    ]
    return f"{'; '.join(told)}." if told else ""


def _shown(comparison: Comparison) -> str:
    return in_points(comparison.estimate.value, *comparison.interval[:2])


def _stands(cell: Cell, reference: str, several: bool = False) -> str:
    """How a variant compares with the reference, after its name, or how several do that compare alike."""
    assert cell.comparison is not None
    verb = "are" if several else "is"
    return {
        Verdict.BETTER: f"{verb} above {reference}",
        Verdict.WORSE: f"{verb} below {reference}",
        Verdict.EQUIVALENT: f"{verb} as good as {reference}",
        Verdict.UNDECIDED: f"cannot be told apart from {reference}",
    }[cell.comparison.verdict]


def _beside(
    cells: Mapping[str, Cell | None], recipes: Mapping[str, Recipe], seconds: Mapping[str, float], reference: str
) -> str:
    """What each baseline reaches, in what time, and how it compares with the reference; those alike in one sentence."""
    alike: dict[Verdict | None, dict[str, Cell]] = {}
    for name, cell in cells.items():
        if cell:
            alike.setdefault(cell.comparison.verdict if cell.comparison else None, {})[name] = cell
    told = []
    for verdict, group in alike.items():
        reached = [
            f"{name}{' on the untouched encoder' if recipes[name].baseline in UNTOUCHED else ''}"
            f"{'' if place else ' reaches'} {cell.mean:.1f} in {_duration(seconds[name])}"
            for place, (name, cell) in enumerate(group.items())
        ]
        several, any_of_them = len(group) > 1, next(iter(group.values()))
        joint = "; they " if several else " and "
        stands = f"{joint}{_stands(any_of_them, reference, several)}" if verdict else ""
        told.append(f"{_listed(reached)}{stands}.")
    return " ".join(told)


def _costs(seconds: Mapping[str, float]) -> str:
    told = _listed(f"{_duration(of_run)} for {name}" for name, of_run in seconds.items())
    return f"The trainings of one run take {told}." if told else ""


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _listed(parts: Iterable[str]) -> str:
    """`a, b and c`."""
    *before, last = [*parts] or [""]
    return f"{', '.join(before)} and {last}" if before else last


def takes_home(results: pd.DataFrame, titles: Mapping[str, str], root: Path) -> list[TakeHome]:
    """The run of each dataset with the best validation score; of equal ones the lower loss, then the shorter training.

    Runs that failed or saw test rows are none of them, nor those on fewer validation rows than others have, and where
    some score by accuracy and others by macro F1, those that score otherwise than the first. Test scores have no part.

    Args:
        results: rows of `results.collect`, with marks.
        titles: what datasets and base models are called.
        root: the results folder.
    """
    found = []
    for dataset, rows in results.groupby("dataset", sort=False):
        title = titles.get(dataset, dataset)
        there = rows[rows["failed"].isna() & ~rows["saw_test"].astype(bool)]
        if there.empty:
            found.append(TakeHome(title, None, f"{title}: no run came to an end without having seen test rows."))
            continue
        by_f1 = there["criterion"] == "macro_f1"
        alike = there[by_f1 == by_f1.iloc[0]]
        alike = alike[alike["n_validation"] >= ALIKE * alike["n_validation"].max()]
        order = ["validation_score", "validation_loss", "seconds"]
        best = alike.sort_values(order, ascending=[False, True, True], kind="stable").iloc[0]
        name = layout.split_name(str(dataset), best["split"])
        path = layout.checkpoint(name, best["model"], best["seed"], best["recipe"], root)
        runs = alike.assign(
            model=[layout.model_of(*each) for each in zip(alike["model"], alike["recipe"], strict=True)]
        )
        of = len(runs.drop_duplicates(["split", "model", "seed", "recipe"]))  # some baselines serve all base models
        found.append(TakeHome(title, path, f"{title}: {_chosen(best, of, titles)}"))
    return found


def _chosen(best: pd.Series, of: int, titles: Mapping[str, str]) -> str:
    """Which run was chosen, by what, and what the test rows say of it afterwards."""
    whose = [best["variant"]]
    if layout.reads_base_model(best["recipe"]):
        whose.append(titles.get(best["model"], best["model"]))
    if best["split"]:
        whose.append(f"split {best['split']}")
    if not (best["baseline"] and best["seed"] == UNSEEDED):
        whose.append(f"seed {best['seed']}")
    score = "macro F1" if best["criterion"] == "macro_f1" else "accuracy"
    marked = f" It is marked: {', '.join(best['marks'])}." if best["marks"] else ""
    by, tested = (", each run by those of its split", " of its split") if best["split"] else ("", "")
    return (
        f"{', '.join(whose)}. Validation rows alone chose it{by}: of {of:,} runs none has more than its {score} of "
        f"{100 * best['validation_score']:.1f} there. The test rows{tested}, which had no part in the choice, give it "
        f"an accuracy of {100 * best['accuracy']:.1f}.{marked}"
    )


def markdown(found: Iterable[Conclusion], home: Iterable[TakeHome], remark: str = "") -> str:
    """All of it as a page."""
    blocks = []
    for each in found:
        headline = in_markdown(" ".join(filter(None, [each.difference, each.caveats])))
        points = "".join(f"\n- {in_markdown(point)}" for point in (each.others, each.baselines, each.costs) if point)
        blocks.append(f"**{in_markdown(each.dataset)}, {in_markdown(each.model)}**: {headline}\n{points}")
    runs = [f"- {in_markdown(each.sentence)}" + (f"\n  `{each.path}`" if each.path else "") for each in home]
    explained = " ".join(filter(None, [BRACKETS, remark]))
    return "\n\n".join(["# What came out", *blocks, "To take home:", "\n".join(runs), explained]) + "\n"


def write_verdict(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    main: list[str],
    reference: str,
    titles: dict[str, str],
    probed: list[tuple[Any, ...]],
    probe_code: str,
    region: float,
    out: Path,
    root: Path = RESULTS,
) -> list[Conclusion]:
    """Join the runs of a grid and write what it comes to as Markdown; arguments as for `write_table`.

    Args:
        main: the main variants, baselines last.
        out: the file.
    """
    _, results = marked_rows(runs, asked, probed, probe_code, out, root)
    shown = results[results["variant"].isin(main)]
    found = conclusions(shown, evidence_of(shown, root), main, reference, titles, region)
    remark = " ".join(filter(None, [repeated(shown, titles), partial(missing, len(runs))]))
    page = markdown(found, takes_home(results, titles, root), remark)
    with writing_file(out) as beside:
        beside.write_text(page, encoding="utf-8")
    return found
