"""The paper's claims as a table: for how many datasets and base models each holds, fails or is undecided, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS, split_name
from threephase.evaluation.candidates import Classifiers, SplitVectors, Vectors, read_vectors, settings_of
from threephase.evaluation.claims import CLAIMS, SCORES, Agreement, Claim
from threephase.evaluation.judging import Cell, Judged, Outcome, judge
from threephase.evaluation.results import Asked, failures, test_rows
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.experiment.recipe import Probed
from threephase.tables import typeset
from threephase.tables.cells import in_points, numbers_of
from threephase.tables.legend import MARKED, MISSING, SAME, SIGNS, few_seeds, leaks, legend, partial, repeated
from threephase.tables.scores import COUNTS, evidence_of, marked_rows, remarks_by_dataset

CAPTION = (
    "The paper's claims, judged by this grid: for how many pairs of dataset and base model (of an agreement: for "
    "how many datasets) each holds, fails or is undecided. A > B holds where A is better than B by the rule of "
    "all tables, and fails where it is worse or equivalent; A > B + 1 holds where the interval lies above 1 "
    "point, and fails where it lies below; A ≥ B holds where A is better or equivalent. All comparisons of one "
    "score of a dataset with a base model that stand in this table are one family of Holm's correction, so that a "
    "verdict may be more cautious than in a table of fewer. What has one seed, or one of a dataset's repeated splits "
    "alone, is shown and not judged. Accuracy, "
    "precision, recall and F1 are those of test rows; kNN, centroid and logistic are accuracies of simple "
    "classifiers on vectors, tried on validation rows. In the paper: for how many of its pairs the published "
    "figures have it so, whatever chance may have done."
)
DETAILS = (
    "Each comparison that this grid has: better − worse in points, with its interval at the level of Holm's "
    "correction. Sees: the smallest effect, in points, that so many seeds and rows, or splits, would show in "
    "4 of 5 cases, where a claim is undecided; above, of all its places. Paper: the difference of the published "
    "figures."
)

COUNTED = [Outcome.HOLDS, Outcome.FAILS, Outcome.UNDECIDED]
HEADS = ["", "Claim", "Said in", "Compared", "Score", "Holds", "Fails", "Undecided", "Not judged", "In the paper"]
DETAIL_HEADS = [
    "", "Dataset", "Base model", "Compared", "n", "Score", "Difference", "Claim", "Sees", "Paper", "Marks",
]  # fmt: skip

Published = Mapping[tuple[str, str, str, str], float]  # by dataset, base model, variant and score, in percent


def cells_of(
    results: pd.DataFrame,
    evidence: Mapping[tuple[str, str], Evidence | SplitEvidence],
    vectors: Mapping[tuple[str, str], Vectors | SplitVectors],
    root: Path,
) -> list[Cell]:
    """What claims can be about, for each dataset and base model, on all of its repeated splits together.

    What was asked of a recipe is that of its first run: of repeated splits only what studies found may differ, which
    variants share.

    Args:
        results: rows of `results.collect`, with marks.
        evidence: what their predictions say.
        vectors: of the checkpoints that they rest on.
        root: the results folder.
    """
    found = []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        settings = {
            run["recipe"]: settings_of(split_name(dataset, run["split"]), model, run["seed"], run["recipe"], root)
            for run in rows.drop_duplicates("recipe").to_dict("records")
        }
        classifiers = Classifiers(rows, evidence.get((dataset, model)), settings)
        found.append(Cell(dataset, model, classifiers, vectors.get((dataset, model), Vectors({}, {}))))
    return found


def write_claims(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    titles: dict[str, str],
    expected: dict[str, dict[str, int | None]],
    probed: list[tuple[Any, ...]],
    probe_code: str,
    region: float,
    published: str,
    stem: Path,
    root: Path = RESULTS,
) -> list[Judged]:
    """Judge the claims by some runs and write the table (.csv, .md, .tex); arguments as for `write_table`."""
    joined, results = marked_rows(runs, asked, probed, probe_code, stem, root)
    vectors = read_vectors([Probed(*each) for each in probed], root)
    judged = judge(cells_of(results, evidence_of(results, root), vectors, root), CLAIMS, region / 100)
    says = [
        CAPTION, f"Test rows: {test_rows(results, titles)}.", leaks(results), partial(missing, len(runs)),
    ]  # fmt: skip
    notes = [
        repeated(results, titles), few_seeds(results, titles), remarks_by_dataset(joined, expected, titles, root),
        failures(results, titles),
    ]  # fmt: skip
    figures = published_figures(pd.read_csv(published))
    write_table(judged, figures, " ".join(filter(None, says)), notes, region, titles, stem)
    return judged


def published_figures(published: pd.DataFrame) -> Published:
    """The paper's figures, those of Table 3 where Table 4 has them too."""
    keys = ["dataset", "model", "variant", "score"]
    return dict(published.sort_values("table", kind="stable").drop_duplicates(keys).set_index(keys)["value"])


def published_differences(claim: Claim, figures: Published) -> dict[tuple[str, str], float]:
    """By how many points the paper has one side above the other, for its datasets and base models."""
    found = {}
    for dataset, model, variant, score in figures:
        other = (dataset, model, claim.worse.name, score)
        if (variant, score) == (claim.better.name, claim.score) and other in figures:
            found[dataset, model] = figures[dataset, model, variant, score] - figures[other]
    return found


