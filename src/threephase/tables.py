"""The paper's tables from the rows of `results.csv`: numbers as csv, for reading as md, for papers as tex."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tabulate import tabulate

SAME, MISSING = "=", "–"


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
    """Rows of cells under their variants, with a caption that says how they were made."""

    label: str
    caption: str
    heads: list[tuple[str, ...]]  # the cells left of the scores, row by row
    head_names: tuple[str, ...]
    variants: list[str]
    cells: list[list[Cell | None]]

    def write(self, stem: Path) -> None:
        """Write `stem` with the endings .csv, .md and .tex."""
        stem.with_suffix(".csv").write_text(self.to_csv(), encoding="utf-8")
        stem.with_suffix(".md").write_text(self.to_markdown(), encoding="utf-8")
        stem.with_suffix(".tex").write_text(self.to_latex(), encoding="utf-8")

    def to_csv(self) -> str:
        """One line for each cell that has a value: row heads, variant, mean, sd, n, same."""
        rows = [
            {**dict(zip(self.head_names, heads, strict=True)), "variant": variant, **vars(cell)}
            for heads, cells in zip(self.heads, self.cells, strict=True)
            for variant, cell in zip(self.variants, cells, strict=True)
            if cell is not None
        ]
        return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f")

    def to_markdown(self) -> str:
        """The table for reading; the best of a row is bold."""
        grid = tabulate(
            self._shown("**{}**"), headers=[*self.head_names, *self.variants], tablefmt="github", disable_numparse=True
        )
        return f"{self.caption}\n\n{grid}\n"

    def to_latex(self) -> str:
        """The table for a paper, with booktabs rules."""
        rows = [[_tex(part) for part in row] for row in self._shown(r"\textbf{{{}}}", escape=True)]
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_tex(_escape(self.caption))}}}",
            rf"\label{{tab:{self.label}}}",
            rf"\begin{{tabular}}{{{'l' * len(self.head_names)}{'r' * len(self.variants)}}}",
            r"\toprule",
            " & ".join(_escape(name) for name in (*self.head_names, *self.variants)) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def _shown(self, bold: str, escape: bool = False) -> list[list[str]]:
        """Row heads and cells as text, with the best mean of a row (as printed; ties too) in bold."""
        shown = []
        for heads, cells in zip(self.heads, self.cells, strict=True):
            best = max((round(cell.mean, 2) for cell in cells if cell), default=None)
            texts = []
            for cell in cells:
                if cell is None:
                    texts.append(MISSING)
                elif cell.same:
                    texts.append(SAME)
                else:
                    texts.append(bold.format(cell.text) if round(cell.mean, 2) == best else cell.text)
            shown.append([*(_escape(head) if escape else head for head in heads), *texts])
        return shown


def score_table(
    results: pd.DataFrame,
    score: str,
    variants: list[str],
    reference: str,
    titles: dict[str, str],
    label: str,
    caption: str,
) -> Table:
    """Means over seeds of a score, one row for each dataset and base model, one column for each variant.

    A variant that in all its seeds saw the same data and settings as `reference` is marked as the same.
    """
    heads: list[tuple[str, ...]] = []
    cells = []
    for (dataset, model), rows in results.groupby(["dataset", "model"], sort=False):
        heads.append((titles.get(dataset, dataset), titles.get(model, model)))
        cells.append([_cell(rows, score, variant, reference) for variant in variants])
    return Table(label, caption, heads, ("Dataset", "Base model"), variants, cells)


def _cell(rows: pd.DataFrame, score: str, variant: str, reference: str) -> Cell | None:
    own = rows[rows["variant"] == variant].set_index("seed")
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


def table3(results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str]) -> Table:
    """Table 3: accuracy of the main variants on every dataset with every base model."""
    caption = f"Table 3. Accuracy in %, {_protocol(results)}"
    return score_table(results, "accuracy", variants, reference, titles, "table3_accuracy", caption)


def table4(results: pd.DataFrame, variants: list[str], reference: str, titles: dict[str, str]) -> Table:
    """Table 4: ablations, with the base model of each dataset that did best on validation."""
    chosen = best_models_on_validation(results, reference)
    caption = (
        f"Table 4. Ablations: accuracy in %, {_protocol(chosen)} "
        f"Base model: the one with the lowest validation loss of {reference}. "
        f"'{SAME}': saw the same data and settings as {reference}."
    )
    return score_table(chosen, "accuracy", variants, reference, titles, "table4_ablation", caption)


def _protocol(results: pd.DataFrame) -> str:
    tests = results.groupby("dataset", sort=False)["n_test"].first()
    rows = ", ".join(f"{dataset} {count}" for dataset, count in tests.items())
    return (
        "mean ± standard deviation over seeds (number of seeds). Best of a row bold. Settings and best epoch "
        f"chosen on validation; test read once. Test rows: {rows}."
    )


_TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}


def _escape(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _tex(text: str) -> str:
    return text.replace(" ± ", r" $\pm$ ").replace("–", "--")
