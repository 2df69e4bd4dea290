"""Figures as files: drawn without a screen, and the same bytes whenever the same figure is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from threephase.artifacts.folders import writing_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150  # of the pixels


def without_screen() -> Any:
    """`matplotlib.pyplot`, which opens no window wherever it runs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save_figure(figure: "Figure", stem: Path) -> None:
    """Write a figure as `stem`.svg and `stem`.png; a dot in its name stays.

    Left to itself, an svg says when it was made and names its parts by a salt that is drawn for every file. Its words
    stay words, and what is behind it shows through: a page of any colour can take it in.
    """
    import matplotlib

    figure.draw_without_rendering()  # lays it out, once for both files
    figure.set_layout_engine(None)
    around = figure.get_tightbbox().padded(matplotlib.rcParams["savefig.pad_inches"])
    style = {"svg.hashsalt": "threephase", "svg.fonttype": "none"}
    with matplotlib.rc_context(style), writing_file(stem.with_name(f"{stem.name}.svg")) as beside:
        figure.savefig(beside, metadata={"Date": None}, bbox_inches=around, transparent=True)
    with writing_file(stem.with_name(f"{stem.name}.png")) as beside:
        figure.savefig(beside, dpi=DPI, bbox_inches=around)
