"""How far variants move accuracy from a baseline: paired differences over the same seeds, as a table and a figure."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase import typeset
from threephase.checkpoint import writing_file
from threephase.errors import CheckpointError
from threephase.grid import Run
from threephase.results import collect, failures, test_rows
from threephase.tables import SAME, selection

LEVEL = 0.95
ALPHA = 1 - LEVEL


@dataclass(frozen=True)
class Effect:
    """One variant beside its baseline on one dataset with one base model; accuracies and differences in %."""

    dataset: str
    model: str
    baseline: str
    variant: str
    n: int  # seeds that both have
    baseline_accuracy: float
    accuracy: float
    difference: float  # mean of the paired differences
    sd: float  # of the differences; not a number for one seed
    low: float  # confidence interval of the mean difference (Student's t)
    high: float
    p: float  # paired t-test
    p_holm: float  # the same, corrected for all comparisons of this dataset and base model (Holm)
    same: bool  # saw the same data and settings in every seed; no test is made


def effects(results: pd.DataFrame, against: dict[str, list[str]]) -> list[Effect]:
    """Each variant against its baseline, by dataset and base model.

    Args:
        results: rows of `results.collect`.
        against: variants by baseline.
    """
    found = []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        by_variant = {name: part.set_index("seed") for name, part in rows.groupby("variant")}
        compared = [
            _paired(dataset, model, baseline, variant, by_variant[baseline], by_variant[variant])
            for baseline, variants in against.items()
            for variant in variants
            if baseline in by_variant and variant in by_variant
            if not by_variant[baseline].index.intersection(by_variant[variant].index).empty
        ]
        corrected = iter(holm([effect.p for effect in compared if math.isfinite(effect.p)]))
        found += [
            Effect(**asdict(effect) | {"p_holm": next(corrected) if math.isfinite(effect.p) else math.nan})
            for effect in compared
        ]
    return found


def _paired(
    dataset: str, model: str, baseline: str, variant: str, first: pd.DataFrame, second: pd.DataFrame
) -> Effect:  # fmt: skip
    from scipy import stats

    seeds = first.index.intersection(second.index)
    before, after = 100 * first.loc[seeds, "accuracy"], 100 * second.loc[seeds, "accuracy"]
    differences = (after - before).to_numpy()
    n, mean = len(seeds), float(differences.mean())
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    reach = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * sd / math.sqrt(n) if n > 1 else math.nan
    same = bool((first.loc[seeds, "effective"] == second.loc[seeds, "effective"]).all())
    p = math.nan
    if n > 1 and sd > 0 and not same:
        p = float(stats.ttest_rel(after, before).pvalue)
    return Effect(
        dataset, model, baseline, variant, n, float(before.mean()), float(after.mean()), mean, sd, mean - reach,
        mean + reach, p, math.nan, same,
    )  # fmt: skip


def holm(p_values: list[float]) -> list[float]:
    """Holm's correction: the smallest of m p-values times m, the next times m − 1 …, never falling, at most 1."""
    m = len(p_values)
    corrected, running = [0.0] * m, 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, min(1.0, (m - rank) * p_values[place]))
        corrected[place] = running
    return corrected


def write_effects(params: Any, files: list[str], root: Path = Path("results")) -> list[Effect]:
    """Join the runs that the rule names and write table (.csv, .md, .tex) and figure (.svg, .png)."""
    runs = [Run(*run) for run in params.runs]
    if not runs:
        raise CheckpointError(f"{files[0]}: none of its runs exists yet; run `snakemake` without `tables.partial`")
    results = collect(runs, params.asked, root)
    found = effects(results[results["failed"].isna()], params.against)
    stem = Path(files[0]).with_suffix("")
    caption = _caption(params.title, results, params.titles)
    failed = failures(results, params.titles)
    caption += f" {failed}" if failed else ""
    if params.missing:
        caption += f" Partial: {params.missing} of {params.missing + len(runs)} runs are missing."
    _write_table(found, caption, params.titles, stem)
    _draw(found, params.title, params.titles, stem)
    return found


