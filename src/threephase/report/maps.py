"""Pictures of where the test texts lie after each phase."""

from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.folders import failure_of, read_json
from threephase.evaluation.places import EMBEDDING, PLACES
from threephase.report.picture import COLOURS, GREY, MARKERS, Picture, legend_below, shortened
from threephase.report.runs import Runs

POINTS = 300  # of a map; the csv has all rows
METHODS = {"pca": "PCA", "tsne": "t-SNE"}


def places_of(embeddings: dict[str, Path]) -> dict[str, pd.DataFrame]:
    """The places of the test texts by title (`base model`, `dae` …), of checkpoints whose training did not diverge."""
    return {title: pd.read_parquet(folder / PLACES) for title, folder in embeddings.items() if not failure_of(folder)}


def maps(runs: Runs, embeddings: dict[str, Path]) -> Picture | None:
    """Maps of the test texts before and after each phase, side by side, a colour and a mark for each class.

    Args:
        runs: whose.
        embeddings: folders by title, in order; without any there is no picture.
    """
    places = places_of(embeddings)
    if not places:
        return None
    found = {title: read_json(embeddings[title] / EMBEDDING) for title in places}
    first = next(iter(places.values()))
    methods = [name for name in METHODS if f"{name}_1" in first]
    sizes = first["label"].value_counts()
    coloured = [name for name in runs.names if name in set(sizes.index[: len(COLOURS)])]
    step = max(1, -(-len(first) // POINTS))  # the same rows on each map
    numbers = pd.concat([table.assign(encoder=title) for title, table in places.items()], ignore_index=True)
    columns = [f"{method}_{axis}" for method in methods for axis in (1, 2)]
    numbers = numbers[["encoder", "row", "label", *columns]]

    def draw(figure: Any) -> None:
        grid = figure.subplots(len(methods), len(places), squeeze=False)
        for column, (title, table) in enumerate(places.items()):
            shown = table.iloc[::step]
            for axis, method in zip(grid[:, column], methods, strict=True):
                others = shown[~shown["label"].isin(coloured)]
                axis.plot(others[f"{method}_1"], others[f"{method}_2"], ".", color=GREY, markersize=2)
                for place, name in enumerate(coloured):
                    of = shown[shown["label"] == name]
                    axis.plot(
                        of[f"{method}_1"], of[f"{method}_2"], MARKERS[place], color=COLOURS[place], markersize=3,
                        markeredgewidth=0, alpha=0.8,
                    )  # fmt: skip
                axis.set_xticks([])
                axis.set_yticks([])
            grid[0][column].set_title(shortened(title))
        for axis, method in zip(grid[:, 0], methods, strict=True):
            axis.set_ylabel(METHODS[method])
        others_too = ["other classes"] if len(sizes) > len(coloured) else []
        lines = grid[0][0].get_lines()
        handles = [*lines[1:], *(lines[:1] if others_too else [])]
        legend_below(figure, handles, [*map(shortened, coloured), *others_too], markerscale=2)

    rows, there = (next(iter(found.values()))[key]["test"] for key in ("rows", "rows_there"))
    shares = ", ".join(f"{title} {100 * sum(each['explained']):.0f}%" for title, each in found.items())
    tsne = (
        " t-SNE keeps neighbours near; its distances say nothing, and its axes have no names."
        if "tsne" in methods
        else " Too many rows for t-SNE."
    )
    few = f" Every class but the {len(coloured)} largest is grey." if len(sizes) > len(coloured) else ""
    drawn = -(-len(first) // step)
    caption = (
        f"{drawn:,} of {there:,} test texts by the base model and by each phase of one run after it; the csv has "
        f"{rows:,}. PCA shows this share of the variance: {shares}.{tsne}{few} Labels "
        "colour the maps and have no part in where a text lies."
    )
    return Picture("maps", "Maps of the test texts after each phase", caption, numbers, draw,
                   (1 + 1.8 * len(places), 0.9 + 1.9 * len(methods)))  # fmt: skip
