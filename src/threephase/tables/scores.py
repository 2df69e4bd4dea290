"""The paper's result tables: numbers as csv, for reading as md, for papers as tex."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_json
from threephase.artifacts.inert import as_csv
from threephase.artifacts.layout import RESULTS
from threephase.audit.remarks import remarks
from threephase.errors import CheckpointError
from threephase.evaluation.checks import AT_CHANCE, FEW_ROWS, at_chance, chosen_by_few
from threephase.evaluation.predictions import Predictions, read_predictions
from threephase.evaluation.results import Asked, collect, failures, test_rows
from threephase.evaluation.statistics.comparisons import Evidence, SplitEvidence
from threephase.experiment.recipe import Probed, Run
from threephase.tables import typeset
from threephase.tables.cells import Cell, cells_of
from threephase.tables.legend import (
    MISSING,
    PAPER,
    SAME,
    few_seeds,
    leaks,
    legend,
    marks,
    partial,
    repeated,
    without_runs,
)
from threephase.tables.probes import marks_by_run, read_probes

COUNTS = {"n", "rows_needed", "seeds_needed", "splits_needed"}


@dataclass(frozen=True)
class Table:
    """Rows of cells under their variants; one group of columns for each score; a caption, notes and the legend."""

    label: str
    caption: str
    legend: str
    heads: list[tuple[str, ...]]  # the cells left of the scores, row by row
    head_names: tuple[str, ...]
    scores: list[str]
    variants: list[str]
    cells: list[list[Cell | None]]  # each row: the variants of the first score, then those of the next
    published: list[list[float | None]]  # the paper's figures in the same places
    notes: tuple[str, ...] = ()  # what the caption need not say first, each as sentences; empty ones are none

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Score and variant of each column of cells."""
        return [(score, variant) for score in self.scores for variant in self.variants]

    def write(self, stem: Path) -> None:
        """Write `stem` with the endings .csv, .md and .tex."""
        typeset.write(stem, self.to_csv(), self.to_markdown(), self.to_latex())

    def to_csv(self) -> str:
        """One line for each cell that has a value: row heads, score, variant, the cell's numbers.

        Spread, standard errors by seeds and by rows, and the difference from the reference are among the numbers; the
        paper's figures stand beside them where it has any.
        """
        rows = [
            {
                **dict(zip(self.head_names, heads, strict=True)),
                "score": score,
                "variant": variant,
                **cell.numbers(),
                "published": figure,
            }
            for heads, cells, figures in zip(self.heads, self.cells, self.published, strict=True)
            for (score, variant), cell, figure in zip(self.columns, cells, figures, strict=True)
            if cell is not None
        ]
        names = dict.fromkeys(name for row in rows for name in row if name != "published")
        papers = ["published"] if any(figure is not None for figures in self.published for figure in figures) else []
        table = pd.DataFrame(rows, columns=[*names, *papers]).astype(dict.fromkeys(names.keys() & COUNTS, "Int64"))
        return as_csv(table, "%.5g")

    def to_markdown(self) -> str:
        """The table for reading, with the legend."""
        several = len(self.scores) > 1
        scored = [f"{score.capitalize()}: {variant}" if several else variant for score, variant in self.columns]
        heads, rows = [*self.head_names, *scored], self._shown("**{}**", "*{}*")
        return typeset.markdown(self.caption, heads, rows, self.notes, self.legend)

    def to_latex(self) -> str:
        """The table for a paper, with booktabs rules."""
        heads = [*self.head_names, *(variant for _, variant in self.columns)]
        rows = self._shown(r"\textbf{{{}}}", r"\textcolor{{gray}}{{{}}}", escape=True)
        above = tuple(self._score_heads())
        left = len(self.head_names)
        return typeset.latex(self.label, self.caption, heads, rows, left, above, self.notes, self.legend)

    def _score_heads(self) -> list[str]:
        """A line above the variants that names the score of each group, where there are several."""
        if len(self.scores) == 1:
            return []
        width, left = len(self.variants), len(self.head_names)
        heads = [rf"\multicolumn{{{width}}}{{c}}{{{score.capitalize()}}}" for score in self.scores]
        starts = [left + 1 + place * width for place in range(len(self.scores))]
        rules = "".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
        return [" & ".join([*[""] * left, *heads]) + r" \\", rules]

    def _shown(self, best: str, fewer: str, escape: bool = False) -> list[list[str]]:
        """Row heads and cells as text, those that are not worse than the best, and those of fewer seeds, in their form.

        Below a row stand the paper's figures, where it has any.
        """
        shown = []
        for heads, cells, figures in zip(self.heads, self.cells, self.published, strict=True):
            texts = [_text(cell, best, fewer) for cell in cells]
            shown.append([*(typeset.tex(head) if escape else head for head in heads), *texts])
            if any(figure is not None for figure in figures):
                papers = ["" if figure is None else f"{figure:.2f}" for figure in figures]
                shown.append([*[""] * (len(heads) - 1), PAPER, *papers])
        return shown


