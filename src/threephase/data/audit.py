"""The audit of a dataset: what a careful reader would look for before believing a score on it."""

import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from threephase.data.splits import SplitData, normal_form
from threephase.imbalance import corrected_sizes, f
from threephase.settings.dataset import SPLITS

# Tags that cleaning leaves, entities, and entities that lost their ampersand.
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|&(#\d+|\w+);|(?<!\w)#\d+;|\b(quot|amp|lt|gt|nbsp);")
# The replacement character, and control characters that only a wrong encoding leaves.
_UNDECODABLE = re.compile("[\ufffd\x7f-\x9f\x00-\x08\x0b\x0c\x0e-\x1f]")
EXAMPLES = 3

Tokens = Callable[[list[str]], np.ndarray]  # texts -> tokens of each, special ones counted, nothing cut


def audit(data: SplitData, ratios: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Findings on the splits of a dataset before limits.

    Texts are compared without regard to case and blanks where two splits or two labels are concerned; repeats
    are counted both ways. `ratios` are the (minratio, maxratio) to judge the imbalance correction by.
    """
    forms = {name: normal_form(rows["text"]) for name, rows in data.splits.items()}
    deepest = f"label_{len(data.label_names) - 1}"
    return {
        "rows": {name: len(rows) for name, rows in data.splits.items()},
        "classes": _class_counts(data),
        "repeated": {
            name: {
                "exactly": int(rows["text"].duplicated().sum()),
                "but_for_case_and_blanks": int(forms[name].duplicated().sum()),
            }
            for name, rows in data.splits.items()
        },
        "two_labels": _two_labels(data, forms, deepest),
        "shared": {f"{one} and {other}": _shared(forms[one], forms[other]) for one, other in combinations(SPLITS, 2)},
        "only_in_test": _only_in_test(data),
        "imbalance": _imbalance(data.splits["train"][deepest], data.label_names[-1], ratios),
        "words": {name: _lengths(rows["text"].str.split().str.len().to_numpy()) for name, rows in data.splits.items()},
        "html": _matching(data, _HTML),
        "undecodable": _matching(data, _UNDECODABLE),
    }


def token_lengths(data: SplitData, tokens: Tokens, max_length: int) -> dict[str, Any]:
    """Lengths in tokens of all texts that training or testing sees, and the share that `max_length` cuts."""
    lengths = tokens([text for rows in data.splits.values() for text in rows["text"]])
    return {**_lengths(lengths), "max_length": max_length, "share_cut": float((lengths > max_length).mean())}


def _lengths(lengths: np.ndarray) -> dict[str, Any]:
    if not len(lengths):
        return {"rows": 0}
    return {
        "rows": len(lengths),
        "mean": round(float(lengths.mean()), 2),
        "median": float(np.median(lengths)),
        "p95": float(np.percentile(lengths, 95)),
        "max": int(lengths.max()),
    }


def _class_counts(data: SplitData) -> list[dict[str, dict[str, int]]]:
    """Rows of each class by level and split."""
    counts = []
    for level, names in enumerate(data.label_names):
        column = f"label_{level}"
        labelled = {name: rows[column] for name, rows in data.splits.items() if column in rows}
        counts.append(
            {
                split: {name: int((classes == place).sum()) for place, name in enumerate(names)}
                for split, classes in labelled.items()
            }
        )
    return counts


def _two_labels(data: SplitData, forms: dict[str, pd.Series], deepest: str) -> dict[str, Any]:
    """Texts that stand with more than one label in the labelled splits together."""
    labelled = [name for name in SPLITS if deepest in data.splits[name]]
    rows = pd.DataFrame(
        {
            "form": pd.concat([forms[name] for name in labelled]),
            "text": pd.concat([data.splits[name]["text"] for name in labelled]),
            "label": pd.concat([data.splits[name][deepest] for name in labelled]),
        }
    )
    labels = rows.groupby("form", sort=False)["label"].nunique()
    doubled = labels[labels > 1].index
    first = rows[rows["form"].isin(doubled)].drop_duplicates("form")["text"]
    return {"texts": len(doubled), "examples": first.head(EXAMPLES).tolist()}


def _shared(one: pd.Series, other: pd.Series) -> dict[str, int]:
    """Texts that two splits share, and how many rows of each have one of them."""
    common = set(one) & set(other)
    return {"texts": len(common), "rows": int(one.isin(common).sum()), "rows_of_other": int(other.isin(common).sum())}


def _only_in_test(data: SplitData) -> list[list[str]]:
    """Labels of each level that the test split has and training has not."""
    found = []
    for level, names in enumerate(data.label_names):
        column = f"label_{level}"
        missing = set(data.splits["test"][column]) - set(data.splits["train"][column])
        found.append([names[place] for place in sorted(missing)])
    return found


def _imbalance(classes: pd.Series, names: list[str], ratios: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """How uneven the training rows are on the deepest level, and what each correction would make of them (eq. 4)."""
    sizes = {int(place): int(count) for place, count in classes.value_counts(sort=False).items()}
    largest, smallest = max(sizes.values()), min(sizes.values())
    corrections = {}
    for title, (minratio, maxratio) in ratios.items():
        new = corrected_sizes(sizes, minratio, maxratio)
        corrections[title] = {
            "minratio": minratio,
            "maxratio": maxratio,
            "largest_f": round(f(smallest, largest, maxratio), 3),
            "resized": {names[place]: [sizes[place], new[place]] for place in sizes if new[place] != sizes[place]},
        }
    return {
        "classes": len(sizes),
        "largest": largest,
        "smallest": smallest,
        "ratio": round(largest / smallest, 2),
        "corrections": corrections,
    }


def _matching(data: SplitData, pattern: re.Pattern[str]) -> dict[str, Any]:
    """Rows of each split that hold something, with examples."""
    found = {
        name: [hit.group() for hit in map(pattern.search, rows["text"]) if hit] for name, rows in data.splits.items()
    }
    examples = dict.fromkeys(hit for hits in found.values() for hit in hits)
    return {"rows": {name: len(hits) for name, hits in found.items()}, "examples": list(examples)[:EXAMPLES]}


def findings(audit: dict[str, Any], dataset: dict[str, Any]) -> list[str]:
    """What of an audit a person should know, one line each, with what can be done; none if all is well."""
    lines = []
    shared = {split: _shared_with_test(audit, split) for split in SPLITS if split != "test"}
    if any(texts for texts, _ in shared.values()):
        counts = ", ".join(
            f"{texts:,} of {split} ({rows:,} test rows)" for split, (texts, rows) in shared.items() if texts
        )
        lines.append(f"texts that the test split has too: {counts}; `drop_leaks: true` takes them out")
    repeated = {split: audit["repeated"][split]["exactly"] for split in SPLITS}
    if any(repeated.values()):
        lines.append(f"rows that repeat a text of their split: {_counts(repeated)}")
    if audit["two_labels"]["texts"]:
        examples = ", ".join(f"'{_shortened(text)}'" for text in audit["two_labels"]["examples"])
        lines.append(f"texts with more than one label: {audit['two_labels']['texts']:,}, such as {examples}")
    for level, names in enumerate(audit["only_in_test"], start=1):
        if names:
            lines.append(f"labels of level {level} that only the test split has: {', '.join(names)}")
    if audit["imbalance"]["ratio"] > 1:
        lines.append(_imbalance_line(audit["imbalance"]))
    for what, name in (("html", "HTML residue"), ("undecodable", "undecodable characters")):
        if any(audit[what]["rows"].values()):
            examples = ", ".join(map(repr, audit[what]["examples"]))
            lines.append(f"rows with {name}: {_counts(audit[what]['rows'])}; such as {examples}")
    later = dataset["source"].get("later_encoding_files")
    if later:
        lines.append(f"{later:,} files needed a later one of the encodings")
    for model, tokens in audit.get("tokens", {}).items():
        if tokens["share_cut"]:
            lines.append(
                f"{tokens['share_cut']:.1%} of the texts have more than {tokens['max_length']} tokens of {model}: cut"
            )
    return lines


def _shared_with_test(audit: dict[str, Any], split: str) -> tuple[int, int]:
    """Texts that a split shares with the test split, and the test rows that have one of them."""
    first, second = sorted((split, "test"), key=SPLITS.index)
    found = audit["shared"][f"{first} and {second}"]
    return found["texts"], found["rows_of_other" if second == "test" else "rows"]


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in rows.items() if count)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _imbalance_line(imbalance: dict[str, Any]) -> str:
    effects = "; ".join(
        f"{title} ({given['minratio']:g}, {given['maxratio']:g}): largest f {given['largest_f']:.2f}, "
        f"{len(given['resized'])} of {imbalance['classes']} classes resized"
        for title, given in imbalance["corrections"].items()
    )
    sizes = f"{imbalance['largest']:,} : {imbalance['smallest']:,}"
    return f"largest class {imbalance['ratio']:g} times the smallest ({sizes}). {effects}"
