"""Tables as text: Markdown for reading, LaTeX with booktabs for papers."""

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from threephase.artifacts.folders import writing_file
from threephase.artifacts.inert import in_markdown

_TEX = {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "&": r"\&",
    "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
}  # fmt: skip
_SYMBOLS = {
    " ± ": r" $\pm$ ", "±": r"$\pm$", "–": "--", "−": "$-$", "×": r"$\times$", "≥": r"$\geq$", "→": r"$\to$",
    "<": r"\textless{}", ">": r"\textgreater{}",
    "▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$", "≈": r"$\approx$", "·": r"$\cdot$", "†": r"$\dagger$",
}  # fmt: skip


def numbered(number: int, caption: str, of_paper: bool) -> str:
    """A caption under the number of the paper's table, where the paper has anything to say of what is shown."""
    return f"Table {number}. {caption}" if of_paper else caption


def markdown(caption: str, heads: list[str], rows: list[list[str]], notes: Sequence[str] = (), legend: str = "") -> str:
    """A caption, a table, and below it notes and a legend, each a paragraph; empty notes are none."""
    cells, names = [[_in_cell(cell) for cell in row] for row in rows], [_in_cell(head) for head in heads]
    table = tabulate(cells, headers=names, tablefmt="github", disable_numparse=True)
    below = [*(in_markdown(note) for note in notes if note), *([legend] if legend else [])]
    return "\n\n".join([in_markdown(caption), table, *below]) + "\n"


def _in_cell(text: str) -> str:
    return in_markdown(text).replace("|", r"\|")


def in_figure(text: str) -> str:
    """Plain text for matplotlib, which would set what stands between two dollars as a formula, or fail."""
    return " ".join(text.split()).replace("$", r"\$")


def latex(
    label: str,
    caption: str,
    heads: list[str],
    rows: list[list[str]],
    left: int,
    above: tuple[str, ...] = (),
    notes: Sequence[str] = (),
    legend: str = "",
) -> str:
    """A floating table with booktabs' rules.

    Args:
        label: its name for references.
        caption: plain text.
        heads: of the columns, plain text.
        rows: LaTeX already.
        left: how many of the first columns are words.
        above: lines over the heads.
        notes: plain text, the end of the caption.
        legend: plain text; a paper shows it once for all tables, so that it stands as a comment here.
    """
    lines = [
        *([r"% Needs booktabs, amssymb, xcolor. For the first of these tables:", f"% {tex(legend)}"] if legend else []),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(' '.join([caption, *filter(None, notes)]))}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(heads) - left)}}}",
        r"\toprule",
        *above,
        " & ".join(tex(head) for head in heads) + r" \\",
        r"\midrule",
        *(" & ".join(symbols(cell) for cell in row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    """Plain text as LaTeX."""
    return symbols("".join(_TEX.get(character, character) for character in " ".join(text.split())))


def symbols(text: str) -> str:
    """LaTeX's forms of the signs that tables use."""
    for sign, form in _SYMBOLS.items():
        text = text.replace(sign, form)
    return text


def write(stem: Path, numbers: str, reading: str, paper: str) -> None:
    """Write a table as `stem`.csv (numbers), .md (for reading) and .tex (for papers); a dot in its name stays."""
    for ending, content in ((".csv", numbers), (".md", reading), (".tex", paper)):
        with writing_file(stem.with_name(f"{stem.name}{ending}")) as beside:
            beside.write_text(content, encoding="utf-8")
