"""The workflow's config: one typed definition, checked before any job starts, and the settings it resolves to."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from threephase.data.places import local_copy
from threephase.errors import ConfigError
from threephase.grid import Run, Step, prefixes, recipe
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.common import PhaseSettings, Settings
from threephase.settings.dataset import DatasetSettings, Limits
from threephase.settings.layer import Layer
from threephase.settings.phases import PHASES
from threephase.settings.tuning import Group, TuningSettings

# The project's own config files, and Table 5 among them.
SHIPPED = Path("config")
TABLE_5 = "hyperparameters.yaml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAG = re.compile(r"\w+")


def _path_part(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' becomes part of a path: use letters, digits, '.', '_' and '-'")
    return name


def _step(given: Any) -> Step:
    """A variant's phase: `dae`, or `cl: {tag: none, imbalance: none}`."""
    if isinstance(given, Step):
        return given
    if isinstance(given, str):
        phase, settings = given, dict[str, Any]()
    elif isinstance(given, dict) and len(given) == 1:
        ((phase, settings),) = given.items()
        settings = dict(settings or {})
    else:
        raise ValueError(f"a phase is written `dae` or `cl: {{tag: none, imbalance: none}}`, not {given!r}")
    known(phase, PHASES, "phase")
    tag = settings.pop("tag", None)
    if settings and tag is None:
        raise ValueError(f"'{phase}' changes settings, so it needs a `tag` of its own for the checkpoint's path")
    if tag is not None and not _TAG.fullmatch(str(tag)):
        raise ValueError(f"tag '{tag}' becomes part of a path: use letters, digits and '_'")
    _check_overrides(phase, settings)
    return Step(phase, None if tag is None else str(tag), settings)


def _steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if not steps or steps[-1].phase != "ft":
        raise ValueError("a variant ends with `ft`, the phase that classifies")
    if any(step.phase == "ft" for step in steps[:-1]):
        raise ValueError("`ft` can only be the last phase of a variant")
    return steps


def _check_overrides(phase: str, overrides: Mapping[str, Any]) -> None:
    PHASES[phase](**overrides)


def known(name: str, there: Mapping[str, Any], what: str) -> None:
    """Raise ValueError if there is no such name, with the nearest one that there is."""
    if name not in there:
        near = get_close_matches(str(name), list(there), n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(there) or 'none'}"
        raise ValueError(f"unknown {what} '{name}'; {advice}")


Name = Annotated[str, AfterValidator(_path_part)]
_STEP_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"enum": list(PHASES)},
            {
                "type": "object",
                "maxProperties": 1,
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    phase: {"type": "object", "required": ["tag"], "properties": {"tag": {"type": "string"}}}
                    for phase in PHASES
                },
            },
        ]
    }
)
Steps = Annotated[tuple[Annotated[Step, BeforeValidator(_step), _STEP_SCHEMA], ...], AfterValidator(_steps)]


class Hyperparameters(Settings):
    """Settings of the phases, from the general to the particular; the later layer wins.

    defaults of the phase ← `default` ← `models` ← `datasets` ← Table 5, if used ← `dataset_models` ← a study, if used ←
    the variant.
    """

    use: Literal["default", "paper", "tuned"] = Field(
        "default",
        description="'paper' takes Table 5 (config/hyperparameters.yaml) for the datasets and base models that it has; "
        "'tuned' what a study finds, as `tuning: {enabled: true}` does.",
    )
    default: Layer = Field(Layer(), description="For all datasets and base models.")
    models: dict[str, Layer] = Field({}, description="For one base model.")
    datasets: dict[str, Layer] = Field({}, description="For one dataset.")
    dataset_models: dict[str, dict[str, Layer]] = Field({}, description="For one dataset with one base model.")


class GridBlock(Settings):
    """Every combination of what it names; what it leaves out means all. The grid is the union of its blocks."""

    datasets: list[str] | None = Field(None, description="Datasets; all where absent.")
    models: list[str] | None = Field(None, description="Base models; all where absent.")
    variants: list[str] | None = Field(None, description="Variants; all where absent.")
    effects: list[str] | None = Field(
        None, description="Tables of effects whose variants run, in place of a list of `variants`."
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="Seeds of the runs.")


class EffectSettings(Settings):
    """A question that variants answer: how far each moves accuracy from its baseline, over the same seeds."""

    title: str = Field(description="What is asked; heads the table and the figure.")
    against: dict[str, list[str]] = Field(
        min_length=1, description="Variants to compare, by the variant that is their baseline."
    )


