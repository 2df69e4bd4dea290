"""How far variants move the scores from a baseline: paired over seeds and test rows, as a table and a forest plot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.figures import save_figure, without_screen
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.evaluation.results import Asked, failures, test_rows
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.evaluation.statistics.crossed import Estimate
from threephase.evaluation.statistics.families import Comparison, Verdict, compared
from threephase.tables import typeset
from threephase.tables.cells import LEVEL, in_points, numbers_of
from threephase.tables.legend import SAME, SIGNS, few_seeds, leaks, legend, marks, partial, repeated, would_decide
from threephase.tables.scores import COUNTS, evidence_of, marked_rows

PRIMARY = "accuracy"
SECONDARY = {"f1": "F1", "rare_recall": "Rare recall"}  # beside it, with intervals that are not corrected
COLOURS = {Verdict.BETTER: "#2166ac", Verdict.WORSE: "#b2182b"}
GREY = "#999999"


@dataclass(frozen=True)
class Effect:
    """One variant beside its baseline on one dataset with one base model."""

    dataset: str
    model: str
    baseline: str
    variant: str
    n: int  # runs that both have: seeds, on every repeated split
    of_baseline: float  # accuracies over these runs, in percent
    of_variant: float
    comparison: Comparison | None  # of accuracy, in shares; None where both saw the same, so that no test is made
    others: dict[str, Estimate]  # differences of the secondary scores

    def numbers(self) -> dict[str, Any]:
        """What the csv has; differences in points."""
        own = {
            "dataset": self.dataset, "model": self.model, "baseline": self.baseline, "variant": self.variant,
            "n": self.n, "baseline_accuracy": self.of_baseline, "accuracy": self.of_variant,
            "same": self.comparison is None,
        }  # fmt: skip
        if self.comparison:
            own |= numbers_of(self.comparison)
        for score, estimate in self.others.items():
            low, high, _ = estimate.interval(LEVEL)
            own |= {score: 100 * estimate.value, f"{score}_low": 100 * low, f"{score}_high": 100 * high}
        return own


def effects(
    results: pd.DataFrame,
    against: dict[str, list[str]],
    evidence: Mapping[tuple[str, str], Evidence | SplitEvidence],
    region: float,
) -> list[Effect]:
    """Each variant against its baseline, by dataset and base model; those of each are one family.

    Args:
        results: rows of `results.collect`, without failed runs.
        against: variants by baseline.
        evidence: what the predictions say.
        region: differences within ± this share count as none.
    """
    found = []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        by_variant = {name: part.set_index(["split", "seed"]) for name, part in rows.groupby("variant")}
        pairs = [(baseline, variant) for baseline, variants in against.items() for variant in variants]
        difference = evidence[dataset, model].difference
        differences = {pair: estimate for pair in pairs if (estimate := difference(pair[1], pair[0], PRIMARY))}
        shared = {pair: _shared(*(by_variant[name] for name in pair)) for pair in differences}
        saw = {pair: (*base["effective"], *own["effective"]) for pair, (base, own) in shared.items()}
        same = {pair for pair, (base, own) in shared.items() if (base["effective"] == own["effective"]).all()}
        # Two variants that saw the same, compared with one baseline, are one comparison and not two of the family.
        family = {saw[pair]: estimate for pair, estimate in differences.items() if pair not in same}
        comparisons = dict(zip(family, compared(list(family.values()), region), strict=True))
        for (baseline, variant), (base, own) in shared.items():
            others = {score: estimate for score in SECONDARY if (estimate := difference(variant, baseline, score))}
            found.append(
                Effect(
                    dataset, model, baseline, variant, len(own), 100 * float(base[PRIMARY].mean()),
                    100 * float(own[PRIMARY].mean()), comparisons.get(saw[baseline, variant]),
                    others,
                )
            )  # fmt: skip
    return found


def _shared(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the seeds, on the splits, that both have."""
    runs = first.index.intersection(second.index)
    return first.loc[runs], second.loc[runs]


def write_effects(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    titles: dict[str, str],
    probed: list[tuple[Any, ...]],
    probe_code: str,
    region: float,
    against: dict[str, list[str]],
    title: str,
    stem: Path,
    root: Path = RESULTS,
) -> list[Effect]:
    """Join some runs and write table (.csv, .md, .tex) and figure (.svg, .png); arguments as for `write_table`.

    Args:
        against: variants by their baseline.
        title: what is asked.
    """
    _, results = marked_rows(runs, asked, probed, probe_code, stem, root)
    found = effects(results[results["failed"].isna()], against, evidence_of(results, root), region / 100)
    says = [
        title if title.endswith("?") else f"{title}.",
        "Differences from the baseline in points, over the seeds that both have. Accuracy: with p before and "
        "(in brackets) after Holm's correction, and intervals at the level of that correction. F1 and recall of the "
        f"rarest third of the classes: 95% intervals, not corrected. Test rows: {test_rows(results, titles)}.",
        leaks(results), partial(missing, len(runs)),
    ]  # fmt: skip
    notes = [repeated(results, titles), few_seeds(results, titles), marks(results), failures(results, titles)]
    _write_table(found, " ".join(filter(None, says)), notes, legend(region), titles, stem)
    forest_plot(found, title, region, titles, stem)
    return found


