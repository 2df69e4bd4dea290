"""The paper's result tables: numbers as csv, for reading as md, for papers as tex."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from threephase import typeset
from threephase.checkpoint import DATASET, read_json
from threephase.data.remarks import remarks
from threephase.errors import CheckpointError
from threephase.grid import Run
from threephase.results import collect, failures, test_rows

SAME, MISSING, PAPER = "=", "–", "in the paper"


@dataclass(frozen=True)
class Cell:
    """Scores of one variant over its seeds, in percent; `same` if every seed saw what the reference saw."""

    mean: float
    sd: float  # sample standard deviation; not a number for one seed
    n: int
    same: bool = False

    @property
    def text(self) -> str:
        """`93.20 ± 0.41 (3)`, or `93.20 (1)` for one seed, which has no spread."""
        spread = f" ± {self.sd:.2f}" if self.n > 1 else ""
        return f"{self.mean:.2f}{spread} ({self.n})"


@dataclass(frozen=True)
class Table:
    """Rows of cells under their variants; one group of columns for each score; a caption."""

    label: str
    caption: str
    heads: list[tuple[str, ...]]  # the cells left of the scores, row by row
    head_names: tuple[str, ...]
    scores: list[str]
    variants: list[str]
    cells: list[list[Cell | None]]  # each row: the variants of the first score, then those of the next
    published: list[list[float | None]]  # the paper's figures in the same places

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Score and variant of each column of cells."""
        return [(score, variant) for score in self.scores for variant in self.variants]

    def write(self, stem: Path) -> None:
        """Write `stem` with the endings .csv, .md and .tex."""
        typeset.write(stem, self.to_csv(), self.to_markdown(), self.to_latex())

    def to_csv(self) -> str:
        """One line for each cell that has a value: row heads, score, variant, mean, sd, n, same, published."""
        rows = [
            {
                **dict(zip(self.head_names, heads, strict=True)),
                "score": score,
                "variant": variant,
                **vars(cell),
                "published": figure,
            }
            for heads, cells, figures in zip(self.heads, self.cells, self.published, strict=True)
            for (score, variant), cell, figure in zip(self.columns, cells, figures, strict=True)
            if cell is not None
        ]
        names = [*self.head_names, "score", "variant", "mean", "sd", "n", "same", "published"]
        return pd.DataFrame(rows, columns=names).to_csv(index=False, float_format="%.4f")

    def to_markdown(self) -> str:
        """The table for reading; the best of a row is bold."""
        several = len(self.scores) > 1
        heads = [f"{score.capitalize()}: {variant}" if several else variant for score, variant in self.columns]
        return typeset.markdown(self.caption, [*self.head_names, *heads], self._shown("**{}**"))

    def to_latex(self) -> str:
        """The table for a paper, with booktabs rules."""
        heads = [*self.head_names, *(variant for _, variant in self.columns)]
        rows = self._shown(r"\textbf{{{}}}", escape=True)
        return typeset.latex(self.label, self.caption, heads, rows, len(self.head_names), tuple(self._score_heads()))

    def _score_heads(self) -> list[str]:
        """A line above the variants that names the score of each group, where there are several."""
        if len(self.scores) == 1:
            return []
        width, left = len(self.variants), len(self.head_names)
        heads = [rf"\multicolumn{{{width}}}{{c}}{{{score.capitalize()}}}" for score in self.scores]
        starts = [left + 1 + place * width for place in range(len(self.scores))]
        rules = "".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
        return [" & ".join([*[""] * left, *heads]) + r" \\", rules]

    def _shown(self, bold: str, escape: bool = False) -> list[list[str]]:
        """Row heads and cells as text, with the best mean of a row and score (as printed; ties too) in bold.

        Below a row stand the paper's figures, where it has any.
        """
        shown = []
        for heads, cells, figures in zip(self.heads, self.cells, self.published, strict=True):
            texts = []
            for start in range(0, len(cells), len(self.variants)):
                texts += _texts(cells[start : start + len(self.variants)], bold)
            shown.append([*(typeset.tex(head) if escape else head for head in heads), *texts])
            if any(figure is not None for figure in figures):
                papers = ["" if figure is None else f"{figure:.2f}" for figure in figures]
                shown.append([*[""] * (len(heads) - 1), PAPER, *papers])
        return shown


def _texts(cells: list[Cell | None], bold: str) -> list[str]:
    best = max((round(cell.mean, 2) for cell in cells if cell), default=None)
    texts = []
    for cell in cells:
        if cell is None:
            texts.append(MISSING)
        elif cell.same:
            texts.append(SAME)
        else:
            texts.append(bold.format(cell.text) if round(cell.mean, 2) == best else cell.text)
    return texts


def score_table(
    results: pd.DataFrame,
    scores: list[str],
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    label: str,
    caption: str,
    published: pd.DataFrame,
) -> Table:
    """Means over seeds, one row for each dataset and base model, one column for each score and variant.

    `published` are the paper's figures: table, dataset, model, variant, score, value in percent.

    A variant that in all its seeds saw the same data and settings as `reference` is marked as the same.
    """
    number = int(label.removeprefix("table").split("_")[0])
    figures = published[published["table"] == number].set_index(["dataset", "model", "score", "variant"])["value"]
    heads: list[tuple[str, ...]] = []
    cells, papers = [], []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        heads.append((titles.get(dataset, dataset), titles.get(model, model)))
        cells.append([_cell(rows, score, variant, reference) for score in scores for variant in variants])
        papers.append([figures.get((dataset, model, score, variant)) for score in scores for variant in variants])
    return Table(label, caption, heads, ("Dataset", "Base model"), scores, variants, cells, papers)


