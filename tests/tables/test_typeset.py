"""Titles and names are plain text to Markdown, LaTeX and matplotlib."""

from pathlib import Path

import matplotlib
import pytest

from threephase.tables.typeset import in_figure, latex, markdown, tex, write

HOSTILE = r"$\undefined$ \input{/etc/passwd} a^2 ~b~ 50% #1 & x_1 {y} | z <b>"


def test_latex_sets_every_sign_and_obeys_none() -> None:
    assert tex(r"\input{x}") == r"\textbackslash{}input\{x\}"
    assert tex("a^2 ~ b") == r"a\textasciicircum{}2 \textasciitilde{} b"
    assert tex(r"$\alpha$ & 5% #_") == r"\$\textbackslash{}alpha\$ \& 5\% \#\_"
    assert tex("one\n\\end{table}\rtwo") == r"one \textbackslash{}end\{table\} two"


def test_a_legend_stays_within_its_comment() -> None:
    lines = latex("t", "c", ["a"], [], 1, legend="one\n\\input{x}").splitlines()
    assert [line for line in lines if "input" in line] == [r"% one \textbackslash{}input\{x\}"]


def test_a_cell_stays_a_cell() -> None:
    page = markdown("A <b>caption</b>", ["a|b", "c"], [["x | y\nz", "**1.0** [-1.0, 2.0] <0.001"]])
    caption, _, *table = page.splitlines()
    assert caption == r"A \<b>caption\</b>"
    assert len(table) == 3
    assert r"| x \| y z | **1.0** [-1.0, 2.0] <0.001 |" in table[2]
    assert r"| a\|b" in table[0]


@pytest.mark.parametrize("title", [HOSTILE, "$", "$$", r"\$", r"a\$b$c", "$x$ y", "two\nlines"])
def test_a_title_is_drawn_as_it_is(title: str) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure()
    drawn = figure.suptitle(in_figure(title))
    figure.canvas.draw()
    shown, formula = drawn._preprocess_math(drawn.get_text())
    assert not formula
    assert shown == " ".join(title.split())
    pyplot.close(figure)


def test_names_that_differ_behind_a_dot_are_files_of_their_own(tmp_path: Path) -> None:
    for name in ("v1.0", "v1.1"):
        write(tmp_path / name, f"numbers of {name}", f"reading of {name}", f"paper of {name}")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{name}.{ending}": f"{what} of {name}"
        for name in ("v1.0", "v1.1")
        for ending, what in {"csv": "numbers", "md": "reading", "tex": "paper"}.items()
    }
