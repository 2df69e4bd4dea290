"""One page of what a grid found: verdict, tables and their figures in one file that asks for no other."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from threephase.artifacts.folders import writing_file
from threephase.report.template import PAGE
from threephase.tables.legend import without_legends


@dataclass(frozen=True)
class Section:
    """A table as its Markdown file has it (caption, rows, legend), and the figure of the same name."""

    name: str
    table: Markup
    figure: str | None  # where there is one: an svg in base64, so that names inside do not meet those of another


def rendered(markdown: str) -> Markup:
    """HTML of Markdown; HTML inside of it is shown as text, and tables scroll in a box of their own."""
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return Markup(html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"))


def section(table: Path, text: str) -> Section:
    """The section of a table's Markdown file and its text."""
    figure = table.with_suffix(".svg")
    encoded = base64.b64encode(figure.read_bytes()).decode() if figure.exists() else None
    return Section(table.stem, rendered(text), encoded)


def write_report(title: str, verdict: Path, files: Iterable[Path], out: Path) -> int:
    """Write the page to `out`; the number of its tables.

    Args:
        title: stands above everything.
        verdict: the Markdown file of the verdict.
        files: of the tables, in their order on the page; of these the Markdown files are shown, with their figures.
    """
    shown = [path for path in files if path.suffix == ".md"]
    texts, legends = without_legends([path.read_text(encoding="utf-8") for path in shown])
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(PAGE)
    html = template.render(
        title=title,
        verdict=rendered(verdict.read_text(encoding="utf-8")),
        sections=map(section, shown, texts),
        names=[path.stem for path in shown],
        legends=legends,
    )
    with writing_file(out) as beside:
        beside.write_text(html, encoding="utf-8")
    return len(shown)
