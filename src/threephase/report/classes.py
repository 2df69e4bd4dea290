"""Pictures of the classes: which are taken for which, and how well each is found."""

from typing import Any

import numpy as np
import pandas as pd

from threephase.evaluation.checks import PLAIN
from threephase.report.picture import GREY, Picture, legend_below, shortened
from threephase.report.runs import Runs
from threephase.tables.classes import class_table, column_of

CLASSES = 20  # that a matrix shows at the most
NAMED = 3  # confusions that a caption names


def confusions(runs: Runs) -> pd.DataFrame:
    """Rows of each label by what was predicted, of the reference and plain fine-tuning, over all their runs.

    Without plain fine-tuning the next variant stands beside the reference. Columns: `variant`, `label`, `predicted`,
    `rows`, `share` of the label's rows; only what occurs.
    """
    found = []
    others = [variant for variant in runs.compared if variant != runs.reference]
    others.sort(key=lambda variant: runs.of(variant)["recipe"].iloc[0] != PLAIN)
    for variant in [runs.reference, *others[:1]]:
        pooled = pd.concat([predictions[["label", "predicted"]] for _, predictions in runs.evaluated(str(variant))])
        counts = pooled.value_counts(["label", "predicted"], sort=False).rename("rows").reset_index()
        total = counts.groupby("label")["rows"].transform("sum")
        found.append(counts.assign(variant=variant, share=counts["rows"] / total))
    return pd.concat(found, ignore_index=True)[["variant", "label", "predicted", "rows", "share"]]


def confusion_matrices(runs: Runs) -> Picture | None:
    """The confusion matrices of two variants, with their largest confusions named; None where no run ended."""
    if runs.reference is None:
        return None
    numbers = confusions(runs)
    variants = list(dict.fromkeys(numbers["variant"]))
    wrong = numbers[numbers["label"] != numbers["predicted"]].sort_values("rows", ascending=False, kind="stable")
    # The classes that take part in the largest confusions, where there are too many for a matrix.
    taking_part = dict.fromkeys(wrong[["label", "predicted"]].to_numpy().reshape(-1))
    few = [*(taking_part | dict.fromkeys(runs.names))][:CLASSES]
    names = [name for name in runs.names if name in few]
    cut = len(names) < len(runs.names)
    part = f" Of {len(runs.names)} classes, {len(names)} in the largest confusions." if cut else ""

    def draw(figure: Any) -> None:
        grid = figure.subplots(1, len(variants), sharey=True, squeeze=False)
        for axis, variant in zip(grid[0], variants, strict=True):
            of = numbers[numbers["variant"] == variant].pivot(index="label", columns="predicted", values="share")
            shares = of.reindex(index=names, columns=names).fillna(0.0).to_numpy()
            # Drawn as cells, not as an image of pixels.
            mesh = axis.pcolormesh(shares, vmin=0, vmax=1, cmap="cividis", edgecolors="none")
            if len(names) <= 10:
                for (row, column), share in np.ndenumerate(shares):
                    ink = "#ffffff" if share < 0.5 else "#010101"
                    shown = f"{100 * share:.0f}" if share else ""
                    axis.text(column + 0.5, row + 0.5, shown, ha="center", va="center", color=ink, fontsize=7)
            axis.set_title(shortened(variant))
            axis.set_xticks(np.arange(len(names)) + 0.5, list(map(shortened, names)), rotation=90)
            axis.set_yticks(np.arange(len(names)) + 0.5, list(map(shortened, names)))
            axis.set_xlabel("predicted")
        grid[0][0].invert_yaxis()
        grid[0][0].set_ylabel("label")
        figure.colorbar(mesh, ax=[*grid[0]], label="share of the label's rows", shrink=0.8)

    caption = (
        f"Share of each label's test rows (in % where there is room) by what was predicted, all seeds together.{part} "
        f"{_largest(wrong, variants)} {runs.protocol(variants)}"
    )
    side = 1.6 + 0.24 * len(names)
    return Picture(
        "confusions", "Which classes are taken for which", caption, numbers, draw, (1.8 + 2 * side, 1 + side)
    )


def _largest(wrong: pd.DataFrame, variants: list[str]) -> str:
    """The largest confusions of each variant as a sentence."""
    told = []
    for variant in variants:
        largest = wrong[wrong["variant"] == variant].head(NAMED).to_dict("records")
        named = "; ".join(
            f"{row['label']} for {row['predicted']} ({100 * row['share']:.0f}% of its rows)" for row in largest
        )
        told.append(f"{variant} most often takes {named}." if named else f"{variant} makes no mistake.")
    return " ".join(told)


def class_recalls(runs: Runs) -> Picture | None:
    """Recall of each class by variant, the rarest third of the classes marked; None where no run ended."""
    if not runs.predictions:
        return None
    found = {(runs.dataset, runs.model): next(iter(runs.predictions.values()))}
    if "" not in runs.predictions:
        found = {(f"{runs.dataset}@{split}", runs.model): of for split, of in runs.predictions.items()}
    first = next(iter(runs.predictions.values()))
    rare = {first.names[place] for place in first.scoring.rare}
    table = class_table(found, runs.compared, str(runs.reference)).drop(columns=["dataset", "model"])
    numbers = table.assign(rare=table["class"].isin(rare))
    shown = numbers.head(CLASSES)
    part = f" The {len(shown)} of {len(numbers)} classes that are found least." if len(shown) < len(numbers) else ""

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        places = np.arange(len(shown))
        for variant in runs.compared:
            recalls = 100 * shown[column_of(variant)]
            axis.plot(recalls, places, linestyle="none", markersize=5, alpha=0.85, **runs.looks[variant])
        for place, is_rare in zip(places, shown["rare"], strict=True):
            if is_rare:
                axis.axhspan(place - 0.5, place + 0.5, color=GREY, alpha=0.15, linewidth=0)
        labels = [
            f"{shortened(row['class'])}{' (rare)' if row['rare'] else ''}, {row['train']:,}"
            for row in shown.to_dict("records")
        ]
        axis.set_yticks(places, labels)
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.set_xlabel("recall in %")
        axis.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.5)
        legend_below(figure, axis.get_lines(), map(shortened, runs.compared))

    caption = (
        f"Recall of each class, mean over seeds, in the order of {runs.reference}'s, with training rows behind its "
        f"name.{part} Rare: the third of the classes with the fewest training rows. {runs.protocol()}"
    )
    return Picture(
        "class_recall", "Recall of each class", caption, numbers, draw, (6.8, 1.4 + 0.3 * len(shown))
    )  # fmt: skip
