"""Answers of a trained model for somebody's rows, and how right they are."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.stats import binomtest
from tqdm import tqdm

from threephase.api.model import Model
from threephase.api.rows import PIPE, Row, called, format_of, in_parts, reading, writing_rows
from threephase.artifacts.folders import writing_file
from threephase.commands.columns import column_of, columns_called
from threephase.data.files import Quotes
from threephase.data.sources import as_class
from threephase.errors import DataError, printable
from threephase.evaluation.evaluate import calibration_errors
from threephase.method.metrics import classification_metrics

PART = 4096  # rows that are held at once
PREDICTED, PROBABILITY = "predicted", "probability"
UNDECIDED = ""  # what stands for the class of a row that no class is likely enough for


@dataclass(frozen=True)
class Given:
    """Whose rows, and how they are written; `text` and `label` name columns, or None to find them by usual names."""

    place: str
    format: str | None = None
    text: str | None = None
    label: str | None = None
    encoding: str = "utf-8-sig"
    quotes: Quotes = "double"
    skip_bad: bool = False


@dataclass
class Counted:
    """What became of rows."""

    rows: int = 0
    bad: int = 0
    undecided: int = 0


def predict(
    folder: Path,
    given: Given,
    out: str,
    out_format: str | None,
    all_classes: bool,
    min_confidence: float,
    calibrated: bool = False,
) -> Counted:
    """Write every row with its class and probability, in the order of the rows, some thousands held at once.

    Args:
        folder: of the model.
        given: the rows.
        out: a file, or `-`; complete or absent.
        out_format: how it is written; by its name where absent.
        all_classes: whether every class's probability is written too.
        min_confidence: a row whose likeliest class has less stays undecided.
        calibrated: whether probabilities are scaled by the model's temperature, also before they are compared so.

    Raises UserError for a bad row, by its line, unless these are to be skipped.
    """
    kind_in, kind_out = format_of(given.place, given.format), _format_out(out, out_format, given)
    _refuse_taken(out, given.place)
    model, counted = Model(folder), Counted()
    if calibrated:
        model.probabilities([], calibrated)  # a model without a temperature is refused before a row is read
    place = writing_file(Path(out)) if out != PIPE else nullcontext(None)
    with (
        reading(given.place, kind_in, given.encoding, given.quotes) as rows,
        place as path,
        writing_rows(path, kind_out, called(given.place), rows.schema) as answers,
        tqdm(unit="row", disable=None, file=sys.stderr) as bar,
    ):
        for part in in_parts(_good(rows, given, counted), PART):
            probabilities = model.probabilities([text for _, text, _ in part], calibrated)
            answers.write(
                [
                    _answer(row, each, model.classes, all_classes, min_confidence, given.place)
                    for (row, _, _), each in zip(part, probabilities, strict=True)
                ]
            )
            counted.rows += len(part)
            counted.undecided += int((probabilities.max(axis=1) < min_confidence).sum())
            bar.update(len(part))
        if not counted.rows:
            raise DataError(f"{called(given.place)}: holds no row{' but bad ones' if counted.bad else ''}; add rows")
    return counted


def _refuse_taken(out: str, place: str) -> None:
    """The rows themselves would go, and with `--skip-bad` some of them for good."""
    if out == PIPE:
        return
    if Path(out).is_dir():
        raise DataError(f"{out}: is a folder; name a file for the answers")
    if place != PIPE and Path(out).exists() and Path(place).exists() and Path(out).samefile(place):
        raise DataError(f"{out}: is the file of the rows themselves; name another one for the answers")


def _format_out(out: str, wanted: str | None, given: Given) -> str:
    if wanted is not None or out != PIPE:
        return format_of(out, wanted)
    return format_of(given.place, given.format)


def _good(rows: Iterator[Row], given: Given, counted: Counted) -> Iterator[tuple[Row, str, str | None]]:
    """Rows with their text and label; a bad one ends it, or is counted."""
    text = given.text
    label: str | None = given.label
    for row in rows:
        fault = row.fault
        if text is None and fault is None:
            text = _column("text", row)
        value = None if text is None else row.values.get(text)
        if fault is None and text not in row.values:
            fault = f"no column '{text}' (there are {', '.join(map(str, row.values))}); name it by --text"
        if fault is None and not (isinstance(value, str) and value.strip()):
            fault = f"no text in column '{text}'"
        if fault is None:
            yield row, str(value), None if label is None else _label(row.values.get(label))
            continue
        counted.bad += 1
        told = printable(f"{called(given.place)}: line {row.line}: {fault}")
        if not given.skip_bad:
            raise DataError(f"{told}; correct it, or leave such rows out by --skip-bad")
        if counted.bad <= 3:
            print(f"left out: {told}", file=sys.stderr)


def _column(what: Literal["text", "label"], row: Row) -> str:
    """The column with the likeliest name; said where others are as likely, for the model may have learnt these."""
    found, *others = columns_called(what, list(row.values)) or [column_of(what, None, list(row.values))]
    if others:
        could = " or ".join(f"'{printable(name)}'" for name in others)
        print(f"the {what} is read from '{printable(found)}'; if it is {could}, say --{what}", file=sys.stderr)
    return found


def _label(value: Any) -> str | None:
    """A label as training reads it: without blanks around it, truth values in small letters, 1.0 as 1."""
    label = "" if value is None else str(value).strip()
    return as_class(label.lower() if isinstance(value, bool) else label) or None


def _answer(
    row: Row, probabilities: np.ndarray, classes: Sequence[str], all_classes: bool, least: float, place: str
) -> dict[str, Any]:
    likeliest = int(probabilities.argmax())
    sure = float(probabilities[likeliest])
    said: dict[str, Any] = {PREDICTED: classes[likeliest] if sure >= least else UNDECIDED, PROBABILITY: round(sure, 6)}
    if all_classes:
        said |= {f"{PROBABILITY}_{name}": round(float(p), 6) for name, p in zip(classes, probabilities, strict=True)}
    taken = sorted(said.keys() & row.values.keys())
    if taken:
        raise DataError(f"{called(place)}: has a column '{taken[0]}' already; rename it")
    return row.values | said


def evaluate(folder: Path, given: Given) -> dict[str, Any]:
    """How right a model is on labelled rows: the grid's metrics, with a 95% interval of the accuracy (Wilson).

    Classes that the model does not know count as mistakes, and are named in `unknown`. `calibration` has the expected
    calibration error on these rows, and what it is after scaling by the model's temperature where it has one.
    """
    kind, model, counted = format_of(given.place, given.format), Model(folder), Counted()
    truth: list[str] = []
    found: list[np.ndarray] = []
    with reading(given.place, kind, given.encoding, given.quotes) as rows:
        begin = list(_to_the_first_good(rows))
        if not begin:
            raise DataError(f"{called(given.place)}: holds no row; add rows")
        label = given.label
        if label is None and begin[-1].fault is None:
            label = _column("label", begin[-1])
        labelled = Given(**{**vars(given), "label": label})
        with tqdm(unit="row", disable=None, file=sys.stderr) as bar:
            for part in in_parts(_good(chain(begin, rows), labelled, counted), PART):
                for row, _, gold in part:
                    if gold is None:
                        raise DataError(f"{called(given.place)}: line {row.line}: no label in column '{label}'; add it")
                    truth.append(gold)
                found.append(model.probabilities([text for _, text, _ in part]))
                bar.update(len(part))
    if not truth:
        raise DataError(f"{called(given.place)}: {counted.bad} bad rows and no other; add labelled rows")
    names = [*model.classes, *sorted(set(truth) - set(model.classes))]
    places = {name: place for place, name in enumerate(names)}
    gold, probabilities = np.array([places[name] for name in truth]), np.concatenate(found)
    predicted = probabilities.argmax(axis=1)
    interval = binomtest(int((gold == predicted).sum()), len(gold)).proportion_ci(method="wilson")
    return classification_metrics(gold, predicted, names) | {
        "accuracy_95": [interval.low, interval.high],
        "calibration": calibration_errors(probabilities, gold, model.temperature),
        "unknown": dict(Counter(name for name in truth if name not in model.classes)),
        "bad": counted.bad,
    }


def _shown_calibration(found: dict[str, float]) -> str:
    line = f"expected calibration error {100 * found['error']:.1f} points"
    if "temperature" in found:
        line += f", calibrated {100 * found['error_scaled']:.1f} (temperature {found['temperature']:.2f})"
    return line


def _to_the_first_good(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        if row.fault is None:
            return


def shown(found: dict[str, Any]) -> str:
    """Metrics as lines for a terminal."""
    low, high = found["accuracy_95"]
    lines = [
        f"accuracy {100 * found['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}] of {found['n']:,} rows "
        "(95%, Wilson: by the rows alone)",
        f"macro precision {100 * found['precision']:.1f}, recall {100 * found['recall']:.1f}, "
        f"F1 {100 * found['f1']:.1f}",
        _shown_calibration(found["calibration"]),
        "",
        f"{'class':<30} {'recall':>7} {'precision':>10} {'F1':>6} {'rows':>7}",
    ]
    for name, of in found["per_class"].items():
        scores = f"{100 * of['recall']:>7.1f} {100 * of['precision']:>10.1f} {100 * of['f1']:>6.1f} {of['n']:>7,}"
        lines.append(f"{name[:30]:<30} {scores}")
    if found["unknown"]:
        lines.append(f"\nClasses that the model does not know, all mistakes: {', '.join(found['unknown'])}")
    if found["bad"]:
        lines.append(f"\n{found['bad']:,} bad rows left out")
    return printable("\n".join(lines))
