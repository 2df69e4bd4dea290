"""What a reader of a table must know of a dataset's rows: which are missing, which were left out on purpose."""

from collections.abc import Collection
from typing import Any

from threephase.settings.dataset import SPLITS


def labelled_rows(dataset: dict[str, Any]) -> int:
    """Training rows with the validation rows, and a fold's test rows, that were held out of them, before any limit."""
    rows = dataset["rows_before_limits"]
    held = [split for split, is_held in (("validation", dataset["validation_held_out"]), ("test", "split" in dataset))
            if is_held]  # fmt: skip
    return rows["train"] + sum(rows[split] for split in held)


def differences(dataset: dict[str, Any], expected: dict[str, int | None]) -> list[str]:
    """Where a dataset (`dataset.json`) has other numbers of rows than it is known to have."""
    found = dataset["rows_before_limits"] | {"train": labelled_rows(dataset)}
    found["unlabelled"] -= dataset.get("spare", 0)  # rows that had labels
    if "split" in dataset:
        del found["test"]  # a fold of the labelled rows
    return [
        f"{split} {found[split]:,} of {expected[split]:,}"
        for split in SPLITS
        if split in found and expected.get(split) is not None and found[split] != expected[split]
    ]


def caps(dataset: dict[str, Any]) -> list[str]:
    """Which splits were limited, to how many of how many rows."""
    full = dataset["rows_before_limits"]
    used = {split: dataset["counts"][split]["rows"] for split in SPLITS}
    return [f"{split} {used[split]:,} of {full[split]:,}" for split in SPLITS if used[split] < full[split]]


def shift(dataset: dict[str, Any]) -> str:
    """How uneven training and test rows are where classes were made so; empty where none was.

    Scores on test rows that are not like the training rows are of another question than the rows at hand ask.
    """
    if "class_sizes" not in dataset and "test_class_sizes" not in dataset:
        return ""
    ratios = {split: _ratio(dataset["counts"][split]["classes"][-1].values()) for split in ("train", "test")}
    return "largest class by smallest: " + ", ".join(f"{split} {ratio}" for split, ratio in ratios.items())


def _ratio(rows: Collection[int]) -> str:
    return f"{max(rows) / min(rows):.3g}" if min(rows) else f"{max(rows)} : 0"


def remarks(dataset: dict[str, Any], expected: dict[str, int | None]) -> str:
    """What a caption says of training and test rows; empty where they are all there. Table 1 has the rest."""
    shown = ("train ", "test ")
    parts = {"incomplete: ": differences(dataset, expected), "capped: ": caps(dataset)}
    kept = {name: [phrase for phrase in found if phrase.startswith(shown)] for name, found in parts.items()}
    rows = [name + ", ".join(found) for name, found in kept.items() if found]
    return "; ".join(filter(None, [*rows, shift(dataset)]))
