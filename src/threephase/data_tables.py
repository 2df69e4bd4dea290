"""Tables 1 and 2: what the datasets are, ours beside the paper's."""

from pathlib import Path
from typing import Any

import pandas as pd

from threephase import typeset
from threephase.checkpoint import DATASET, read_json
from threephase.data.audit import findings
from threephase.data.remarks import differences, labelled_rows
from threephase.settings.dataset import SPLITS

NOTHING = "–"
Datasets = dict[str, dict[str, Any]]  # by name: `dataset.json` and `audit.json`, title and expected rows


def read_datasets(names: list[str], titles: dict[str, str], expected: dict[str, Any], root: Path) -> Datasets:
    """What is known of each dataset of the grid."""
    return {
        name: {
            "title": titles.get(name, name),
            "expected": expected.get(name, {}),
            "dataset": read_json(root / "data" / name / DATASET),
            "audit": read_json(root / "audits" / f"{name}.json"),
        }
        for name in names
    }


def write_table1(datasets: Datasets, published: pd.DataFrame, stem: Path) -> None:
    """Table 1: rows of each split, before limits and as used, beside the paper's; the audits' findings as notes."""
    rows, numbers, notes = [], [], []
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
                *(f"{paper[column]:,}" if paper else NOTHING for column in ("train", "validation", "test")),
                "; ".join(unlike) if unlike else ("none" if any(known["expected"].values()) else NOTHING),
            ]
        )
        numbers += [
            {
                "dataset": name, "split": split, "rows": used[split], "rows_before_limits": full[split],
                "labelled_with_held_out": labelled_rows(dataset) if split == "train" else None,
                "expected": known["expected"].get(split), "paper": paper.get(split) if paper else None,
            }
            for split in SPLITS
        ]  # fmt: skip
        notes += [f"- **{known['title']}**: {line}." for line in findings(audit, dataset)]
    caption = (
        "Table 1. Rows of each split, and the paper's. 'n of m': limited to n of m rows, stratified. Where a dataset "
        "has no validation split, a share of train was held out. The paper's 'Train' is the text of phase 1, with "
        "unlabelled rows, its 'Validation' the labelled rows of phases 2 and 3. Difference: rows we have of rows there "
        "should be, held-out validation counted in train. Imbalance: largest class by smallest, deepest level."
    )
    heads = ["Dataset", "Train", "Validation", "Test", "Unlabelled", "Classes", "Imbalance"]
    heads += ["Paper: Train", "Paper: Validation", "Paper: Test", "Difference"]
    reading = typeset.markdown(caption, heads, rows)
    if notes:
        reading += "\nWhat the audits found, before limits (texts of two splits compared without case and blanks):\n\n"
        reading += "\n".join(notes) + "\n"
    paper_form = typeset.latex(
        "table1_splits", caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 1
    )
    typeset.write(stem, pd.DataFrame(numbers).convert_dtypes().to_csv(index=False), reading, paper_form)


def write_table2(datasets: Datasets, models: dict[str, str], published: pd.DataFrame, stem: Path) -> None:
    """Table 2: lengths in words, beside the paper's, and in tokens of each base model with the share that is cut."""
    rows, numbers = [], []
    for name, known in datasets.items():
        audit, paper = known["audit"], _published(published, name)
        words = audit["words"]
        longest = max(given["max"] for given in words.values() if given["rows"])
        rows.append(
            [
                known["title"], f"{words['train']['mean']:.1f}", f"{words['train']['max']:,}", f"{longest:,}",
                *(f"{paper[column]:,}" if paper else NOTHING for column in ("mean_words", "max_words")),
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
    caption = (
        "Table 2. Lengths of the cleaned texts, before limits: words (split at blanks) of training rows, the longest "
        "of all splits, and the paper's; tokens of each base model over all splits, and the share of texts cut at the "
        "maximum length."
    )
    heads = ["Dataset", "Words: mean", "max", "max of all", "Paper: mean", "Paper: max"]
    heads += [f"{title}: tokens mean / max, cut" for title in models.values()]
    paper_form = typeset.latex(
        "table2_lengths", caption, heads, [[typeset.tex(cell) for cell in row] for row in rows], 1
    )
    typeset.write(
        stem,
        pd.DataFrame(numbers).to_csv(index=False, float_format="%.4g"),
        typeset.markdown(caption, heads, rows),
        paper_form,
    )


def _published(published: pd.DataFrame, name: str) -> dict[str, int] | None:
    rows = published[published["dataset"] == name].to_dict("records")
    return rows[0] if rows else None


def _of(used: int, full: int) -> str:
    return f"{used:,}" if used == full else f"{used:,} of {full:,}"


def _tokens(given: dict[str, Any] | None) -> str:
    if given is None:
        return NOTHING
    return f"{given['mean']:.1f} / {given['max']:,}, {given['share_cut']:.1%} at {given['max_length']}"
