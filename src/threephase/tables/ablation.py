"""Table 4 with its figure: how far each ablation moves accuracy from the reference."""

from pathlib import Path
from typing import Any

from threephase.tables.effects import Effect, forest_plot
from threephase.tables.scores import Table, table4, write_table

TITLE = "Ablations"


def effects_of(table: Table, reference: str) -> list[Effect]:
    """The comparisons of a table's first score with the reference; baselines, none of the paper's methods, apart.

    There are none where the reference has no cell.
    """
    found = []
    for (dataset, model, *_), cells in zip(table.heads, table.cells, strict=True):
        of = dict(zip(table.variants, cells[: len(table.variants)], strict=True))
        base = of.get(reference)
        found += [
            Effect(dataset, model, reference, variant, cell.n, base.mean, cell.mean, cell.comparison, {})
            for variant, cell in of.items()
            if base and cell and not cell.baseline and (cell.same or cell.comparison)
        ]
    return found


def write_table4(stem: Path, reference: str, region: float, **given: Any) -> list[Effect]:
    """Write Table 4 (.csv, .md, .tex) and a forest plot of it (.svg, .png); arguments as for `write_table`."""
    table = write_table(table4, reference=reference, region=region, stem=stem, **given)
    found = effects_of(table, reference)
    forest_plot(found, TITLE, region, {}, stem)
    return found
