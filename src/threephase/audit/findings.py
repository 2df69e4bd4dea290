"""The audit of a dataset: what a careful reader would look for before believing a score on it."""

import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from threephase.data.splits import SplitData, normal_form
from threephase.encoders.words import by_characters, is_unspaced, words_of
from threephase.method.imbalance import corrected_sizes, f
from threephase.settings.common import Words
from threephase.settings.dataset import SPLITS

# Tags that cleaning leaves, entities, and entities that lost their ampersand.
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|&(#\d+|\w+);|(?<!\w)#\d+;|\b(quot|amp|lt|gt|nbsp);")
# The replacement character, and control characters that only a wrong encoding leaves.
_UNDECODABLE = re.compile("[\ufffd\x7f-\x9f\x00-\x08\x0b\x0c\x0e-\x1f]")
# What UTF-8 comes to that was read as cp1252 and saved so: two or three signs for one letter or quotation mark.
_CONTINUED = "\\x80-\\xbf\\u0152-\\u0192\\u02c6\\u02dc\\u2013-\\u2122"
_MISREAD = re.compile(rf"\w*(?:\u00c3[{_CONTINUED}]|\u00c2[\u00a1-\u00bf]|\u00e2\u20ac[{_CONTINUED}])\w*")
EXAMPLES = 3
# One of these stands in most English texts of some length, and is no word of the languages nearest to English.
_ENGLISH = re.compile(r"\b(the|and|that|with|this|for)\b", re.IGNORECASE)
LONG = 6  # words of a text that is long enough to be asked for its language
LEAST_ENGLISH = 0.3  # of such texts, from which on they look English
LEAST_LONG = 20  # such texts, below which nothing is said
_JOINED = re.compile(r"(?<=[^\W_])[\s_\u2010-\u2015-]+(?=[^\W_])")  # what joins two words
# Cyrillic and Greek letters that look like a Latin one.
_LOOK_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u051b\u051d\u03bf\u03b1\u03bd\u03c1\u03b9",
    "aeopcyxijshqwoavpi",
)
_LIST = re.compile(r"\[.*\]|\{.*\}|\(.*,.*\)")  # how programs write several values
# Words for yes and no, in which one file may write what another one writes as a number.
_TRUTH = {"true": "1", "yes": "1", "false": "0", "no": "0"}

RESIDUES = {
    "html": "HTML residue",
    "undecodable": "undecodable characters",
    "misread": "letters of UTF-8 that were read as cp1252 before they were saved",
}

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
        "two_labels": data.report["two_labels"],
        "shared": {f"{one} and {other}": _shared(forms[one], forms[other]) for one, other in combinations(SPLITS, 2)},
        "only_in_test": _only_in_test(data),
        "only_in_train": _only_in_train(data),
        "alike": [_alike(names) for names in data.label_names],
        "rare": data.report["rare"],
        "crossing": _crossing(data),
        "imbalance": _imbalance(data.splits["train"][deepest], data.label_names[-1], ratios),
        "words": {name: _lengths(rows["text"].str.split().str.len().to_numpy()) for name, rows in data.splits.items()},
        "unspaced": {name: sum(map(is_unspaced, rows["text"])) for name, rows in data.splits.items()},
        "left_whole": {name: _left_whole(rows["text"]) for name, rows in data.splits.items()},
        "english": _english(data.splits["train"]["text"]),
        "html": _matching(data, _HTML),
        "undecodable": _matching(data, _UNDECODABLE),
        "misread": _matching(data, _MISREAD),
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


def _only_in_train(data: SplitData) -> dict[str, list[str]]:
    """Classes of the deepest level that training has, and a split by which it is judged has not."""
    column, names = f"label_{len(data.label_names) - 1}", data.label_names[-1]
    trained = set(data.splits["train"][column])
    return {
        split: [names[place] for place in sorted(trained - set(data.splits[split][column]))]
        for split in ("validation", "test")
    }


