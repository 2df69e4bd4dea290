"""Tables 1 and 2: what the datasets are, ours beside the paper's."""

from pathlib import Path
from typing import Any

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_json
from threephase.artifacts.inert import as_csv, in_markdown
from threephase.audit.findings import findings
from threephase.audit.remarks import differences, labelled_rows
from threephase.settings.dataset import SPLITS
from threephase.tables import typeset

NOTHING = "–"
Datasets = dict[str, dict[str, Any]]  # by name: `dataset.json` and `audit.json`, title and expected rows


def read_datasets(
    data: dict[str, str], titles: dict[str, str], expected: dict[str, Any], splits: dict[str, Any], root: Path
) -> Datasets:
    """What is known of each dataset of the grid.

    Args:
        data: the folder of each dataset's rows; of repeated splits that of the first.
        titles: what they are called.
        expected: the rows that each should have.
        splits: the repeated splits of each that has any (`RepeatedFolds`).
        root: the results folder.
    """
    return {
        name: {
            "title": titles.get(name, name),
            "expected": expected.get(name, {}),
            "dataset": read_json(Path(folder) / DATASET),
            "audit": read_json(layout.audit(name, root)),
            "splits": splits.get(name),
        }
        for name, folder in data.items()
    }


def write_table1(datasets: Datasets, models: dict[str, str], published: pd.DataFrame, stem: Path) -> None:
    """Table 1: rows of each split, before limits and as used; the audits' findings as notes.

    The paper's stand beside them where it has any of the datasets.
    """
    rows, numbers, notes = [], [], []
    of_paper = _any_of_paper(datasets, published)
    for name, known in datasets.items():
        dataset, audit = known["dataset"], known["audit"]
        paper = _published(published, name)
        full = dataset["rows_before_limits"]
        used = {split: dataset["counts"][split]["rows"] for split in SPLITS}
        unlike = differences(dataset, known["expected"])
        rows.append(
            [
                known["title"],
                *(_of(used[split], full[split]) for split in SPLITS),
                str(audit["imbalance"]["classes"]),
                f"{audit['imbalance']['ratio']:g}",
                *_of_paper(paper, ("train", "validation", "test"), of_paper),
                "; ".join(unlike) if unlike else ("none" if any(known["expected"].values()) else NOTHING),
            ]
        )
        numbers += [
            {
                "dataset": name, "split": split, "rows": used[split], "rows_before_limits": full[split],
                "labelled_with_held_out": labelled_rows(dataset) if split == "train" else None,
                "expected": known["expected"].get(split),
                **({"paper": paper.get(split) if paper else None} if of_paper else {}),
            }
            for split in SPLITS
        ]  # fmt: skip
        lines = [*_repeated(dataset, known.get("splits")), *findings(audit, dataset)]
        notes += [f"- **{in_markdown(known['title'])}**: {in_markdown(line)}." for line in lines]
    beside = ", and the paper's" if of_paper else ""
    papers = (
        " The paper's 'Train' is the text of phase 1, with unlabelled rows, its 'Validation' the labelled rows of "
        "phases 2 and 3."
    )
    caption = typeset.numbered(
        1,
        f"Rows of each split{beside}. 'n of m': limited to n of m rows, stratified. Where a dataset has no validation "
        f"split, a share of train was held out.{papers if of_paper else ''} Difference: rows we have of rows there "
        "should be, held-out validation counted in train. Imbalance: largest class by smallest, deepest level.",
        of_paper,
    )
    heads = ["Dataset", "Train", "Validation", "Test", "Unlabelled", "Classes", "Imbalance"]
    heads += [*(["Paper: Train", "Paper: Validation", "Paper: Test"] if of_paper else []), "Difference"]
    reading = typeset.markdown(caption, heads, rows)
    if notes:
        reading += "\nWhat the audits found, before limits (texts of two splits compared without case and blanks):\n\n"
        reading += "\n".join(notes) + "\n"
    paper_form = typeset.latex(
        "table1_splits", caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 1
    )
    typeset.write(stem, as_csv(pd.DataFrame(numbers).convert_dtypes()), reading, paper_form)


def write_table2(datasets: Datasets, models: dict[str, str], published: pd.DataFrame, stem: Path) -> None:
    """Table 2: lengths in words, and in tokens of each base model with the share that is cut.

    The paper's stand beside them where it has any of the datasets.
    """
    rows, numbers = [], []
    of_paper = _any_of_paper(datasets, published)
    for name, known in datasets.items():
        audit, paper = known["audit"], _published(published, name)
        words = audit["words"]
        longest = max(given["max"] for given in words.values() if given["rows"])
        rows.append(
            [
                known["title"], f"{words['train']['mean']:.1f}", f"{words['train']['max']:,}", f"{longest:,}",
                *_of_paper(paper, ("mean_words", "max_words"), of_paper),
                *(_tokens(audit["tokens"].get(model)) for model in models),
            ]
        )  # fmt: skip
        for split, given in words.items():
            numbers.append({"dataset": name, "unit": "words", "split": split, **given})
        for model, given in audit["tokens"].items():
            numbers.append({"dataset": name, "unit": model, "split": "all", **given})
        if paper:
            numbers.append(
                {"dataset": name, "unit": "words, paper", "mean": paper["mean_words"], "max": paper["max_words"]}
            )
    of_words = "the longest of all splits, and the paper's" if of_paper else "and the longest of all splits"
    caption = typeset.numbered(
        2,
        f"Lengths of the cleaned texts, before limits: words (split at blanks) of training rows, {of_words}; tokens of "
        "each base model over all splits, and the share of texts cut at the maximum length.",
        of_paper,
    )
    heads = ["Dataset", "Words: mean", "max", "max of all", *(["Paper: mean", "Paper: max"] if of_paper else [])]
    heads += [f"{title}: tokens mean / max, cut" for title in models.values()]
    paper_form = typeset.latex(
        "table2_lengths", caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 1
    )
    typeset.write(
        stem,
        as_csv(pd.DataFrame(numbers), "%.4g"),
        typeset.markdown(caption, heads, rows),
        paper_form,
    )


TABLES = {"table1": write_table1, "table2": write_table2}


def _repeated(dataset: dict[str, Any], splits: dict[str, Any] | None) -> list[str]:
    """How a dataset with repeated splits is split: one line, or none."""
    if splits is None:
        return []
    return [
        f"repeated splits: each of {splits['folds']} folds of {labelled_rows(dataset):,} labelled rows is in turn the "
        f"test split (repeats: {splits['repeats']}); shown is the first of {splits['folds'] * splits['repeats']} splits"
    ]


def _published(published: pd.DataFrame, name: str) -> dict[str, int] | None:
    rows = published[published["dataset"] == name].to_dict("records")
    return rows[0] if rows else None


def _any_of_paper(datasets: Datasets, published: pd.DataFrame) -> bool:
    return any(_published(published, name) for name in datasets)


def _of_paper(paper: dict[str, int] | None, columns: tuple[str, ...], shown: bool) -> list[str]:
    """The paper's cells of a dataset; none where it has none of all that are shown."""
    return [f"{paper[column]:,}" if paper else NOTHING for column in columns] if shown else []


def _of(used: int, full: int) -> str:
    return f"{used:,}" if used == full else f"{used:,} of {full:,}"


def _tokens(given: dict[str, Any] | None) -> str:
    if given is None:
        return NOTHING
    return f"{given['mean']:.1f} / {given['max']:,}, {given['share_cut']:.1%} at {given['max_length']}"