def _text(cell: Cell | None, best: str, fewer: str) -> str:
    if cell is None:
        return MISSING
    if cell.same:
        return SAME
    form = best if cell.best else fewer if cell.fewer else "{}"
    return form.format(cell.text)


@dataclass(frozen=True)
class Basis:
    """What every score table is made with, beside the rows of its runs.

    Args:
        variants: the columns of each score.
        reference: the variant that others are compared with. One that in all its seeds saw the same data and settings
            is marked as the same.
        titles: what datasets and base models are called.
        published: the paper's figures: table, dataset, model, variant, score, value in percent.
        evidence: what the predictions say, by dataset and base model.
        region: differences within ± so many points count as none.
    """

    variants: list[str]
    reference: str
    titles: dict[str, str]
    published: pd.DataFrame
    evidence: Mapping[tuple[str, str], Evidence | SplitEvidence]
    region: float


def score_table(results: pd.DataFrame, scores: list[str], basis: Basis, label: str, caption: str) -> Table:
    """Means over runs, one row for each dataset and base model, one column for each score and variant.

    A variant of which there is no run and no figure in the paper has no column; a note names it.

    Args:
        results: rows of `results.collect`, with marks.
        scores: which scores.
        basis: whose columns, and what they are compared with.
        label: the table's name, with the number of the paper's.
        caption: what it shows; that number stands before it where the paper has any of the datasets.
    """
    titles, published = basis.titles, basis.published
    number = int(label.removeprefix("table").split("_")[0])
    caption = typeset.numbered(number, caption, bool(results["dataset"].isin(published["dataset"]).any()))
    figures = published[published["table"] == number].set_index(["dataset", "model", "score", "variant"])["value"]
    pairs = set(zip(results["dataset"], results["model"], strict=True))
    in_paper = {variant for dataset, model, _, variant in figures.index if (dataset, model) in pairs}
    there = {basis.reference, *results["variant"], *in_paper}
    variants = [variant for variant in basis.variants if variant in there]
    heads: list[tuple[str, ...]] = []
    cells, papers = [], []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        heads.append((titles.get(dataset, dataset), titles.get(model, model)))
        said = basis.evidence.get((dataset, model))
        of_scores = [cells_of(rows, said, score, variants, basis.reference, basis.region / 100) for score in scores]
        cells.append([cell for of_score in of_scores for cell in of_score])
        papers.append([figures.get((dataset, model, score, variant)) for score in scores for variant in variants])
    return Table(
        label, caption, legend(basis.region), heads, ("Dataset", "Base model"), scores, variants, cells, papers,
        notes=(without_runs([variant for variant in basis.variants if variant not in variants]),),
    )  # fmt: skip