class TableSettings(Settings):
    """What the tables show."""

    effects: dict[Name, EffectSettings] = Field(
        {}, description="One table and one figure each, `effects_<name>`: paired differences from a baseline."
    )

    main: list[str] = Field(["3-Phase", "Joint", "FT"], description="Variants of Table 3, where the grid has them.")
    partial: bool = Field(
        False, description="Make tables of the runs that exist; what is missing is a dash, and the caption says so."
    )
    reference: str = Field("3-Phase", description="Variant that '=' refers to and that chooses Table 4's base model.")


class Config(Settings):
    """A whole experiment: datasets × base models × variants × seeds, and the settings of their phases."""

    datasets: dict[Name, DatasetSettings] = Field(min_length=1, description="The datasets by their names in paths.")
    models: dict[Name, BaseModelSettings] = Field(min_length=1, description="The base models by their names in paths.")
    variants: dict[str, Steps] = Field(min_length=1, description="The phases of each variant, in order.")
    grid: list[GridBlock] = Field(min_length=1, description="Which of them run, with which seeds.")
    hyperparameters: Hyperparameters = Field(Hyperparameters(), description="Settings of the phases, in layers.")
    limits: Limits = Field(
        Limits(), description="Most rows of each split, for every dataset; see `limits` of a dataset."
    )
    data_root: str | None = Field(
        None,
        description="Folder of local copies that every dataset is read from instead of its source: "
        "`<data_root>/<dataset>/{train,validation,test,unlabelled}` in any known format.",
    )
    model_root: str | None = Field(
        None, description="Folder that every base model is read from instead of its source: `<model_root>/<model>/`."
    )
    tables: TableSettings = Field(TableSettings(), description="What the tables show.")
    tuning: TuningSettings = Field(TuningSettings(), description="The studies that search for hyper-parameters.")
    save_every: Annotated[int, Field(ge=0)] = Field(
        300,
        description="Seconds of training that a kill may cost: a training's state is saved this often (0: after every "
        "step), and the next run goes on from it. A state is about four times the size of the base model.",
    )

    _published: dict[str, dict[str, Layer]] = PrivateAttr({})

    @model_validator(mode="after")
    def _take_published(self, info: ValidationInfo) -> Self:
        if self.hyperparameters.use == "paper" and info.context:
            self._published = info.context["published"]()
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for block in self.grid:
            for kind, named, there in (
                ("dataset", block.datasets, self.datasets),
                ("model", block.models, self.models),
                ("variant", block.variants, self.variants),
                ("table of effects", block.effects, self.tables.effects),
            ):
                for name in named or ():
                    known(name, there, kind)
        for effect in self.tables.effects.values():
            for baseline, compared in effect.against.items():
                for name in [baseline, *compared]:
                    known(name, self.variants, "variant")
        hyper = self.hyperparameters
        for name in [*hyper.datasets, *hyper.dataset_models]:
            known(name, self.datasets, "dataset")
        for name in [*hyper.models, *(model for models in hyper.dataset_models.values() for model in models)]:
            known(name, self.models, "model")
        return self

    @model_validator(mode="after")
    def _recipes_mean_one_thing(self) -> Self:
        meanings: dict[str, tuple[str, tuple[Step, ...]]] = {}
        for variant, steps in self.variants.items():
            for part in prefixes(steps):
                other, meaning = meanings.setdefault(recipe(part), (variant, part))
                if meaning != part:
                    raise ValueError(
                        f"variants '{other}' and '{variant}' give '{recipe(part)}' different settings; "
                        "use another tag in one of them"
                    )
        return self

    @model_validator(mode="after")
    def _groups_are_apart(self) -> Self:
        if not self.tuned:
            return self
        owners: dict[str, str] = {}
        for name, group in self.groups().items():
            for variant in group.variants:
                known(variant, self.variants, "variant")
                for part in prefixes(self.variants[variant]):
                    if owners.setdefault(recipe(part), name) != name:
                        raise ValueError(
                            f"tuning.groups: '{owners[recipe(part)]}' and '{name}' both train '{recipe(part)}'; give "
                            f"it a tag of its own in one of them, as {part[-1].phase}: {{tag: tuned}}"
                        )
        for path in self.tuning.space:
            phase = path.partition(".")[0]
            if not any(phase in ("all", step.phase) for group in self.groups().values() for step in self._tunes(group)):
                raise ValueError(f"tuning.space: no tuned variant has the phase of '{path}'; drop it")
        return self

    @model_validator(mode="after")
    def _no_name_stands_twice(self) -> Self:
        for names in (self.datasets, self.models):
            folded: dict[str, str] = {}
            for name in names:
                if folded.setdefault(name.casefold(), name) != name:
                    raise ValueError(
                        f"'{folded[name.casefold()]}' and '{name}' differ by case only, and some disks see one folder"
                    )
        for place, block in enumerate(self.grid):
            for key, listed in block:
                doubled = {value for value in listed or () if listed.count(value) > 1}
                if doubled:
                    raise ValueError(f"grid.{place}.{key}: {sorted(doubled)[0]!r} stands there twice; drop one")
        return self

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> Self:
        """Datasets and variants are targets of the command line beside the rules."""
        rules = {
            "all",
            "audit",
            "audit_published",
            "base_model",
            "dataset",
            "download_dataset",
            "download_model",
            "effects",
            "evaluate",
            "results",
            "study",
            "study_worker",
            *PHASES,
        }
        for name in [*self.datasets, *self.variants]:
            if name in rules or re.fullmatch(r"table\d+", name):
                raise ValueError(f"'{name}' is the name of a rule; call the dataset or variant otherwise")
            if name in self.datasets and name in self.variants:
                raise ValueError(f"'{name}' is a dataset and a variant; call one of them otherwise")
        return self

    @model_validator(mode="after")
    def _settings_resolve(self) -> Self:
        for run in self.runs():
            for part in prefixes(self.variants[run.variant]):
                try:
                    self.phase_settings(run.dataset, run.model, recipe(part))
                except ValidationError as error:
                    what = error.errors()[0]["msg"].removeprefix("Value error, ")
                    place = f"{run.variant} on {run.dataset} with {run.model}: {part[-1].phase}"
                    raise ValueError(f"{place}: {what}") from None
        return self

    def runs(self) -> list[Run]:
        """Every run of the grid once, in the order of the config."""
        cells = {
            Run(dataset, model, variant, seed, recipe(self.variants[variant])): None
            for block in self.grid
            for dataset in block.datasets or self.datasets
            for model in block.models or self.models
            for variant in self._variants_of(block)
            for seed in block.seeds
        }
        return list(cells)

    def _variants_of(self, block: GridBlock) -> list[str]:
        effects = [self.tables.effects[name] for name in block.effects or ()]
        compared = [
            name for effect in effects for base, others in effect.against.items() for name in (base, *others)
        ]  # fmt: skip
        return list(dict.fromkeys([*compared, *(block.variants or ())])) or list(self.variants)

    def dataset_settings(self, name: str) -> DatasetSettings:
        """The settings of a dataset under the config's limits and `data_root`. Raises ConfigError without a copy."""
        given = self.datasets[name]
        limits = self.limits.model_dump(exclude_unset=True) | given.limits.model_dump(exclude_unset=True)
        source = given.source if self.data_root is None else local_copy(Path(self.data_root), name, given)
        return given.model_copy(update={"limits": Limits(**limits), "source": source})

    def model_settings(self, name: str) -> BaseModelSettings:
        """The settings of a base model under `model_root`. Raises ConfigError for a missing copy."""
        given = self.models[name]
        if self.model_root is None:
            return given
        folder = Path(self.model_root) / name
        if not (folder / "config.json").is_file():
            raise ConfigError(f"config: model_root: {folder}: holds no config.json; put a copy of the model there")
        return BaseModelSettings(title=given.title, path=str(folder))

    @property
    def tuned(self) -> bool:
        """Whether studies run first."""
        return self.tuning.enabled or self.hyperparameters.use == "tuned"

    def groups(self) -> dict[str, Group]:
        """The groups of variants with a study each; those that no group names share that of the first variant."""
        named = {variant for group in self.tuning.groups.values() for variant in group.variants}
        others = [variant for variant in self.variants if variant not in named]
        if not others:
            return dict(self.tuning.groups)
        first = self.tables.reference if self.tables.reference in others else others[0]
        return {"main": Group(tunes=first, gives_to=tuple(others)), **self.tuning.groups}

    def _tunes(self, group: Group) -> tuple[Step, ...]:
        return self.variants[group.tunes]

    def group_of(self, of_recipe: str) -> str:
        """The group whose study a recipe takes its values from."""
        for name, group in self.groups().items():
            for variant in group.variants:
                if any(recipe(part) == of_recipe for part in prefixes(self.variants[variant])):
                    return name
        raise ConfigError(f"no variant of the config trains '{of_recipe}'")

    def fixed(self, of_recipe: str) -> list[str]:
        """Settings of a recipe's last phase that its variant sets: no study changes them."""
        return sorted(self._last_step(of_recipe).overrides)

    def tuned_steps(self, dataset: str, model: str, group: str) -> list[tuple[str, dict[str, Any], list[str]]]:
        """What a study trains: each phase with its settings before tuning, and those that stay."""
        parts = prefixes(self._tunes(self.groups()[group]))
        return [
            (part[-1].phase, self.phase_settings(dataset, model, recipe(part)).model_dump(), self.fixed(recipe(part)))
            for part in parts
        ]

    def titles(self) -> dict[str, str]:
        """What datasets and base models are called in tables."""
        return {key: given.title for key, given in (self.datasets | self.models).items() if given.title}

    def variants_by_recipe(self) -> dict[str, list[str]]:
        """Every recipe of the config with the variants that train it on their way."""
        served: dict[str, list[str]] = {}
        for variant, steps in self.variants.items():
            for part in prefixes(steps):
                served.setdefault(recipe(part), []).append(variant)
        return served

    def phase_settings(self, dataset: str, model: str, of_recipe: str) -> PhaseSettings:
        """The resolved settings of the last phase of a recipe, for a dataset and a base model."""
        step = self._last_step(of_recipe)
        resolved = {name: value for name, (value, _) in self.origins(dataset, model, step).items()}
        return PHASES[step.phase](**resolved)

    def origins(self, dataset: str, model: str, step: Step) -> dict[str, tuple[Any, str]]:
        """The settings of one phase of a variant, each with the layer of the config that it comes from."""
        hyper = self.hyperparameters
        layers = {
            "hyperparameters.default": hyper.default,
            f"hyperparameters.models.{model}": hyper.models.get(model, Layer()),
            f"hyperparameters.datasets.{dataset}": hyper.datasets.get(dataset, Layer()),
            f"Table 5 ({TABLE_5}: {dataset}.{model})": self._published.get(dataset, {}).get(model, Layer()),
            f"hyperparameters.dataset_models.{dataset}.{model}": hyper.dataset_models.get(dataset, {}).get(
                model, Layer()
            ),
        }
        found: dict[str, tuple[Any, str]] = {
            name: (value, "default") for name, value in PHASES[step.phase]().model_dump().items()
        }
        for place, layer in layers.items():
            found |= {name: (value, place) for name, value in layer.given(step.phase).items()}
        return found | {name: (value, "variant") for name, value in step.overrides.items()}

    def _last_step(self, of_recipe: str) -> Step:
        for steps in self.variants.values():
            for part in prefixes(steps):
                if recipe(part) == of_recipe:
                    return part[-1]
        raise ConfigError(f"no variant of the config trains '{of_recipe}'")