def _cell(rows: pd.DataFrame, score: str, variant: str, reference: str) -> Cell | None:
    own = rows[(rows["variant"] == variant) & rows["failed"].isna()].set_index("seed")
    if own.empty:
        return None
    percent = 100 * own[score]
    other = rows[rows["variant"] == reference].set_index("seed")["effective"]
    same = variant != reference and own["effective"].equals(other.reindex(own.index))
    return Cell(float(percent.mean()), float(percent.std(ddof=1)), len(own), bool(same))


def best_models_on_validation(results: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The rows of each dataset's best base model: the lowest mean validation loss of `reference` (Table 4)."""
    means = results[results["variant"] == reference].groupby(["dataset", "model"], as_index=False)
    losses = means["validation_loss"].mean().sort_values("validation_loss", kind="stable")
    best = losses.drop_duplicates("dataset")[["dataset", "model"]]
    return results.merge(best, on=["dataset", "model"], how="inner")


def table3(
    results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str], published: pd.DataFrame
) -> Table:
    """Table 3: accuracy of the main variants on every dataset with every base model."""
    caption = f"Table 3. Accuracy in %, {_protocol(results, reference, titles)}"
    return score_table(results, ["accuracy"], variants, reference, titles, "table3_accuracy", caption, published)


def table4(
    results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str], published: pd.DataFrame
) -> Table:
    """Table 4: ablations, with the base model of each dataset that did best on validation."""
    chosen = best_models_on_validation(results, reference)
    caption = (
        f"Table 4. Ablations: accuracy in %, {_protocol(chosen, reference, titles)} "
        f"Base model: the one with the lowest validation loss of {reference}."
    )
    return score_table(chosen, ["accuracy"], variants, reference, titles, "table4_ablation", caption, published)


def table6(
    results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str], published: pd.DataFrame
) -> Table:
    """Table 6: precision and recall of the main variants."""
    caption = f"Table 6. Precision and recall in %, {_averaging(results)}, {_protocol(results, reference, titles)}"
    label = "table6_precision_recall"
    return score_table(results, ["precision", "recall"], variants, reference, titles, label, caption, published)


def table7(
    results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str], published: pd.DataFrame
) -> Table:
    """Table 7: F1 of the main variants."""
    caption = f"Table 7. F1 in %, {_averaging(results)}, {_protocol(results, reference, titles)}"
    return score_table(results, ["f1"], variants, reference, titles, "table7_f1", caption, published)


def write_table(
    make: Callable[..., Table], params: Any, published: str, files: list[str], root: Path = Path("results")
) -> None:
    """Join the runs that a rule names in its params, and write the table that `make` makes of them.

    `published` is the file of the paper's figures.

    Raises CheckpointError where a run is stale (`results.collect`), or where there is no run at all.
    """
    runs = [Run(*run) for run in params.runs]
    if not runs:
        raise CheckpointError(f"{files[0]}: none of its runs exists yet; run `snakemake` without `tables.partial`")
    results = collect(runs, params.asked, root)
    table = make(results, params.variants, params.reference, params.titles, pd.read_csv(published))
    incomplete = remarks_by_dataset(runs, params.expected, params.titles, root)
    partial = f"Partial: {params.missing} of {params.missing + len(runs)} runs are missing." if params.missing else ""
    remarked = [table.caption, incomplete, failures(results, params.titles), partial]
    table = replace(table, caption=" ".join(filter(None, remarked)))
    table.write(Path(files[0]).with_suffix(""))


def remarks_by_dataset(
    runs: list[Run], expected: dict[str, dict[str, int | None]], titles: dict[str, str], root: Path
) -> str:
    """Which datasets are incomplete or capped, as a sentence of a caption; empty if none is."""
    found = {
        dataset: remarks(read_json(root / "data" / dataset / DATASET), expected.get(dataset, {}))
        for dataset in dict.fromkeys(run.dataset for run in runs)
    }
    noted = [f"{titles.get(dataset, dataset)} ({remark})" for dataset, remark in found.items() if remark]
    return f"Not the whole data: {'; '.join(noted)}." if noted else ""


def _protocol(results: pd.DataFrame, reference: str, titles: dict[str, str]) -> str:
    return (
        f"mean ± standard deviation over seeds (number of seeds). Best of a row bold. {selection(results)} "
        f"Test rows: {test_rows(results, titles)}. '{SAME}': saw the same data and settings as {reference}. "
        f"'{MISSING}': no run, or none that did not fail."
    )


def selection(results: pd.DataFrame) -> str:
    """What the runs were chosen by, and whether any of them saw the test split: a sentence or two of a caption."""
    leaky = list(dict.fromkeys(results.loc[results["saw_test"], "variant"]))
    if not leaky:
        return "Settings and best epoch chosen on validation; test read once."
    return f"LEAK: test rows were trained on or chosen by in {', '.join(leaky)}; elsewhere validation chose."


def _averaging(results: pd.DataFrame) -> str:
    """How precision, recall and F1 are averaged; by dataset where they differ."""
    kinds = results.dropna(subset="averaging").groupby("dataset", sort=False)["averaging"].first()
    if kinds.nunique() == 1:
        return f"{kinds.iloc[0]} averages"
    return "averages " + ", ".join(f"{dataset} {kind}" for dataset, kind in kinds.items())
