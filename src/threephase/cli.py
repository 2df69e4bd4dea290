"""The command `threephase`."""

import argparse
import sys
from pathlib import Path

from threephase.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if the answer is no, 2 if the question was wrong."""
    parser = argparse.ArgumentParser(prog="threephase", description=__doc__)
    commands = parser.add_subparsers(required=True)
    summary = commands.add_parser("summary", help="check the results for broken phases, then show the tables")
    summary.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    summary.set_defaults(run=_summary)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen)
    except UserError as error:
        print(f"threephase: {error}", file=sys.stderr)
        return 2


def _summary(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from threephase.checks import faults

    tables = arguments.results / "tables"
    if not (tables / "results.csv").exists():
        raise UserError(f"{tables / 'results.csv'}: missing; run `snakemake --cores all` first")
    found = faults(pd.read_csv(tables / "results.csv"))
    for line in found:
        print(f"✗ {line}", file=sys.stderr)
    if found:
        return 1
    for table in sorted(tables.glob("table*.md")):
        print(table.read_text(encoding="utf-8"))
    run = "<dataset>/<model>/seed<n>/<recipe>"
    for what, where in {
        "Tables (csv, md, tex)": tables,
        "Every run as a row": tables / "results.csv",
        "Test predictions": arguments.results / "evaluations" / run / "predictions.parquet",
        "Models to take home": arguments.results / "checkpoints" / run,
        "Logs": arguments.results / "logs",
    }.items():
        print(f"{what:<22} {where}")
    return 0
