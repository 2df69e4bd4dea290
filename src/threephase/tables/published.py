"""Can the published figures be what they say they are? Arithmetic on the paper's Tables 3, 4, 6 and 7."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from threephase.artifacts.inert import as_csv
from threephase.tables import typeset

HALF = 0.005  # half of the last digit that is printed
EPSILON = 1e-9
CAPTION = (
    "Audit of the published figures, as they were transcribed from the paper. A fault may be the transcription's, and "
    "a figure that no single run can have may be a mean over runs; the paper names none."
)


@dataclass(frozen=True)
class Check:
    """One figure, or a few that belong together, against arithmetic."""

    check: str
    dataset: str
    model: str
    variant: str
    printed: str
    arithmetic: str
    holds: bool


def audit(results: pd.DataFrame, datasets: pd.DataFrame) -> list[Check]:
    """All checks of the published results (config/published/results.csv) with the test splits' sizes.

    `datasets` are Table 1's figures with the positive rows of the binary test splits (`test_positives`).
    """
    sizes = datasets.set_index("dataset")
    figures = Figures(results)
    return [
        *_accuracies(figures, sizes["test"].to_dict()),
        *_f1_scores(figures, set(sizes.index[sizes["test_positives"].notna()])),
        *_balanced_recalls(figures, [name for name in sizes.index if sizes["test_balanced"][name]]),
        *_confusion_matrices(figures, sizes),
        *_two_tables(figures),
    ]


class Figures:
    """The published figures by table, dataset, base model, variant and score."""

    def __init__(self, results: pd.DataFrame) -> None:
        keys = ["table", "score", "dataset", "model", "variant"]
        self.values: dict[tuple, float] = results.set_index(keys)["value"].to_dict()

    def cells(self, table: int) -> list[tuple[str, str, str]]:
        """Dataset, base model and variant of a table's cells, each once."""
        return list(dict.fromkeys(key[2:] for key in self.values if key[0] == table))

    def of(self, table: int, score: str, cell: tuple[str, str, str]) -> float:
        return self.values[(table, score, *cell)]


def _accuracies(figures: Figures, sizes: dict[str, int]) -> Iterator[Check]:
    """An accuracy of one run on n rows is k / n, rounded or cut to two digits."""
    main = figures.cells(3)
    for table, cells in ((3, main), (4, [cell for cell in figures.cells(4) if cell not in main])):
        for cell in cells:
            value, n = figures.of(table, "accuracy", cell), sizes[cell[0]]
            near = [k for k in (math.floor(value * n / 100), math.ceil(value * n / 100)) if 0 <= k <= n]
            rounded = any(abs(100 * k / n - value) <= HALF + EPSILON for k in near)
            cut = any(math.floor(1e4 * k / n + EPSILON) == round(100 * value) for k in near)
            how = " and ".join(name for name, holds in (("rounding", rounded), ("cutting", cut)) if holds) or "neither"
            nearest = ", ".join(f"{k} / {n} = {100 * k / n:.4f}" for k in dict.fromkeys(near))
            yield Check(
                "accuracy is k / n",
                *cell,
                f"accuracy {value:.2f} (Table {table})",
                f"{nearest}; by {how}",
                rounded or cut,
            )


def _f1_scores(figures: Figures, binary: set[str]) -> Iterator[Check]:
    """Binary F1 is the harmonic mean of precision and recall; macro F1 cannot exceed that of their macro means."""
    for cell in figures.cells(7):
        p, r, f1 = figures.of(6, "precision", cell), figures.of(6, "recall", cell), figures.of(7, "f1", cell)
        low, high = (2 * (p + by) * (r + by) / (p + r + 2 * by) for by in (-HALF, HALF))
        harmonic = f"2 · {p:.2f} · {r:.2f} / ({p:.2f} + {r:.2f}) = {2 * p * r / (p + r):.2f}"
        printed = f"precision {p:.2f}, recall {r:.2f}, F1 {f1:.2f}"
        if cell[0] in binary:
            holds = low - HALF - EPSILON <= f1 <= high + HALF + EPSILON
            yield Check("binary F1 is the harmonic mean", *cell, printed, harmonic, holds)
        else:
            yield Check("macro F1 is at most the harmonic mean", *cell, printed, harmonic, f1 - HALF <= high + EPSILON)


