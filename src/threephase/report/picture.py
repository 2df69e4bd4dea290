"""A picture of the report: drawn in one style, with the numbers that it shows and what it rests on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts.figures import save_figure, without_screen
from threephase.artifacts.folders import writing_file
from threephase.artifacts.inert import as_csv
from threephase.tables.typeset import in_figure

# Okabe and Ito 2008: told apart by the colour-blind, on light and on dark; without their yellow, pale on paper.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = "osD^vPX"
GREY = "#888888"
STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One picture of a dataset with a base model.

    Args:
        name: of its files, and in its address on the page.
        title: what is asked.
        caption: what is shown, of how many runs and rows, by which protocol.
        numbers: what is shown, as a table.
        draw: draws it into a figure that is empty.
        size: width and height in inches.
    """

    name: str
    title: str
    caption: str
    numbers: pd.DataFrame
    draw: Callable[[Any], None]
    size: tuple[float, float] = (6.4, 3.4)

    def write(self, folder: Path) -> None:
        """Write it as .svg and .png, and its numbers as .csv."""
        pyplot = without_screen()
        with pyplot.rc_context(STYLE):
            figure = pyplot.figure(figsize=self.size, layout="constrained")
            self.draw(figure)
            save_figure(figure, folder / self.name)
            pyplot.close(figure)
        with writing_file(folder / f"{self.name}.csv") as beside:
            beside.write_text(as_csv(self.numbers, "%.5g"), encoding="utf-8")


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a mark for each name, so that neither alone must tell them apart."""
    return {
        name: {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        for place, name in enumerate(names)
    }


def shortened(name: str, most: int = 28) -> str:
    """A name for an axis or a legend, where no formula is read into it."""
    name = " ".join(name.split())
    return in_figure(name if len(name) <= most else f"{name[: most - 1]}…")


def legend_below(figure: Any, handles: Iterable[Any], labels: Iterable[str], markerscale: float = 1) -> None:
    """One legend for all parts of a figure, outside of them."""
    shown = list(labels)
    columns = max(1, min(len(shown), 4))
    figure.legend(list(handles), shown, loc="outside lower center", ncols=columns, markerscale=markerscale)
