"""The signs that all tables share, and the one legend that explains them."""

from collections import Counter

import pandas as pd

from threephase.evaluation.checks import LEAST_ROWS
from threephase.evaluation.statistics.datasets import RepeatedSplits
from threephase.evaluation.statistics.families import Comparison, Verdict
from threephase.settings.dataset import Fold

SAME, MISSING, PAPER, MARKED = "=", "–", "in the paper", "†"
SIGNS = {Verdict.BETTER: "▲", Verdict.WORSE: "▼", Verdict.EQUIVALENT: "≈", Verdict.UNDECIDED: "·"}
LEGEND = "Legend. "  # what it begins with
FEW = 5  # seeds; with fewer a caption says so


def without_repeats(texts: list[str]) -> tuple[list[str], list[str]]:
    """Texts of tables' files without what several of them say, and this, each once, legends last.

    What shows several tables at once needs to say once what holds for all of them. A legend is taken out of a single
    table too.
    """
    counts = Counter(line for text in texts for line in set(_notes(text)))
    shared = {line for line, count in counts.items() if count > 1 or line.startswith(LEGEND)}
    parts = ["\n".join(line for line in text.splitlines() if line not in shared) for text in texts]
    inorder = dict.fromkeys(line for text in texts for line in _notes(text) if line in shared)
    return parts, sorted(inorder, key=lambda line: line.startswith(LEGEND))


def _notes(text: str) -> list[str]:
    """The lines of a table's file below its first table that belong to no table."""
    lines = text.splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith("|")), len(lines))
    return [line for line in lines[first:] if line and not line.startswith("|")]


def legend(region: float) -> str:
    """What cells and signs mean. Stands below each table for reading; a paper needs it once.

    Args:
        region: differences within ± so many points count as none.
    """
    return (
        f"{LEGEND}89.0 [87.1, 90.9] (10): mean of 10 seeds with its 95% interval, over seeds and test rows; of one "
        "seed over test rows alone. "
        f"Against the reference, paired over seeds and test rows: {SIGNS[Verdict.BETTER]} better, "
        f"{SIGNS[Verdict.WORSE]} worse (5%, after Holm's correction for all comparisons of a dataset and base model, "
        "baselines apart), "
        f"{SIGNS[Verdict.EQUIVALENT]} equivalent (the difference's 90% interval is within ±{region:g} points), "
        f"{SIGNS[Verdict.UNDECIDED]} undecided. "
        "Bold: not worse than the best, among cells with as many seeds as any of their row; italic (grey in LaTeX): "
        f"fewer seeds. {SAME}: saw the same data and settings as the reference, so that no test is made. "
        f"{MARKED}: rests on a phase that did not do its work, or was still learning, or is at chance, or was chosen "
        f"on fewer than {LEAST_ROWS} validation rows; the caption says which. "
        f"{MISSING}: no run, or none that did not fail. Validation chose settings and epochs, and the test "
        "split was read once, unless the caption says LEAK. docs/statistics.md explains all of this."
    )


def in_short() -> str:
    """What cells and signs mean, in two lines: for a terminal, which shows neither bold nor italic."""
    return (
        f"89.0 [87.1, 90.9] (10): mean, 95% interval, seeds. {SIGNS[Verdict.BETTER]} better than the reference, "
        f"{SIGNS[Verdict.WORSE]} worse, {SIGNS[Verdict.EQUIVALENT]} equivalent, {SIGNS[Verdict.UNDECIDED]} undecided, "
        f"{SAME} the same training, {MARKED} marked, {MISSING} no run. The tables' files and docs/statistics.md say it "
        "in full."
    )


def marks(results: pd.DataFrame) -> str:
    """What the marks of some runs say, by the variants that have them: a sentence of a caption; empty without any.

    Each variant with how many of its runs have the mark.
    """
    runs = results["variant"].value_counts()
    found: dict[str, Counter[str]] = {}
    for variant, of_run in zip(results["variant"], results["marks"], strict=True):
        for mark in of_run:
            found.setdefault(mark, Counter())[variant] += 1
    told = [
        f"{mark} ({', '.join(f'{name}: {count} of {runs[name]} runs' for name, count in of.items())})"
        for mark, of in found.items()
    ]
    return f"{MARKED}: {'; '.join(told)}." if told else ""


def few_seeds(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """Which variants have so few seeds that these tell little, as a sentence of a caption; empty if none has.

    A variant that has as few on some of its datasets alone stands with their names.
    """
    there = results[results["failed"].isna() & (results["split"] == "")]  # of repeated splits `repeated` tells
    counts = there.groupby(["dataset", "model", "variant"], sort=False)["seed"].nunique()
    fewest = counts.groupby(["variant", "dataset"], sort=False).min().unstack("dataset")
    alike: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for variant, of_variant in fewest.reindex(there["variant"].unique()).iterrows():
        on = of_variant.dropna()
        for count in sorted({int(count) for count in on if count < FEW}):
            some = () if (on == count).all() else tuple(titles.get(name, name) for name in on[on == count].index)
            alike.setdefault((count, some), []).append(str(variant))
    told = [
        f"{'all' if len(names) == len(fewest) else ', '.join(names)} ({count}{' on ' if some else ''}{', '.join(some)})"
        for (count, some), names in alike.items()
    ]
    return f"Fewer than {FEW} seeds, which say little of other seeds: {'; '.join(told)}." if told else ""


def repeated(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """How datasets with repeated splits were tested, as sentences of a caption; empty if none has them."""
    told = []
    for dataset, rows in results[results["split"] != ""].groupby("dataset", sort=False):
        folds = [Fold.named(split) for split in rows["split"].unique()]
        seeds = rows.loc[~rows["baseline"].astype(bool), "seed"].nunique()
        counts = (len({fold.fold for fold in folds}), len({fold.repeat for fold in folds}), seeds)
        product = " × ".join(map(_counted, counts, ("fold", "repeat", "seed")))
        told.append(f"{titles.get(dataset, dataset)} ({product})")
    if not told:
        return ""
    return (
        f"Repeated splits: {', '.join(told)}. There n counts runs, a split is the mean of its seeds, and intervals, p "
        "and verdicts are those of the correlated t-test over the splits (Nadeau and Bengio 2003)."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def leaks(results: pd.DataFrame) -> str:
    """Which variants saw the test split, as a sentence of a caption; empty if none did."""
    leaky = list(dict.fromkeys(results.loc[results["saw_test"], "variant"]))
    return f"LEAK: test rows were trained on or chosen by in {', '.join(leaky)}." if leaky else ""


def partial(missing: int, there: int) -> str:
    """How many runs are missing, as a sentence of a caption; empty if none is."""
    return f"Partial: {missing} of {missing + there} runs are missing." if missing else ""


def without_runs(variants: list[str]) -> str:
    """Which variants have no column, as a sentence of a caption; empty if all have one."""
    return f"No run of {', '.join(variants)} is done yet, so no column." if variants else ""


def would_decide(comparison: Comparison) -> str:
    """The rows, seeds or splits that would decide an undecided comparison; empty for one that is decided."""
    if comparison.verdict is not Verdict.UNDECIDED:
        return ""
    needed = [
        f"{count:,} {what}"
        for count, what in (
            (comparison.seeds_needed, "seeds"),
            (comparison.rows_needed, "test rows"),
            (comparison.splits_needed, "splits"),
        )
        if count is not None
    ]
    if needed:
        return " or ".join(needed)
    if isinstance(comparison.estimate, RepeatedSplits):
        return "more splits and rows" if comparison.estimate.freedom else "more splits"
    return "more of both"