def _write_table(
    found: list[Effect], caption: str, notes: list[str], explained: str, titles: dict[str, str], stem: Path
) -> None:
    heads = [
        "Dataset", "Base model", "Baseline", "Variant", "n", "Baseline's", "Variant's", "Accuracy", "p (Holm)",
        *SECONDARY.values(), "Would decide",
    ]  # fmt: skip
    rows = [
        [
            titles.get(effect.dataset, effect.dataset), titles.get(effect.model, effect.model), effect.baseline,
            effect.variant, str(effect.n), f"{effect.of_baseline:.1f}", f"{effect.of_variant:.1f}",
            *_compared(effect),
        ]
        for effect in found
    ]  # fmt: skip
    table = pd.DataFrame([effect.numbers() for effect in found])
    numbers = table.astype(dict.fromkeys(COUNTS.intersection(table), "Int64"))
    paper = typeset.latex(
        stem.name, caption, heads, [[*map(typeset.tex, row[:4]), *row[4:]] for row in rows], 4, notes=notes,
        legend=explained,
    )  # fmt: skip
    reading = typeset.markdown(caption, heads, rows, notes, explained)
    typeset.write(stem, as_csv(numbers, "%.5g"), reading, paper)


def _compared(effect: Effect) -> list[str]:
    """The cells right of the accuracies."""
    comparison = effect.comparison
    if comparison is None:
        return [SAME, *[""] * (len(SECONDARY) + 2)]
    low, high, _ = comparison.interval
    others = [in_points(estimate.value, *estimate.interval(LEVEL)[:2]) for estimate in effect.others.values()]
    return [
        f"{in_points(comparison.estimate.value, low, high)} {SIGNS[comparison.verdict]}",
        f"{_probability(comparison.p)} ({_probability(comparison.adjusted)})", *others, would_decide(comparison),
    ]  # fmt: skip


def _probability(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def forest_plot(found: list[Effect], title: str, region: float, titles: dict[str, str], stem: Path) -> None:
    """Draw a dot with its interval for each variant (.svg, .png), grey where that crosses zero, the region shaded.

    Datasets and base models stand beside each other. Without any effect the figure says so.

    Args:
        found: the effects, each variant of a cell once for a baseline.
        title: what is asked.
        region: differences within ± so many points count as none.
        titles: what datasets and base models are called.
        stem: the figure's files without their endings.
    """
    pyplot = without_screen()
    names = list(dict.fromkeys((effect.baseline, effect.variant) for effect in found))
    cells = list(dict.fromkeys((effect.dataset, effect.model) for effect in found))
    figure, axes = pyplot.subplots(
        1, max(1, len(cells)), figsize=(3.2 + 2.6 * len(cells), 1.4 + 0.26 * len(names)), sharey=True, squeeze=False
    )
    for axis, cell in zip(axes[0], cells, strict=bool(cells)):
        axis.axvspan(-region, region, color="#eeeeee", linewidth=0)
        axis.axvline(0, color="#888888", linewidth=0.8)
        for effect in found:
            if (effect.dataset, effect.model) == cell:
                height = len(names) - 1 - names.index((effect.baseline, effect.variant))
                _draw_effect(axis, height, effect.comparison)
        axis.set_title(typeset.in_figure(", ".join(titles.get(name, name) for name in cell)), fontsize=9)
        axis.set_xlabel("points of accuracy", fontsize=8)
        axis.tick_params(labelsize=8)
    if not found:
        axes[0][0].set_axis_off()
    against = {baseline for baseline, _ in names}
    labels = [f"{variant} − {baseline}" if len(against) > 1 else variant for baseline, variant in reversed(names)]
    axes[0][0].set_yticks(range(len(names)), list(map(typeset.in_figure, labels)))
    axes[0][0].set_ylim(-0.6, len(names) - 0.4)
    told = {0: ": nothing to compare", 1: f" (against {', '.join(against)})"}
    figure.suptitle(typeset.in_figure(f"{title}{told.get(len(against), '')}"), fontsize=10)
    figure.tight_layout()
    save_figure(figure, stem)
    pyplot.close(figure)


def _draw_effect(axis: Any, height: int, comparison: Comparison | None) -> None:
    if comparison is None:
        axis.plot(0, height, marker="$=$", markersize=6, color=GREY)
        return
    low, high, _ = (100 * each for each in comparison.interval)
    value = 100 * comparison.estimate.value
    crosses = low <= 0 <= high
    colour = GREY if crosses else COLOURS[Verdict.BETTER if value > 0 else Verdict.WORSE]
    axis.plot([low, high], [height, height], color=colour, linewidth=1.4)
    axis.plot(value, height, marker="o", markersize=4.5, color=colour)