def _caption(title: str, results: pd.DataFrame, titles: dict[str, str]) -> str:
    rows = test_rows(results, titles)
    return (
        f"{title}. Difference of accuracy from the baseline in points, mean over seeds that both have, with its "
        f"{LEVEL:.0%} confidence interval (paired, Student's t): it covers the seeds' chance, not that of the test "
        f"rows ({rows}). p: paired t-test, in brackets after Holm's correction for all comparisons of a dataset and "
        f"base model. {selection(results)} '{SAME}': saw the same data and settings as the baseline."
    )


def _write_table(found: list[Effect], caption: str, titles: dict[str, str], stem: Path) -> None:
    heads = ["Dataset", "Base model", "Baseline", "Variant", "n", "Baseline's", "Variant's", "Difference", "p (Holm)"]
    rows = [
        [
            titles.get(effect.dataset, effect.dataset), titles.get(effect.model, effect.model), effect.baseline,
            effect.variant, str(effect.n), f"{effect.baseline_accuracy:.2f}", f"{effect.accuracy:.2f}",
            SAME if effect.same else _interval(effect), _p(effect),
        ]
        for effect in found
    ]  # fmt: skip
    numbers = pd.DataFrame([asdict(effect) for effect in found]).to_csv(index=False, float_format="%.5g")
    paper = typeset.latex(
        stem.name, caption, heads, [[*map(typeset.tex, row[:4]), *row[4:]] for row in rows], 4
    )  # fmt: skip
    typeset.write(stem, numbers, typeset.markdown(caption, heads, rows), paper)


def _interval(effect: Effect) -> str:
    reach = f" [{effect.low:+.2f}, {effect.high:+.2f}]" if effect.n > 1 else ""
    difference = round(effect.difference, 2) + 0.0  # no minus before nothing
    return f"{difference:+.2f}{reach}"


def _p(effect: Effect) -> str:
    return f"{_probability(effect.p)} ({_probability(effect.p_holm)})" if math.isfinite(effect.p) else ""


def _probability(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _draw(found: list[Effect], title: str, titles: dict[str, str], stem: Path) -> None:
    """A dot with its interval for each variant; datasets and base models beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "threephase"  # the same file every time
    from matplotlib import pyplot

    names = list(dict.fromkeys((effect.baseline, effect.variant) for effect in found))
    cells = list(dict.fromkeys((effect.dataset, effect.model) for effect in found))
    figure, axes = pyplot.subplots(
        1, len(cells), figsize=(3.2 + 2.6 * len(cells), 1.4 + 0.26 * len(names)), sharey=True, squeeze=False
    )
    for axis, cell in zip(axes[0], cells, strict=True):
        axis.axvline(0, color="#888888", linewidth=0.8)
        for effect in found:
            if (effect.dataset, effect.model) == cell:
                height = len(names) - 1 - names.index((effect.baseline, effect.variant))
                colour = "#bbbbbb" if effect.same else ("#b2182b" if effect.difference < 0 else "#2166ac")
                reach = 0.0 if math.isnan(effect.sd) else effect.high - effect.difference
                axis.errorbar(effect.difference, height, xerr=reach, fmt="o", markersize=4, color=colour, linewidth=1.2)
        axis.set_title(", ".join(titles.get(name, name) for name in cell), fontsize=9)
        axis.set_xlabel("points of accuracy", fontsize=8)
        axis.tick_params(labelsize=8)
    axes[0][0].set_yticks(range(len(names)), [variant for _, variant in reversed(names)])
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    with writing_file(stem.with_suffix(".svg")) as beside:
        figure.savefig(beside, metadata={"Date": None})
    with writing_file(stem.with_suffix(".png")) as beside:
        figure.savefig(beside, dpi=150)
    pyplot.close(figure)