def _balanced_recalls(figures: Figures, balanced: list[str]) -> Iterator[Check]:
    """With as many test rows of each class, macro recall is accuracy."""
    for cell in figures.cells(6):
        if cell[0] in balanced:
            recall, accuracy = figures.of(6, "recall", cell), figures.of(3, "accuracy", cell)
            yield Check(
                "macro recall is accuracy on balanced rows", *cell, f"recall {recall:.2f}, accuracy {accuracy:.2f}",
                f"difference {accuracy - recall:+.2f}", abs(accuracy - recall) <= 2 * HALF + EPSILON,
            )  # fmt: skip


def _confusion_matrices(figures: Figures, sizes: pd.DataFrame) -> Iterator[Check]:
    """Binary precision and recall come from one confusion matrix, which also gives the accuracy."""
    for cell in figures.cells(6):
        if math.isnan(sizes["test_positives"][cell[0]]):
            continue
        n, positives = int(sizes["test"][cell[0]]), int(sizes["test_positives"][cell[0]])
        p, r = figures.of(6, "precision", cell), figures.of(6, "recall", cell)
        accuracy = figures.of(3, "accuracy", cell)
        true = r / 100 * positives
        implied = 100 * (true + (n - positives) - true * (100 / p - 1)) / n
        matrices = [
            100 * (hits + n - positives - false) / n
            for hits in range(positives + 1)
            if abs(100 * hits / positives - r) <= 2 * HALF
            for false in _false_positives(hits, p, n - positives)
        ]
        possible = any(abs(found - accuracy) <= 2 * HALF for found in matrices)
        yield Check(
            "precision, recall and accuracy have a confusion matrix", *cell,
            f"precision {p:.2f}, recall {r:.2f}, accuracy {accuracy:.2f}",
            f"{positives} positive of {n}: {len(matrices)} matrices have this precision and recall; "
            f"they imply accuracy {implied:.2f}",
            possible,
        )  # fmt: skip


def _false_positives(hits: int, precision: float, most: int) -> list[int]:
    """Numbers of false positives that give a printed precision, rounded or cut, to that many hits."""
    near = round(hits * (100 / precision - 1))
    return [
        false
        for false in range(max(0, near - 2), min(most, near + 2) + 1)
        if hits + false and abs(100 * hits / (hits + false) - precision) <= 2 * HALF
    ]


def _two_tables(figures: Figures) -> Iterator[Check]:
    """Tables 3 and 4 print some figures twice."""
    for cell in figures.cells(3):
        if (4, "accuracy", *cell) in figures.values:
            first, second = figures.of(3, "accuracy", cell), figures.of(4, "accuracy", cell)
            yield Check(
                "Tables 3 and 4 agree", *cell, f"{first:.2f} (Table 3), {second:.2f} (Table 4)",
                f"difference {second - first:+.2f}", first == second,
            )  # fmt: skip


def write_audit(checks: list[Check], titles: dict[str, str], stem: Path) -> None:
    """All checks as numbers; for reading, how many hold and those that do not."""
    rows = pd.DataFrame([asdict(check) for check in checks])
    counts = rows.groupby("check", sort=False)["holds"].agg(["size", "sum"])
    summary = [[check, str(size), str(size - held)] for check, size, held in counts.itertuples()]
    faults = [
        [
            check.check, titles.get(check.dataset, check.dataset), check.model, check.variant, check.printed,
            check.arithmetic,
        ]
        for check in checks
        if not check.holds
    ]  # fmt: skip
    heads = ["Check", "Dataset", "Base model", "Variant", "Printed", "Arithmetic"]
    reading = typeset.markdown(CAPTION, ["Check", "Figures", "Fail"], summary)
    reading += "\n" + typeset.markdown("Those that fail:", heads, faults)
    paper = typeset.latex(
        stem.name, CAPTION, heads, [[typeset.tex(cell) for cell in row] for row in faults], len(heads)
    )
    typeset.write(stem, as_csv(rows), reading, paper)
