"""Variants over all datasets of a base model: ranks, tests of pairs, chances; as a table and a diagram."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.figures import save_figure, without_screen
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.evaluation.results import Asked, collect, failures
from threephase.evaluation.statistics import LEAST_DATASETS
from threephase.evaluation.statistics.datasets import Chances, OverDatasets, over_datasets
from threephase.experiment.recipe import Run
from threephase.tables import typeset
from threephase.tables.legend import leaks, partial

SCORE = "accuracy"


def compare_over_datasets(
    results: pd.DataFrame, variants: list[str], reference: str, region: float
) -> dict[str, OverDatasets]:
    """The variants of each base model on the datasets that all of them have, where these are 5 or more.

    A dataset with repeated splits is one dataset, with the mean over its splits.

    Args:
        results: rows of `results.collect`.
        variants: which variants; one without any run of a base model is left out there.
        reference: the variant that others are compared with.
        region: differences within ± this share count as none.
    """
    return {
        model: over_datasets(scores, reference, region)
        for model, scores in shared_scores(results, variants).items()
        if len(scores) >= LEAST_DATASETS and reference in scores and len(scores.columns) > 1
    }


def shared_scores(results: pd.DataFrame, variants: list[str]) -> dict[str, pd.DataFrame]:
    """Mean scores by base model: a column for each variant with a run, a row for each dataset that all of these have.

    Arguments as for `compare_over_datasets`; a run that failed is none.
    """
    there = results[results["failed"].isna() & results["variant"].isin(variants)]
    found = {}
    for model, rows in there.groupby("model", sort=False):
        means = rows.pivot_table(index="dataset", columns="variant", values=SCORE, aggfunc="mean", sort=False)
        found[model] = means[[variant for variant in variants if variant in means]].dropna()
    return found


def write_over_datasets(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    region: float,
    stem: Path,
    root: Path = RESULTS,
) -> dict[str, OverDatasets]:
    """Join some runs and write table (.csv, .md, .tex) and diagram (.svg, .png); arguments as for `write_table`.

    Failed runs are a result: where they leave no base model enough datasets, the table is empty and says why.
    """
    results = collect([Run(*run) for run in runs], asked, root)
    found = compare_over_datasets(results, variants, reference, region / 100)
    says = _caption(found, reference, region, titles) if found else _why_empty(results, variants, reference, titles)
    caption = " ".join(filter(None, [says, leaks(results), partial(missing, len(runs))]))
    _write_table(found, reference, caption, [failures(results, titles)], titles, stem)
    _draw(found, titles, stem)
    return found


def _caption(found: dict[str, OverDatasets], reference: str, region: float, titles: dict[str, str]) -> str:
    told = "; ".join(
        f"{titles.get(model, model)}, {of.n} datasets"
        + (f", Friedman p {of.friedman:.3f}" if math.isfinite(of.friedman) else "")
        + f", smallest p that a pair can reach {min(1.0, of.smallest_p):.3f}, after Holm {of.smallest_adjusted:.3f}"
        for model, of in found.items()
    )
    return (
        f"Variants over datasets, by accuracy. Mean rank (1 is best); p of Wilcoxon's signed ranks against {reference} "
        "after Holm's correction over all pairs; chances that a variant is better, equivalent (within "
        f"±{region:g} points) or worse than {reference} on such a dataset (Bayesian signed ranks). {told}. "
        "So few datasets tell large differences alone: no difference found is not no difference."
    )


def _why_empty(results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str]) -> str:
    """What the table would take, and what each base model has of it."""
    told = "; ".join(
        f"{titles.get(model, model)} has {', '.join(scores)} on {len(scores)}"
        f"{'' if reference in scores else f', and no {reference}'}"
        for model, scores in shared_scores(results, variants).items()
    )
    return (
        f"Variants over datasets: nothing to compare. It takes {reference} and another variant of one base model, with "
        f"runs that did not fail of all its variants on {LEAST_DATASETS} datasets; {told or 'there is no such run'}."
    )


def _write_table(
    found: dict[str, OverDatasets],
    reference: str,
    caption: str,
    notes: list[str],
    titles: dict[str, str],
    stem: Path,
) -> None:
    table = pd.DataFrame(
        [
            {
                "model": model, "variant": variant, "n": of.n, "rank": rank,
                "p_holm": of.pairs.loc[reference, variant] if variant != reference else math.nan,
                **(of.chances[variant]._asdict() if variant in of.chances else {}),
            }
            for model, of in found.items()
            for variant, rank in of.ranks.sort_values().items()
        ],
        columns=["model", "variant", "n", "rank", "p_holm", *Chances._fields],
    )  # fmt: skip
    heads = ["Base model", "Variant", "Datasets", "Mean rank", "p (Holm)", "Better", "Equivalent", "Worse"]
    rows = [
        [
            titles.get(row["model"], row["model"]), row["variant"], str(row["n"]), f"{row['rank']:.2f}",
            *("" if math.isnan(row[name]) else f"{row[name]:.3f}" for name in ("p_holm", *Chances._fields)),
        ]
        for row in table.to_dict("records")
    ]  # fmt: skip
    paper = typeset.latex(stem.name, caption, heads, [[*map(typeset.tex, row)] for row in rows], 2, notes=notes)
    typeset.write(stem, as_csv(table, "%.5g"), typeset.markdown(caption, heads, rows, notes), paper)


def _draw(found: dict[str, OverDatasets], titles: dict[str, str], stem: Path) -> None:
    """A critical-difference diagram for each base model: a bar joins variants that no test tells apart."""
    pyplot = without_screen()
    import scikit_posthocs

    most, parts = max((len(of.ranks) for of in found.values()), default=0), max(len(found), 1)
    figure, axes = pyplot.subplots(parts, 1, figsize=(8, parts * (1.2 + 0.22 * most)), squeeze=False)
    if not found:
        axes[0, 0].set_title("Variants over datasets: nothing to compare", fontsize=9)
        axes[0, 0].set_axis_off()
    for axis, (model, of) in zip(axes[:, 0], found.items(), strict=False):
        shown = {variant: typeset.in_figure(variant) for variant in of.ranks.index}
        scikit_posthocs.critical_difference_diagram(
            of.ranks.rename(shown), of.pairs.rename(index=shown, columns=shown), ax=axis
        )
        axis.set_title(typeset.in_figure(f"{titles.get(model, model)}: mean ranks over {of.n} datasets"), fontsize=9)
    figure.tight_layout()
    save_figure(figure, stem)
    pyplot.close(figure)
