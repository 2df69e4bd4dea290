"""What a grid came to, for a terminal: Tables 3 and 4, what looks broken, where everything lies, the verdict last."""

import shutil
import sys
import textwrap
from pathlib import Path

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.inert import read_csv
from threephase.console import own_name
from threephase.errors import UserError, printable
from threephase.evaluation.checks import doubts, failed
from threephase.evaluation.results import WORDS
from threephase.evaluation.statistics.families import Verdict
from threephase.tables.legend import LEGEND, MARKED, MISSING, SAME, SIGNS, in_short, without_repeats

RUN = "<dataset>/<model>/seed<n>/<recipe>"


def show(results: Path, config: str | None = None) -> int:
    """Print everything; 1 if a run failed, whose place in the tables is a dash, else 0.

    A run at chance is marked in the tables and named here, which is no failure: it may be all that the data can give.

    Args:
        results: the results folder.
        config: the `name` of the config whose tables are shown.

    Raises UserError where there are none.
    """
    tables = layout.tables(config, results)
    rows = layout.table("results", config, results).with_suffix(".csv")
    if not rows.exists():
        raise UserError(f"{rows}: missing; {_remedy(results, config)}")
    try:
        runs = read_csv(rows, WORDS)
        doubted, lost = doubts(runs), failed(runs)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{rows}: not the rows that a run wrote; delete it and run the same command again") from None
    try:
        _show([layout.table(name, config, results) for name in ("table3", "table4")])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{tables}: not the tables that a run wrote; delete them and run the same command again"
        ) from None
    page = layout.table("report", config, results).with_suffix(".html")
    for what, where in {
        **({"One page of it all": page} if page.exists() else {}),
        "Tables (csv, md, tex)": tables,
        "The paper's claims": layout.table("claims", config, results).with_suffix(".md"),
        "Every run as a row": rows,
        "Test predictions": results / "evaluations" / RUN / "predictions.parquet",
        "Models to take home": results / "checkpoints" / RUN,
        "Logs": results / "logs",
    }.items():
        print(f"{what:<22} {where}")
    print()
    for line in doubted:
        print(printable(f"† {line}"))
    verdict = layout.table("verdict", config, results).with_suffix(".md")
    if verdict.exists():
        print(printable(_wrapped(verdict.read_text(encoding="utf-8"))))
    sys.stdout.flush()
    for line in lost:
        print(printable(f"✗ {line}"), file=sys.stderr)
    return int(bool(lost))


def _remedy(results: Path, config: str | None) -> str:
    """What to do where a config has no tables: run it, or name the one that has."""
    others = sorted(path.parent.name for path in layout.tables(None, results).glob("*/results.csv"))
    named = f", or name the config by --configfile (there are tables of: {', '.join(others)})" if others else ""
    return f"run `{own_name()} run`{' with the same config' if config else ''} first{named}"


def _show(stems: list[Path]) -> None:
    """The scores of Tables 3 and 4, a line for each variant, and below them what their captions say.

    A table that has no other cells than those before it is not shown again.
    """
    seen: set[tuple[str, ...]] = set()
    notes: list[str] = []
    for stem in stems:
        if not (stem.with_suffix(".csv").exists() and stem.with_suffix(".md").exists()):
            continue
        cells = read_csv(stem.with_suffix(".csv"), ["Dataset", "Base model", "variant", "score", "verdict"])
        keys = set(zip(cells["Dataset"], cells["Base model"], cells["variant"], strict=True))
        if keys <= seen:
            continue
        seen |= keys
        notes.append(stem.with_suffix(".md").read_text(encoding="utf-8"))
        for (dataset, model), rows in cells.groupby(["Dataset", "Base model"], sort=False):
            print(printable(f"{dataset}, {model}: {rows['score'].iloc[0]} in % ({stem.name.partition('_')[0]})"))
            wide = max(rows["variant"].str.len())
            for _, cell in rows.iterrows():
                print(printable(f"  {cell['variant']:<{wide}}  {_said(cell)}".rstrip()))
            print()
    captions, shared = without_repeats(notes)
    for said in [*captions, *(note for note in shared if not note.startswith(LEGEND))]:
        plain = " ".join(line for line in said.splitlines() if line and not line.startswith("|"))
        print(printable(_wrapped(plain)), end="\n\n")
    if notes:
        print(_wrapped(in_short()), end="\n\n")


def _wrapped(text: str) -> str:
    """Lines no longer than the terminal's, what goes on from a point of a list below its words."""
    width = max(60, shutil.get_terminal_size((100, 24)).columns - 1)
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent="  " * line.startswith("- "), break_on_hyphens=False)
        for line in text.splitlines()
    )


def _said(cell: pd.Series) -> str:
    """`89.0 [87.1, 90.9] (10) ▲`: as a cell of the tables has it."""
    if pd.isna(cell["mean"]):
        return MISSING
    interval = "" if pd.isna(cell["low"]) else f" [{cell['low']:.1f}, {cell['high']:.1f}]"
    verdict = cell.get("verdict")  # no column where nothing is compared
    sign = SAME if cell["same"] else SIGNS[Verdict(verdict)] if isinstance(verdict, str) else ""
    return f"{cell['mean']:.1f}{interval} ({cell['n']:.0f}) {sign}{MARKED if cell['marked'] else ''}".rstrip()
