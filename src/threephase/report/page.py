"""One page of what a grid found, from the verdict to how it came about, in one file that asks for no other."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from threephase.artifacts import layout
from threephase.artifacts.folders import read_json, writing_file
from threephase.report.inlined import inlined
from threephase.report.pictures import SHOWN
from threephase.report.template import PAGE
from threephase.tables.legend import MISSING, SAME, without_repeats

PICTURE_BYTES = 6_000_000  # of pictures that the page takes in; the others are named with their files
NO_RUN = "No run, or none that did not fail. The caption and the end of the page name failed and missing runs."
AS_REFERENCE = "Saw the same data and settings as the reference, so that there is nothing to compare."

# Tables whose cells are scores of variants, of one dataset with one base model a row.
SCORED = {layout.TABLES[name] for name in ("table3", "table4", "table6", "table7", "classes")}

TITLES = {
    layout.TABLES[name]: title
    for name, title in {
        "table1": "Splits",
        "table2": "Lengths",
        "table3": "Accuracy",
        "table4": "Ablations",
        "table5": "Hyper-parameters",
        "table6": "Precision and recall",
        "table7": "F1",
        "audit_published": "The paper's figures, checked",
        "classes": "The worst classes",
        "claims": "The paper's claims",
        "probes": "What each phase did",
    }.items()
}

# Blanks within an interval, and before a cell's sign: a line may end before them, not there.
_UNBROKEN = re.compile(r"(?<=[\d.],) (?=[-+\d])|(?<=\)) (?=[▲▼≈·=†])")

Reasons = Mapping[tuple[str, str, str], str]  # why a variant has no score, by titles of dataset and model, and variant


@dataclass(frozen=True)
class Section:
    """A table as its Markdown file has it (caption, rows), and the figure of the same name."""

    name: str
    title: str
    table: Markup
    figure: Markup | None


@dataclass(frozen=True)
class Shown:
    """A picture with its caption and the stem of its files as the page reaches them; no figure where it is left out."""

    name: str
    title: str
    caption: str
    figure: Markup | None
    files: str


@dataclass(frozen=True)
class Part:
    """What one dataset with one base model has on the page."""

    name: str
    title: str
    missing: int
    reference: str | None
    protocol: str
    pictures: list[Shown]
    lists: dict[str, dict[str, Any]]
    origin: dict[str, Any]
    folder: str


def rendered(markdown: str, reasons: Reasons | None = None) -> Markup:
    """HTML of Markdown; HTML inside of it is shown as text, and tables scroll in a box of their own.

    With `reasons`, cells without a score say on hover why they have none, or what their sign means.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    if reasons is not None:
        _explain(tokens, reasons)
    html = parser.renderer.render(tokens, parser.options, {})
    html = _UNBROKEN.sub("\u00a0", html)
    return Markup(html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"))


def _explain(tokens: list[Any], reasons: Reasons) -> None:
    heads: list[str] = []
    row: list[str] = []
    for token, inside in pairwise(tokens):
        if token.type in ("thead_open", "tr_open"):
            heads, row = ([], []) if token.type == "thead_open" else (heads, [])
        elif token.type == "th_open":
            heads.append(inside.content)
        elif token.type == "td_open":
            row.append(inside.content)
            if inside.content == MISSING:
                variant = heads[len(row) - 1]
                # Where a table has several scores, they stand before the variant.
                names = (variant, variant.partition(": ")[2])
                told = [reasons[of] for name in names if (of := (row[0], row[1], name)) in reasons]
                token.attrSet("title", next(iter(told), NO_RUN))
            elif inside.content == SAME:
                token.attrSet("title", AS_REFERENCE)


def section(table: Path, text: str, reasons: Reasons) -> Section:
    """The section of a table's Markdown file and its text."""
    figure = table.with_suffix(".svg")
    title = TITLES.get(table.stem, table.stem.replace("_", " ").capitalize())
    label = f"Figure: {title}; its numbers stand in the table below"
    html = rendered(text, reasons if table.stem in SCORED else None)
    return Section(table.stem, title, html, inlined(figure, table.stem, label) if figure.exists() else None)


def part(folder: Path, place: int, page: Path, room: int) -> Part:
    """What the folder of a dataset's pictures gives the page, which has room for so many bytes of pictures more."""
    shown = read_json(folder / SHOWN)
    name, files = f"part{place}", Path(os.path.relpath(folder, page.parent)).as_posix()
    pictures = []
    for each in shown["pictures"]:
        figure = inlined(folder / f"{each['name']}.svg", f"{name}-{each['name']}", each["title"])
        room -= len(figure)
        pictures.append(
            Shown(
                each["name"], each["title"], each["caption"], figure if room >= 0 else None, f"{files}/{each['name']}"
            )
        )
    kept = {key: shown[key] for key in ("title", "missing", "reference", "protocol", "lists", "origin")}
    return Part(name, pictures=pictures, folder=files, **kept)


def parts_of(folders: Iterable[Path], page: Path) -> list[Part]:
    """The parts of all datasets with base models, with pictures up to the size that a page may have."""
    found: list[Part] = []
    room = PICTURE_BYTES
    for place, folder in enumerate(folders):
        found.append(part(folder, place, page, room))
        room -= sum(len(picture.figure or "") for picture in found[-1].pictures)
    return found


def reasons_of(parts: Iterable[Part]) -> dict[tuple[str, str, str], str]:
    """Why variants that failed have no score."""
    found = {}
    for each in parts:
        for run in each.origin["failed"]:
            found[each.origin["dataset"], each.origin["model"], run["variant"]] = (
                f"Failed, seed {run['seed']}: {run['reason']}"
            )
    return found


def write_report(
    title: str,
    verdict: Path,
    files: Iterable[Path],
    out: Path,
    pictures: Iterable[Path] = (),
    config: str = "",
) -> int:
    """Write the page to `out`; the number of its tables.

    Args:
        title: stands above everything.
        verdict: the Markdown file of the verdict.
        files: of the tables, in their order on the page; of these the Markdown files are shown, with their figures.
        out: the file.
        pictures: the folders of each dataset's pictures.
        config: what was asked for, as YAML.
    """
    shown = [path for path in files if path.suffix == ".md"]
    texts, notes = without_repeats([path.read_text(encoding="utf-8") for path in shown])
    parts = parts_of(pictures, out)
    reasons = reasons_of(parts)
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html = template.from_string(PAGE).render(
        title=title,
        verdict=rendered(verdict.read_text(encoding="utf-8")),
        sections=[section(path, text, reasons) for path, text in zip(shown, texts, strict=True)],
        notes=notes,
        parts=parts,
        config=config,
    )
    with writing_file(out) as beside:
        beside.write_text(html, encoding="utf-8")
    return len(shown)
