"""Variants over all datasets of a base model: ranks, tests of pairs, chances; as a table and a diagram."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.figures import save_figure, without_screen
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.errors import CheckpointError
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
    there = results[results["failed"].isna() & results["variant"].isin(variants)]
    found = {}
    for model, rows in there.groupby("model", sort=False):
        means = rows.pivot_table(index="dataset", columns="variant", values=SCORE, aggfunc="mean", sort=False)
        scores = means[[variant for variant in variants if variant in means]].dropna()
        if len(scores) >= LEAST_DATASETS and reference in scores and len(scores.columns) > 1:
            found[model] = over_datasets(scores, reference, region)
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

    Raises CheckpointError where no base model has all variants on 5 datasets yet.
    """
    results = collect([Run(*run) for run in runs], asked, root)
    found = compare_over_datasets(results, variants, reference, region / 100)
    if not found:
        raise CheckpointError(
            f"{stem}: no base model has these variants on {LEAST_DATASETS} datasets; run the grid first"
        )
    caption = " ".join(
        filter(
            None,
            [_caption(found, reference, region, titles), leaks(results), partial(missing, len(runs))],
        )
    )
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
        ]
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

    most = max(len(of.ranks) for of in found.values())
    figure, axes = pyplot.subplots(len(found), 1, figsize=(8, len(found) * (1.2 + 0.22 * most)), squeeze=False)
    for axis, (model, of) in zip(axes[:, 0], found.items(), strict=True):
        shown = {variant: typeset.in_figure(variant) for variant in of.ranks.index}
        scikit_posthocs.critical_difference_diagram(
            of.ranks.rename(shown), of.pairs.rename(index=shown, columns=shown), ax=axis
        )
        axis.set_title(typeset.in_figure(f"{titles.get(model, model)}: mean ranks over {of.n} datasets"), fontsize=9)
    figure.tight_layout()
    save_figure(figure, stem)
    pyplot.close(figure)
