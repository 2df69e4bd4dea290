"""What a grid came to, for a terminal: its tables, what looks broken, where everything lies, and the verdict last."""

import sys
from pathlib import Path

import pandas as pd

from threephase.artifacts import layout
from threephase.console import own_name
from threephase.errors import UserError, printable
from threephase.evaluation.checks import doubts, failed
from threephase.tables.legend import without_legends

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
        raise UserError(f"{rows}: missing; {_remedy(results)}")
    try:
        runs = pd.read_csv(rows)
        doubted, lost = doubts(runs), failed(runs)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{rows}: not the rows that a run wrote; delete it and run the same command again") from None
    _show([*sorted(tables.glob("table*.md")), layout.table("classes", config, results).with_suffix(".md")])
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
        print(printable(verdict.read_text(encoding="utf-8")), end="")
    sys.stdout.flush()
    for line in lost:
        print(printable(f"✗ {line}"), file=sys.stderr)
    return int(bool(lost))


def _remedy(results: Path) -> str:
    """What to do where a config has no tables: run it, or name the one that has."""
    others = sorted(path.parent.name for path in layout.tables(None, results).glob("*/results.csv"))
    named = f", or name the config by --configfile (there are tables of: {', '.join(others)})" if others else ""
    return f"run `{own_name()} run` first{named}"


def _show(tables: list[Path]) -> None:
    """Those of the tables that are there, with the legend that they share once, below them."""
    shown, legends = without_legends([table.read_text(encoding="utf-8") for table in tables if table.exists()])
    for text in shown:
        print(printable(text))
    for legend in legends:
        print(f"{legend}\n")