def _alike(names: list[str]) -> list[list[str]]:
    """Classes whose names are one but for case, blanks, dashes, Unicode form, signs of no width, letters of another
    script that look alike, a last full stop, or how a number is written.
    """
    groups: dict[str, list[str]] = {}
    for name, form in zip(names, normal_form(pd.Series(names, dtype="str")), strict=True):
        form = _JOINED.sub(" ", _TRUTH.get(form, form)).removesuffix(".").translate(_LOOK_ALIKE)
        number = re.fullmatch(r"[+-]?\d+", form)
        groups.setdefault(str(int(form)) if number and len(form) < 20 else form, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _crossing(data: SplitData) -> list[dict[str, Any]]:
    """Classes of each finer level that lie in several classes of the next coarser one, of training rows."""
    found = []
    for level in range(1, len(data.label_names)):
        rows = data.splits["train"]
        parents = rows.groupby(f"label_{level}")[f"label_{level - 1}"].nunique()
        crossing = [data.label_names[level][place] for place in parents[parents > 1].index]
        found.append({"level": level + 1, "classes": crossing, "of": len(parents)})
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


def _left_whole(texts: pd.Series) -> dict[str, float]:
    """The share of texts that phase 1's noise leaves whole, since they have one word: by what `words` may be."""
    kinds: tuple[Words, ...] = ("auto", "blanks")
    return {
        words: round(sum(_is_one_word(text, words) for text in texts) / len(texts), 4) if len(texts) else 0.0
        for words in kinds
    }


def _is_one_word(text: str, words: Words) -> bool:
    return sum(map(len, words_of(text, by_characters(text, words)))) < 2


def _english(texts: pd.Series) -> float | None:
    """The share of longer texts that have one of the commonest English words; None where there are too few of them."""
    long = [text for text in texts if len(text.split()) >= LONG or is_unspaced(text)]
    if len(long) < LEAST_LONG:
        return None
    return round(sum(_ENGLISH.search(text) is not None for text in long) / len(long), 4)


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
    lines += doubts_about_labels(audit)
    if audit["imbalance"]["ratio"] > 1:
        lines.append(_imbalance_line(audit["imbalance"]))
    lines += notes_on_words(audit)
    for what, name in RESIDUES.items():
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


def doubts_about_labels(audit: dict[str, Any]) -> list[str]:
    """What looks wrong with the labels, one line each: texts with two, classes written in two ways, missing ones."""
    lines = []
    if audit["two_labels"]["texts"]:
        found = audit["two_labels"]
        examples = ", ".join(f"'{_shortened(text)}'" for text in found["examples"])
        such = f", such as {examples}" if examples else ""  # what was packed without texts has none
        lines.append(
            f"texts with more than one label: {found['texts']:,} ({found['rows']:,} rows){such}; "
            "`drop_repeats` keeps the first label"
        )
    for level, (groups, only) in enumerate(zip(audit["alike"], audit["only_in_test"], strict=True), start=1):
        for names in groups:
            shown = " and ".join(map(ascii, names))
            lines.append(
                f"labels of level {level} that are hardly two classes: {shown}; write them in one way, or map them "
                "under `source.label_map`"
            )
        found = {name for classes in audit["classes"][level - 1].values() for name in classes}
        lists = sorted(filter(_LIST.fullmatch, found))
        if lists:
            lines.append(
                f"labels of level {level} that look like lists: {_listed(lists)}; a row has one class, and each list "
                "is taken for a class of its own"
            )
        if any("-1" in classes for classes in audit["classes"][level - 1].values()):
            rows = sum(classes.get("-1", 0) for classes in audit["classes"][level - 1].values())
            if rows:
                lines.append(
                    f"label -1 of level {level} ({rows:,} rows) often means that a row has none; such rows belong in "
                    "`source.unlabelled`"
                )
        if only:
            lines.append(f"labels of level {level} that only the test split has: {_listed(only)}")
    for crossing in audit["crossing"]:
        if crossing["classes"]:
            lines.append(
                f"labels of level {crossing['level']} that lie in several classes of the level above: "
                f"{_listed(crossing['classes'])} ({len(crossing['classes'])} of {crossing['of']}); are these levels?"
            )
    for split, missing in audit["only_in_train"].items():
        if missing:
            lines.append(f"classes that train has and {split} has not: {_listed(missing)}; no score there knows them")
    if audit["rare"]:
        sizes = [f"{name} ({count})" for name, count in audit["rare"].items()]
        lines.append(f"rare classes: {_listed(sizes)}; `rare` says what becomes of them")
    return lines


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more


def notes_on_words(audit: dict[str, Any]) -> list[str]:
    """What the noise of phases 1 and 2 makes of these texts' words, where that is not what it is in English."""
    lines = []
    if any(audit["unspaced"].values()):
        lines.append(
            f"texts without blanks between words: {_counts(audit['unspaced'])}; to phase 1's noise each of their "
            "characters is a word (`words: auto`); `words: pieces` takes the base model's tokens, and `words: blanks` "
            "needs blanks put between words before, by a segmenter of that language"
        )
    whole = {split: shares["auto"] for split, shares in audit["left_whole"].items() if shares["auto"]}
    if whole:
        shares = ", ".join(f"{split} {share:.1%}" for split, share in whole.items())
        lines.append(f"texts of one word, which phase 1's noise leaves whole: {shares}; `words: pieces` deletes tokens")
    if audit["english"] is not None and audit["english"] < LEAST_ENGLISH:
        lines.append(
            "the texts do not look English; the stop words that phase 2's noise deletes are, unless you name a list of "
            "your language under cl: `stop_words: <file>`, or none"
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
