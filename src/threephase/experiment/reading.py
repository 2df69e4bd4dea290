"""Config files as a checked config, every fault one line with its place and remedy."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from threephase.artifacts import layout
from threephase.errors import ConfigError
from threephase.experiment.config import Config
from threephase.experiment.resolve import TABLE_5
from threephase.experiment.shipped import SHIPPED
from threephase.settings.faults import message, shown
from threephase.settings.layer import Layer

PUBLISHED_DATASETS = Path("published/datasets.csv")
LARGEST = 10_000_000  # bytes of a config
MOST_NODES = 200_000  # values of a config, what anchors repeat counted each time
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
}
_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
# What a person reads as YAML does: neither 010, which is 8 there, nor 1:30, which is 90.
_DECIMAL = re.compile(
    r"[+-]?(0|[1-9][0-9_]*|[0-9]*\.[0-9_]*|[0-9]+\.)([eE][+-]?[0-9]+)?|[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_HALF = re.compile(r"[\ud800-\udfff]")
# What names a type that a value could have had, behind its place.
_TYPE = re.compile(r"int|float|str|bool|literal\[.*|list\[.*|tuple\[.*|is-instance\[.*|nullable.*")


def load(given: Mapping[str, Any], shipped: Path = SHIPPED) -> Config:
    """The config, checked. Raises ConfigError with one line for each fault, its place and its remedy.

    `shipped` is the folder of the project's own config files, for `hyperparameters.use: paper`.
    """
    try:
        return Config.model_validate(given, context={"published": partial(published_settings, shipped)})
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(error))) from None


def published_settings(shipped: Path = SHIPPED) -> dict[str, dict[str, Layer]]:
    """Table 5 as settings: dataset -> base model -> settings by phase."""
    given = yaml.safe_load((shipped / TABLE_5).read_text(encoding="utf-8"))
    return {
        dataset: {model: Layer.model_validate(layer) for model, layer in models.items()}
        for dataset, models in given.items()
    }


def tables_of(config: Config, shipped: Path = SHIPPED) -> list[str]:
    """The tables of a config by their names in the layout.

    The published figures are audited where the grid has a dataset of the paper.
    """
    with (shipped / PUBLISHED_DATASETS).open(encoding="utf-8", newline="") as file:
        published = {row["dataset"] for row in csv.DictReader(file)}
    of_paper = any(run.dataset in published for run in config.runs())
    return [name for name in layout.TABLES if of_paper or name != "audit_published"]


def read(paths: Iterable[Path], changes: Mapping[str, Any] | None = None, shipped: Path = SHIPPED) -> Config:
    """The config of some files, each laid over those before it as Snakemake does, and `changes` over them all.

    `shipped` is as in `load`. Raises ConfigError for what `load` and `read_yaml` refuse.
    """
    return load(merged(paths, changes), shipped)


def merged(paths: Iterable[Path], changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What some config files say together, unchecked, and `changes` over them; as `read` checks it."""
    given: dict[str, Any] = {}
    for path in paths:
        given = _laid_over(given, read_yaml(path))
    return _laid_over(given, dict(changes or {}))


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        inner = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        both[key] = _laid_over(below[key], dict(value)) if inner else value
    return both


def read_yaml(path: Path) -> dict[str, Any]:
    """What a config file holds. Raises ConfigError, with file and line, for what YAML reads otherwise than it looks.

    A key that stands twice, of which a reader of YAML keeps the last; numbers in other systems than the decimal one;
    tags, anchors that multiply or contain themselves; what is no map of keys, or no YAML at all.
    """
    text = _text(path)
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        if len(documents) > 1:
            raise ConfigError(f"config: {path}: several documents (---); keep one")
        root = documents[0] if documents else None
        faults = [f"config: {path}:{line}: {fault}" for line, fault in _faults(root, (), [])]
        if faults:
            raise ConfigError("\n".join(dict.fromkeys(faults)))
        if not isinstance(root, yaml.MappingNode | None):
            raise ConfigError(f"config: {path}: holds no keys; begin it with `datasets:`")
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"config: {path}: not valid YAML: {' '.join(str(error).split())[:300]}") from None
    except RecursionError:
        raise ConfigError(f"config: {path}: nested too deeply; write it flatter") from None
    except (ValueError, LookupError, OverflowError, TypeError, AttributeError) as error:
        what = " ".join(str(error).split())[:200]
        raise ConfigError(f"config: {path}: a value cannot be read: {what}; correct it, or put it in quotes") from None


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"config: {path}: is no file that can be read; name a config file")
        content = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"config: {str(path)!r}: {said}; name a file that exists") from None
    if content is None:
        raise ConfigError(f"config: {path}: larger than {LARGEST:,} bytes; is it a config?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"config: {path}: not valid YAML in UTF-8: {error.reason}; save it as UTF-8") from None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")  # JSON may be indented with tabs, YAML not; no text of JSON holds one


def _faults(node: yaml.Node | None, above: tuple[int, ...], seen: list[None]) -> Iterator[tuple[int, str]]:
    """Lines and faults below a node. `above` are the nodes that it lies in, `seen` has an entry for every visit."""
    if node is None:
        return
    line = node.start_mark.line + 1
    seen.append(None)
    if id(node) in above:
        yield line, "an anchor that contains itself; write out what is meant"
        return
    if len(seen) == MOST_NODES:
        yield line, f"more than {MOST_NODES:,} values with all that anchors repeat; write a smaller config"
    if len(seen) >= MOST_NODES:
        return
    if isinstance(node, yaml.ScalarNode) and _HALF.search(node.value):
        yield line, "half of a character (a lone surrogate); write the character itself"
    elif node.tag not in _PLAIN_TAGS:
        yield line, f"the tag {node.tag!r} has no meaning here; drop it"
    elif isinstance(node, yaml.ScalarNode) and node.style is None and node.tag in _NUMBERS:
        if not _DECIMAL.fullmatch(node.value):
            yield line, f"{node.value[:40]} is a number in another system to YAML; write it as a decimal or in quotes"
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield key.start_mark.line + 1, "a list or a map stands as a key; write a name"
            elif key.value in keys:
                yield key.start_mark.line + 1, f"'{key.value}' stands there twice; drop one"
            else:
                keys.add(key.value)
            for child in (key, value):
                yield from _faults(child, (*above, id(node)), seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _faults(value, (*above, id(node)), seen)


def _lines(error: ValidationError) -> list[str]:
    """One line for each place that is wrong, whatever types a value could have had there."""
    faults: dict[str, dict[str, None]] = {}
    found = error.errors()
    for fault in found:
        within = [other for other in found if other["loc"][: len(fault["loc"])] == fault["loc"] and other is not fault]
        if fault["type"] == "too_short" and within:  # of the items that are wrong themselves none is left
            continue
        parts = [str(part) for part in fault["loc"] if not str(part).startswith(("function-", "constrained-"))]
        if parts and fault["type"] not in {"value_error", "missing"} and _TYPE.fullmatch(parts[-1]):
            parts.pop()
        said = message(fault)
        plain = not isinstance(fault["input"], dict | list | tuple)
        if fault["type"].endswith("_type") or (plain and fault["type"] not in {"value_error", "missing"}):
            said += f", not {shown(fault['input'])}"
        place = ".".join(parts)
        faults.setdefault(f"config: {place}: " if place else "config: ", {})[" ".join(said.split())] = None
    lines = []
    for place, told in faults.items():
        either = all(each.startswith("Input should be") for each in told)
        lines += [place + "; or ".join(told)] if either else [place + each for each in told]
    return lines
