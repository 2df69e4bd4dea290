"""The config's reference, made from its one definition: a JSON schema for editors and a page for readers."""

import json
import math
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tabulate import tabulate

from threephase.experiment.config import Config, EffectSettings, TableSettings
from threephase.experiment.grid import GridBlock
from threephase.experiment.resolve import Hyperparameters
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.baselines import BASELINES
from threephase.settings.dataset import DatasetSettings, RepeatedFolds, Source
from threephase.settings.phases import PHASES
from threephase.settings.tuning import Group, Parameter, TuningSettings

_INTRODUCTION = """# The config

Made by `make docs` from the settings' own definitions; do not edit. `config/schema.json` is the same for editors that
complete and check YAML: it is named in the first line of `config/config.yaml`. `threephase config show DATASET MODEL
VARIANT` prints what a config resolves to, and which layer each value comes from.

A setting of a phase resolves from the general to the particular, the later one wins: default of the phase (below) ←
`hyperparameters.default` ← `models` ← `datasets` ← Table 5, with `use: paper` ← `dataset_models` ← a study ← the
variant. In each layer `all` comes first, then the phase's own block; Joint takes what `dae` and, for pairs, `cl` are
given before its own block `joint`.

A baseline stands among the variants as `{baseline: centroid}`, or with settings under a tag of its own as
`{baseline: tfidf_svm, tag: characters, characters: 4}`. What it sees of texts and labels, it takes from phase 3 of the
reference variant where it does not say so itself.
"""

_PLAIN: dict[Any, str] = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def schema() -> str:
    """JSON schema of the config."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The config's reference in Markdown: type, default, meaning and source of every key."""
    blocks: list[tuple[str, str, type[BaseModel]]] = [
        ("The whole", "", Config),
        ("A dataset", "datasets.<name>", DatasetSettings),
        ("Where its rows come from", "datasets.<name>.source", Source),
        ("Repeated splits", "datasets.<name>.splits", RepeatedFolds),
        ("A base model", "models.<name>", BaseModelSettings),
        ("A block of the grid", "grid", GridBlock),
        ("The tables", "tables", TableSettings),
        ("A table of effects", "tables.effects.<name>", EffectSettings),
        ("Studies", "tuning", TuningSettings),
        ("A group of variants with a study", "tuning.groups.<name>", Group),
        ("A searched setting", "tuning.space.<phase>.<setting>", Parameter),
        ("Hyper-parameters", "hyperparameters", Hyperparameters),
        *((_first_line(kind), f"hyperparameters.<layer>.{name}", kind) for name, kind in PHASES.items()),
        *((_first_line(kind), f"variants.<name>, {names}", kind) for kind, names in _baselines().items()),
    ]
    return _INTRODUCTION + "".join(_block(*block) for block in blocks)


def _baselines() -> dict[type[BaseModel], str]:
    """The settings of baselines, each with the baselines that have them."""
    named: dict[type[BaseModel], list[str]] = {}
    for name, kind in BASELINES.items():
        named.setdefault(kind, []).append(f"baseline: {name}")
    return {kind: " or ".join(names) for kind, names in named.items()}


def _block(title: str, place: str, kind: type[BaseModel]) -> str:
    rows = [list(_row(name, field)) for name, field in kind.model_fields.items()]
    table = tabulate(rows, headers=["key", "type", "default", "meaning", "source"], tablefmt="github")
    where = f"`{place}`: {_first_line(kind)}" if place and title != _first_line(kind) else f"`{place}`" if place else ""
    return f"\n## {title}\n\n{where}\n\n{table}\n" if where else f"\n## {title}\n\n{_first_line(kind)}\n\n{table}\n"


def _row(name: str, field: FieldInfo) -> Iterator[str]:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    yield f"`{name}`"
    yield _type(field.annotation)
    yield "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
    yield (field.description or "").replace("|", "\\|")
    yield str(extra.get("source", ""))


def _default(value: Any) -> str:
    if isinstance(value, BaseModel) or value == {}:
        return "–"
    if isinstance(value, dict):
        return f"`{yaml.safe_dump(_plain(value), default_flow_style=True, sort_keys=False, width=math.inf).strip()}`"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "–" if value is None else f"{value}".lower() if isinstance(value, bool) else f"{value}"


def _plain(value: Any) -> Any:
    """A default as somebody would write it in YAML: of blocks what is set, and numbers as they are read again."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value.model_dump(exclude_defaults=True).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _type(kind: Any) -> str:
    """A type in the words of somebody who writes YAML."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner if part is not type(None)))
    if origin is Literal:
        return " or ".join(f"'{value}'" for value in inner)
    if origin is list:
        return f"list of {_type(inner[0])}"
    if origin is tuple:
        item = _type(inner[0])
        plain = set(item.split(" or ")) <= set(_PLAIN.values())
        return f"list of {item}" if plain else "list of phases, or a baseline"
    if origin is dict:
        return f"map of names to {_type(inner[1])}"
    return _PLAIN.get(kind, "block")


def _first_line(kind: type[BaseModel]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0].removesuffix(".")