def best_models_on_validation(results: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The rows of each dataset's best base model: the highest mean validation score of `reference` (Table 4).

    Of equal ones it is the one with the lower mean loss.
    Where a dataset has no run of it, its first variant chooses.
    """
    chooses = results.groupby("dataset", sort=False)["variant"].transform(
        lambda variants: reference if reference in set(variants) else variants.iloc[0]
    )
    means = results[results["variant"] == chooses].groupby(["dataset", "model"], as_index=False)
    order = ["validation_score", "validation_loss"]
    ranked = means[order].mean().sort_values(order, ascending=[False, True], kind="stable")
    best = ranked.drop_duplicates("dataset")[["dataset", "model"]]
    return results.merge(best, on=["dataset", "model"], how="inner")


def table3(results: pd.DataFrame, basis: Basis) -> Table:
    """Table 3: accuracy of the main variants on every dataset with every base model."""
    caption = f"Accuracy in %, {_of(results, basis)}"
    return score_table(results, ["accuracy"], basis, "table3_accuracy", caption)


def table4(results: pd.DataFrame, basis: Basis) -> Table:
    """Table 4: ablations, with the base model of each dataset that did best on validation."""
    chosen = best_models_on_validation(results, basis.reference)
    caption = (
        f"Ablations: accuracy in %, {_of(chosen, basis)} "
        f"Base model: the one with the best validation score of {basis.reference}."
    )
    return score_table(chosen, ["accuracy"], basis, "table4_ablation", caption)


def table6(results: pd.DataFrame, basis: Basis) -> Table:
    """Table 6: precision and recall of the main variants."""
    caption = f"Precision and recall in %, {_averaging(results)}, {_of(results, basis)}"
    return score_table(results, ["precision", "recall"], basis, "table6_precision_recall", caption)


def table7(results: pd.DataFrame, basis: Basis) -> Table:
    """Table 7: F1 of the main variants."""
    caption = f"F1 in %, {_averaging(results)}, {_of(results, basis)}"
    return score_table(results, ["f1"], basis, "table7_f1", caption)


Make = Callable[[pd.DataFrame, Basis], Table]
TABLES: dict[str, Make] = {"table3": table3, "table6": table6, "table7": table7}


def write_table(
    make: Make,
    runs: list[tuple[Any, ...]],
    asked: Asked,
    missing: int,
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    expected: dict[str, dict[str, int | None]],
    probed: list[tuple[Any, ...]],
    probe_code: str,
    region: float,
    published: str,
    stem: Path,
    root: Path = RESULTS,
) -> Table:
    """Join some runs, and write the table that `make` makes of them.

    Args:
        make: one of `TABLES`, or `table4`.
        runs: the runs, as `Run` has them.
        asked: what is asked of all that they rest on.
        missing: how many runs more the grid has.
        variants: columns of the table.
        reference: the variant that others are compared with.
        titles: what datasets and base models are called.
        expected: the rows that each dataset should have.
        probed: whose probes tell what the runs' phases did, as `Probed` has them.
        probe_code: digest of the code that these should have been made by.
        region: differences within ± so many points count as none.
        published: the file of the paper's figures.
        stem: the table's files without their endings.
        root: the results folder.

    Raises CheckpointError where a run is stale (`results.collect`), or where there is no run at all.
    """
    joined, results = marked_rows(runs, asked, probed, probe_code, stem, root)
    evidence = evidence_of(results, root)
    table = make(results, Basis(variants, reference, titles, pd.read_csv(published), evidence, region))
    incomplete = remarks_by_dataset(joined, expected, titles, root)
    caption = " ".join(filter(None, [table.caption, leaks(results), partial(missing, len(runs))]))
    notes = (
        *table.notes, repeated(results, titles), baselines(results, titles), few_seeds(results, titles),
        marks(results), incomplete, failures(results, titles),
    )  # fmt: skip
    whole = replace(table, caption=caption, notes=notes)
    whole.write(stem)
    return whole


def marked_rows(
    runs: list[tuple[Any, ...]],
    asked: Asked,
    probed: list[tuple[Any, ...]],
    probe_code: str,
    table: Path,
    root: Path,
) -> tuple[list[Run], pd.DataFrame]:
    """The runs of a table, and their rows with a list of marks: of the checkpoints that each rests on, and its own.

    Arguments as for `write_table`. Raises CheckpointError where a run is stale, or where `table` has no run at all.
    """
    if not runs:
        raise CheckpointError(f"{table}: none of its runs exists yet; run the grid without `tables.partial`")
    joined = [Run(*run) for run in runs]
    rows = collect(joined, asked, root)
    marked = marks_by_run(joined, read_probes([Probed(*each) for each in probed], root, probe_code))
    own = {AT_CHANCE: at_chance(rows), FEW_ROWS: chosen_by_few(rows)}
    marks = [
        [*marked.get(run, []), *(f"{run.recipe}: {mark}" for mark, has in own.items() if has[place])]
        for place, run in enumerate(joined)
    ]
    return joined, rows.assign(marks=marks)


def evidence_of(results: pd.DataFrame, root: Path) -> dict[tuple[str, str], Evidence | SplitEvidence]:
    """What the predictions of some runs say, by dataset and base model; over a dataset's repeated splits together."""
    cells: dict[tuple[str, str], dict[str, Predictions]] = {}
    for (name, model), predictions in read_predictions(results, root).items():
        cells.setdefault((layout.dataset_of(name), model), {})[layout.split_of(name)] = predictions
    return {cell: SplitEvidence(of) if "" not in of else Evidence(of[""]) for cell, of in cells.items()}


def baselines(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """Which variants are baselines, and what every variant costs: sentences of a caption; empty without baselines."""
    rows = results[results["baseline"].astype(bool)]
    if rows.empty:
        return ""
    whole = "" if all(map(layout.reads_base_model, rows["recipe"])) else " TF-IDF reads whole texts."
    return (
        f"Baselines, none of the paper's methods and never bold: {', '.join(dict.fromkeys(rows['variant']))}. They are "
        "tuned on validation, and trained once for all seeds where they draw nothing."
        f"{whole} {costs(results, titles)}"
    )


def costs(results: pd.DataFrame, titles: dict[str, str]) -> str:
    """Mean seconds of a run by variant, over the datasets and base models that most variants share.

    Datasets differ in cost more than variants do, so that means over other datasets would not compare. A variant that
    is on none of these has no number.
    """
    ended = results[results["failed"].isna()]
    means = ended.groupby(["dataset", "model", "variant"], sort=False)["seconds"].mean().unstack("variant")
    variants = means.notna().sum(axis=1)
    shared = means[variants == variants.max()]
    names = dict.fromkeys(titles.get(name, name) for name in shared.index.get_level_values("dataset"))
    seconds = shared.mean().reindex(ended["variant"].unique()).dropna()
    told = ", ".join(f"{variant} {cost:,.0f}" for variant, cost in seconds.items())
    over = "" if len(shared) == len(means) else f" over {', '.join(names)}"
    return f"Seconds of a run's trainings, mean{over}: {told}."


def remarks_by_dataset(
    runs: list[Run], expected: dict[str, dict[str, int | None]], titles: dict[str, str], root: Path
) -> str:
    """Which datasets are incomplete or capped, as a sentence of a caption; empty if none is."""
    first = {layout.dataset_of(run.dataset): run.dataset for run in reversed(runs)}  # repeated splits are alike
    found = {
        dataset: remarks(read_json(layout.data(first[dataset], root) / DATASET), expected.get(dataset, {}))
        for dataset in dict.fromkeys(layout.dataset_of(run.dataset) for run in runs)
    }
    noted = [f"{titles.get(dataset, dataset)} ({remark})" for dataset, remark in found.items() if remark]
    return f"Not the whole data: {'; '.join(noted)}." if noted else ""


def _of(results: pd.DataFrame, basis: Basis) -> str:
    return f"against {basis.reference}. Test rows: {test_rows(results, basis.titles)}."


def _averaging(results: pd.DataFrame) -> str:
    """How precision, recall and F1 are averaged; by dataset where they differ."""
    kinds = results.dropna(subset="averaging").groupby("dataset", sort=False)["averaging"].first()
    if kinds.nunique() == 1:
        return f"{kinds.iloc[0]} averages"
    return "averages " + ", ".join(f"{dataset} {kind}" for dataset, kind in kinds.items())
