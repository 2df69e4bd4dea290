"""One page of what the tables of a grid say: verdict, pictures and tables in one file that asks for no other."""

import base64
import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from threephase.artifacts.folders import writing_file
from threephase.report.template import PAGE


@dataclass(frozen=True)
class Picture:
    """A picture with its name; encoded, so that the names inside one svg do not meet those of another."""

    name: str
    encoded: str


@dataclass(frozen=True)
class Table:
    """A table with its file's name; cells as they stand in the file."""

    name: str
    heads: list[str]
    rows: list[list[str]]


def read_table(path: Path) -> Table:
    """A table of a csv file; one without lines has neither heads nor rows."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    return Table(path.stem, lines[0] if lines else [], lines[1:])


def read_picture(path: Path) -> Picture:
    """A picture of an svg file."""
    return Picture(path.stem, base64.b64encode(path.read_bytes()).decode())


def page(title: str, verdict: str, pictures: Iterable[Picture], tables: Iterable[Table]) -> str:
    """The page as HTML; whatever texts hold is shown as text."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(PAGE)
    return template.render(title=title, verdict=verdict, pictures=list(pictures), tables=list(tables))


def write_report(title: str, verdict: Path, files: Iterable[Path], out: Path) -> int:
    """Write the page to `out`; the number of its tables.

    Args:
        title: stands above everything.
        verdict: the Markdown file of the verdict.
        files: of the tables and pictures, of which those that end in .csv and .svg are shown.
    """
    files = sorted(set(files))
    tables = [read_table(path) for path in files if path.suffix == ".csv"]
    pictures = [read_picture(path) for path in files if path.suffix == ".svg"]
    with writing_file(out) as beside:
        beside.write_text(page(title, verdict.read_text(encoding="utf-8"), pictures, tables), encoding="utf-8")
    return len(tables)
