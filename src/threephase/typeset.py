"""Tables as text: Markdown for reading, LaTeX with booktabs for papers."""

from pathlib import Path

from tabulate import tabulate

from threephase.checkpoint import writing_file

_TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
_SYMBOLS = {" ± ": r" $\pm$ ", "–": "--", "×": r"$\times$", "≥": r"$\geq$", "→": r"$\to$"}


def markdown(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    """A caption and a table."""
    return f"{caption}\n\n{tabulate(rows, headers=heads, tablefmt='github', disable_numparse=True)}\n"


def latex(
    label: str, caption: str, heads: list[str], rows: list[list[str]], left: int, above: tuple[str, ...] = ()
) -> str:
    """A floating table; `rows` are LaTeX already, its first `left` columns words; `above`: lines over the heads."""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(caption)}}}",
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
    return symbols("".join(_TEX.get(character, character) for character in text))


def symbols(text: str) -> str:
    """LaTeX's forms of the signs that tables use."""
    for sign, form in _SYMBOLS.items():
        text = text.replace(sign, form)
    return text


def write(stem: Path, numbers: str, reading: str, paper: str) -> None:
    """Write a table as `stem`.csv (numbers), .md (for reading) and .tex (for papers)."""
    for ending, content in ((".csv", numbers), (".md", reading), (".tex", paper)):
        with writing_file(stem.with_suffix(ending)) as beside:
            beside.write_text(content, encoding="utf-8")