def told(judged: Iterable[Judged]) -> str:
    """`12 hold, 3 fail, 9 undecided, 40 not judged`: all claims in all places, counted."""
    counts = Counter(each.outcome for each in judged)
    decided = ", ".join(
        f"{counts[outcome]} {verb}" for outcome, verb in zip(COUNTED, ("hold", "fail", "undecided"), strict=True)
    )
    return f"{decided}, {counts[Outcome.UNJUDGED] + counts[Outcome.SAME]} not judged"


def write_table(
    judged: list[Judged],
    figures: Published,
    caption: str,
    notes: list[str],
    region: float,
    titles: dict[str, str],
    stem: Path,
) -> None:
    """Write what was judged: every place as numbers; counts and comparisons for reading; counts for papers.

    Args:
        judged: claim by claim.
        figures: the paper's.
        caption: of the counts.
        notes: what holds for both, below the comparisons; in a paper the end of the caption.
        region: differences within ± so many points count as none.
        titles: what datasets and base models are called.
        stem: the table's files without their endings.
    """
    by_claim: dict[int, list[Judged]] = {number: [] for number in range(1, len(CLAIMS) + 1)}
    for each in judged:
        by_claim[CLAIMS.index(each.claim) + 1].append(each)
    counts = [[str(number), *_counts(CLAIMS[number - 1], of, figures)] for number, of in by_claim.items()]
    details = [
        [str(number), *_detail(each.claim, each, figures, titles)]
        for number, of in by_claim.items()
        for each in of
        if isinstance(each.claim, Claim) and (each.comparison or each.outcome is Outcome.SAME)
    ]
    reading = typeset.markdown(caption, HEADS, counts)
    reading += "\n" + typeset.markdown(DETAILS, DETAIL_HEADS, details, notes, legend(region))
    shown = [[*map(typeset.tex, row)] for row in counts]
    paper = typeset.latex(stem.name, caption, HEADS, shown, 5, notes=notes, legend=legend(region))
    numbers = pd.DataFrame([_numbers(number, each, figures) for number, of in by_claim.items() for each in of])
    typed = numbers.astype(dict.fromkeys(COUNTS.intersection(numbers), "Int64"))
    typeset.write(stem, as_csv(typed, "%.5g"), reading, paper)


def _counts(claim: Claim | Agreement, judged: list[Judged], figures: Published) -> list[str]:
    """A claim, where the paper has it, how often it comes to what, and what the paper's own figures have."""
    counts = Counter(each.outcome for each in judged)
    reasons = Counter(each.why for each in judged if each.outcome is Outcome.UNJUDGED)
    if counts[Outcome.SAME]:
        reasons[f"{SAME} (saw the same)"] = counts[Outcome.SAME]
    why = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
    seen = sorted(each.detectable for each in judged if each.detectable is not None)
    sees = f" (sees {' to '.join(f'{each:.1f}' for each in dict.fromkeys((seen[0], seen[-1])))})" if seen else ""
    shown = [*(str(counts[outcome]) for outcome in COUNTED[:-1]), f"{counts[Outcome.UNDECIDED]}{sees}", why]
    if isinstance(claim, Agreement):
        return [claim.says, claim.where, "", "", *shown, MISSING]
    theirs = published_differences(claim, figures).values()
    paper = f"{sum(map(claim.fits, theirs))} of {len(theirs)}" if theirs else MISSING
    return [claim.says, claim.where, claim.comparison, SCORES[claim.score], *shown, paper]


def _detail(claim: Claim, judged: Judged, figures: Published, titles: dict[str, str]) -> list[str]:
    """A claim in one place."""
    comparison = judged.comparison
    runs, difference = "", SAME
    if comparison:
        low, high, _ = comparison.interval
        runs = str(comparison.estimate.n_runs)
        sign = f" {SIGNS[comparison.verdict]}{MARKED * bool(judged.marks)}"
        difference = in_points(comparison.estimate.value, low, high) + sign
    theirs = published_differences(claim, figures).get((judged.dataset, judged.model))
    return [
        *(titles.get(name, name) for name in (judged.dataset, judged.model)), " − ".join(judged.compared), runs,
        SCORES[claim.score], difference, str(judged.outcome),
        "" if judged.detectable is None else f"{judged.detectable:.1f}",
        "" if theirs is None else f"{theirs:+.2f}", "; ".join(judged.marks),
    ]  # fmt: skip


def _numbers(number: int, judged: Judged, figures: Published) -> dict[str, Any]:
    """What the csv has of a claim in one place; differences in points."""
    claim = judged.claim
    own: dict[str, Any] = {
        "number": number, "claim": claim.says, "said_in": claim.where, "dataset": judged.dataset, "model": judged.model,
        "outcome": str(judged.outcome), "why_not": judged.why, "marks": "; ".join(judged.marks),
    }  # fmt: skip
    if isinstance(claim, Claim):
        own |= {"score": claim.score, "better": claim.better.name, "worse": claim.worse.name}
        own["published_difference"] = published_differences(claim, figures).get((judged.dataset, judged.model))
    own |= dict(zip(("first", "second"), judged.compared, strict=False)) | {"detectable": judged.detectable}
    if judged.comparison:
        own |= {"n": judged.comparison.estimate.n_runs, **numbers_of(judged.comparison)}
    return own