def load(given: Mapping[str, Any], shipped: Path = SHIPPED) -> Config:
    """The config, checked. Raises ConfigError with one line for each fault, its place and its remedy.

    `shipped` is the folder of the project's own config files, for `hyperparameters.use: paper`.
    """
    try:
        return Config.model_validate(given, context={"published": partial(published_settings, shipped)})
    except ValidationError as error:
        faults = [_one_line(fault) for fault in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(faults))) from None


def published_settings(shipped: Path = SHIPPED) -> dict[str, dict[str, Layer]]:
    """Table 5 as settings: dataset -> base model -> settings by phase."""
    given = yaml.safe_load((shipped / TABLE_5).read_text(encoding="utf-8"))
    return {
        dataset: {model: Layer.model_validate(layer) for model, layer in models.items()}
        for dataset, models in given.items()
    }


def read(paths: Iterable[Path], changes: Mapping[str, Any] | None = None) -> Config:
    """The config of some files, each laid over those before it as Snakemake does, and `changes` over them all.

    Raises ConfigError for a missing file and for what `load` and `refuse_doubled_keys` refuse.
    """
    given: dict[str, Any] = {}
    for path in paths:
        refuse_doubled_keys(path)
        given = _laid_over(given, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return load(_laid_over(given, dict(changes or {})))


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        inner = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        both[key] = _laid_over(below[key], dict(value)) if inner else value
    return both


def refuse_doubled_keys(path: Path) -> None:
    """Raise ConfigError where a YAML file has a key twice in one block: a reader of YAML keeps the last, silently."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"config: {path}: {error.strerror or error}; name a file that exists") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"config: {path}: not valid YAML: {' '.join(str(error).split())}") from None
    faults = [f"config: {path}:{line}: '{name}' stands there twice; drop one" for name, line in _doubled(root)]
    if faults:
        raise ConfigError("\n".join(faults))


def _doubled(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _doubled(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _doubled(value)


def _one_line(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"] if not str(part).startswith(("function-", "constrained-")))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] not in {"value_error", "missing"} and not isinstance(fault["input"], dict | list):
        message += f", not {fault['input']!r}"
    return f"config: {place}: {message}" if place else f"config: {message}"
