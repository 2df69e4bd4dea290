"""The workflow's config: one typed definition, checked before any job starts."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

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

from threephase.artifacts import layout
from threephase.data.hub import places_below_url
from threephase.data.places import at_home, files_of, local_copy
from threephase.errors import ConfigError, DownloadError
from threephase.experiment.grid import GridBlock, runs_of
from threephase.experiment.recipe import BASELINE, UNSEEDED, Recipe, Run, Step, Steps, prefixes, step_of, steps_of
from threephase.experiment.resolve import Hyperparameters
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.baseline import BaselineSettings, EncoderBaselineSettings
from threephase.settings.baselines import BASELINES
from threephase.settings.common import PhaseSettings, Settings, known
from threephase.settings.dataset import SPLITS, DatasetSettings, Fold, Limits, Source
from threephase.settings.faults import message
from threephase.settings.layer import Layer
from threephase.settings.phases import PHASES
from threephase.settings.tuning import Group, TuningSettings

# What a baseline sees of texts and labels, where it does not say so itself: as much as the reference's phase 3.
AS_REFERENCE = frozenset(EncoderBaselineSettings.model_fields)
LONGEST_NAME = 100  # characters of what becomes part of a path
LONGEST_RECIPE = 150  # bytes: a file's name has 255, of which what is being written beside takes up to 100
MOST_RUNS = 20_000  # of a grid, which is looked through before anything runs
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAG = re.compile(r"\w+")


def path_part(name: str) -> str:
    """A name that stands in paths. Raises ValueError for one that cannot."""
    if len(name) > LONGEST_NAME:
        raise ValueError(f"'{name[:20]}…' becomes part of a path: use {LONGEST_NAME} characters at the most")
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' becomes part of a path: use letters, digits, '.', '_' and '-'")
    return name


def _step(given: Any) -> Step:
    """A variant's phase: `dae`, or `cl: {tag: none, imbalance: none}`."""
    if isinstance(given, Step):
        return given
    if isinstance(given, str):
        phase, settings = given, None
    elif isinstance(given, dict) and len(given) == 1:
        ((phase, settings),) = given.items()
        if not isinstance(settings or {}, Mapping):
            raise ValueError(f"'{phase}' has settings as {{tag: none, imbalance: none}}, not {settings!r}")
    else:
        raise ValueError(f"a phase is written `dae` or `cl: {{tag: none, imbalance: none}}`, not {given!r}")
    known(phase, PHASES, "phase")
    _check_tag(phase, settings or {})
    step = step_of(given)
    _refuse(PHASES[phase], step.overrides)
    return step


def _refuse(kind: type[Settings], settings: dict[str, Any]) -> None:
    """Raise ValueError, in one line, for settings that their block does not have."""
    try:
        kind.model_validate(settings)
    except ValidationError as error:
        fault = error.errors()[0]
        place = "".join(f"{part}: " for part in fault["loc"][:1])
        raise ValueError(f"{place}{message(fault)}") from None


def _check_tag(name: str, given: Mapping[str, Any]) -> None:
    """Raise ValueError for a tag that cannot stand in a path, or settings without one."""
    tag = given.get("tag")
    if tag is None and given.keys() - {"tag"}:
        raise ValueError(f"'{name}' changes settings, so it needs a `tag` of its own for the checkpoint's path")
    if isinstance(tag, bool):
        raise ValueError("tag: yes, no, on, off are no names to YAML; put the tag in quotes")
    if tag is not None and not _TAG.fullmatch(str(tag)):
        raise ValueError(f"tag '{tag}' becomes part of a path: use letters, digits and '_'")


def _of_a_baseline(given: Any) -> Any:
    """`{baseline: centroid}`, with settings under a tag, as the one step that it is; phases as they are."""
    if not isinstance(given, Mapping):
        return given
    if "baseline" not in given:
        raise ValueError("a variant is a list of phases, as [dae, cl, ft], or a baseline, as {baseline: centroid}")
    name = str(given["baseline"])
    known(name, BASELINES, "baseline")
    _check_tag(name, {key: value for key, value in given.items() if key != "baseline"})
    (step,) = steps_of(given)
    _refuse(BASELINES[name], step.overrides)
    if name == "setfit" and find_spec("setfit") is None:
        raise ValueError("baseline 'setfit' needs the package of that name; pip install setfit, or drop the variant")
    return (step,)


def _holds_password(address: str) -> bool:
    """Whether a database's address has one, before its host or among its options."""
    place, _, options = address.partition("://")[2].partition("?")
    return ":" in place.rpartition("@")[0] or re.search(r"pass(word|wd)=", options, re.IGNORECASE) is not None


def _fault_of_url(url: str) -> str | None:
    """What is wrong with an address that files lie below; never says the address, which may hold a password."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    if scheme not in ("http", "https") or not host:
        return "is no address of the web; write it as https://host/folder"
    if "@" in host or re.search(r":(?!\d+$|[0-9a-f:]*\]:?\d*$)", host):
        return "holds a user's name or password, which results would keep; leave them out, and give them by ~/.netrc"
    if "?" in url or "#" in url:
        return "has a part behind '?' or '#', so no path can follow it; name the folder alone"
    return None


def _ending_with_ft(steps: Steps) -> Steps:
    if len(steps) == 1 and steps[0].phase == BASELINE:
        return steps
    if not steps or steps[-1].phase != "ft":
        raise ValueError("a variant ends with `ft`, the phase that classifies")
    if any(step.phase == "ft" for step in steps[:-1]):
        raise ValueError("`ft` can only be the last phase of a variant")
    return steps


Name = Annotated[str, AfterValidator(path_part)]
_STEP_SCHEMA = {
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
_BASELINE_SCHEMA = {
    "type": "object",
    "required": ["baseline"],
    "properties": {"baseline": {"enum": list(BASELINES)}, "tag": {"type": "string"}},
}
GivenSteps = Annotated[
    tuple[Annotated[Step, BeforeValidator(_step)], ...],
    BeforeValidator(_of_a_baseline),
    AfterValidator(_ending_with_ft),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _STEP_SCHEMA}, _BASELINE_SCHEMA]}),
]


class EffectSettings(Settings):
    """A question that variants answer: how far each moves accuracy from its baseline, over the same seeds."""

    title: str = Field(description="What is asked; heads the table and the figure.")
    against: dict[str, list[str]] = Field(
        min_length=1, description="Variants to compare, by the variant that is their baseline."
    )
    datasets: list[str] | None = Field(
        None, min_length=1, description="Datasets that it is asked of; all with such variants where absent."
    )

    @property
    def variants(self) -> list[str]:
        """All variants that are compared, each baseline before those that it is the baseline of."""
        return list(dict.fromkeys(name for base, others in self.against.items() for name in (base, *others)))


class TableSettings(Settings):
    """What the tables show."""

    effects: dict[Name, EffectSettings] = Field(
        {}, description="One table and one figure each, `effects_<name>`: paired differences from a baseline."
    )

    main: list[str] | None = Field(
        None,
        min_length=1,
        description="Variants of Tables 3, 6 and 7; where absent 3-Phase, Joint and FT, or all if none of these has "
        "runs. The reference stands before them where they do not name it; baselines with runs stand in every table, "
        "after the others.",
    )
    equivalence: Annotated[float, Field(gt=0.0)] = Field(
        0.5,
        description="Differences within ± so many points count as none: a variant whose 90% interval lies within is "
        "called equivalent (docs/statistics.md).",
    )
    partial: bool = Field(
        False, description="Make tables of the runs that exist; what is missing is a dash, and the caption says so."
    )
    reference: str | None = Field(
        None,
        description="Variant that others are measured by: '=' refers to it, it chooses Table 4's base model, and Table "
        "5 shows its settings; baselines see as much of a text and of the labels as its phase 3. Where absent 3-Phase, "
        "or the grid's first variant of phases if it has no such.",
    )


class Config(Settings):
    """A whole experiment: datasets × base models × variants × seeds, and the settings of their phases."""

    datasets: dict[Name, DatasetSettings] = Field(min_length=1, description="The datasets by their names in paths.")
    models: dict[Name, BaseModelSettings] = Field(min_length=1, description="The base models by their names in paths.")
    variants: dict[str, GivenSteps] = Field(
        min_length=1,
        description="The phases of each variant, in order, as `[dae, cl, ft]`; or a baseline, a classifier that is "
        "none of the paper's, as `{baseline: centroid}`.",
    )
    grid: list[GridBlock] = Field(min_length=1, description="Which of them run, with which seeds.")
    hyperparameters: Hyperparameters = Field(Hyperparameters(), description="Settings of the phases, in layers.")
    limits: Limits = Field(
        Limits(), description="Most rows of each split, for every dataset; see `limits` of a dataset."
    )
    data_root: str | None = Field(
        None,
        description="Folder of local copies that every dataset is read from instead of its source: "
        "`<data_root>/<dataset>/{train,validation,test,unlabelled}` in any known format. Datasets of one source may "
        "share a folder, named after any of them; with repeated `splits` a copy's test rows are among the others.",
    )
    model_root: str | None = Field(
        None, description="Folder that every base model is read from instead of its source: `<model_root>/<model>/`."
    )
    name: Name | None = Field(
        None,
        description="Gives this config's tables a folder of their own, `results/tables/<name>`; where absent "
        "`results/tables`. Runs that two configs share are shared whatever they are called.",
    )
    tables: TableSettings = Field(TableSettings(), description="What the tables show.")
    tuning: TuningSettings = Field(TuningSettings(), description="The studies that search for hyper-parameters.")
    save_every: Annotated[int, Field(ge=0)] = Field(
        300,
        description="Seconds of training that a kill may cost: a training's state is saved this often (0: after every "
        "step), and the next run goes on from it. A state is about four times the size of the base model.",
    )
    track: Literal["none", "tensorboard", "trackio", "mlflow"] = Field(
        "none",
        description="Tracker that curves, settings and scores of every training go to, below `results/tracking`; its "
        "package is an extra. Trains nothing again (docs/tracking.md).",
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
            for name in effect.datasets or ():
                known(name, self.datasets, "dataset")
            for name in effect.variants:
                known(name, self.variants, "variant")
                if self.is_baseline(name) and not BASELINES[str(self.recipe_of(name).baseline)].draws:
                    raise ValueError(
                        f"tables.effects: '{name}' is trained once for all seeds, so that there are none to pair it "
                        "over; drop it"
                    )
        run = {variant: None for variant in self._run_variants if not self.is_baseline(variant)}
        if not run:
            raise ValueError("grid: runs baselines alone; add a variant of phases to compare them with, as FT: [ft]")
        for key, names in {
            "main": self.tables.main or [],
            "reference": [self.tables.reference or self.reference],
        }.items():
            for name in names:
                known(name, self.variants, f"variant in tables.{key}")
                if self.is_baseline(name):
                    raise ValueError(f"tables.{key}: '{name}' is a baseline; name a variant of phases")
            if names and not run.keys() & set(names):
                raise ValueError(f"tables.{key}: the grid has no run of {', '.join(names)}; it has: {', '.join(run)}")
        hyper = self.hyperparameters
        for name in [*hyper.datasets, *hyper.dataset_models]:
            known(name, self.datasets, "dataset")
        for name in [*hyper.models, *(model for models in hyper.dataset_models.values() for model in models)]:
            known(name, self.models, "model")
        return self

    @model_validator(mode="after")
    def _grid_can_be_looked_through(self) -> Self:
        compared = self.compared()
        runs = sum(
            len(block.seeds) * len(block.models or self.models) * len(block.variants_among(self.variants, compared))
            * sum(self._splits_of(dataset) for dataset in block.datasets or self.datasets)
            for block in self.grid
        )  # fmt: skip
        if runs > MOST_RUNS:
            raise ValueError(f"grid: {runs:,} runs, of {MOST_RUNS:,} at the most; name fewer seeds or `splits`")
        return self

    def _splits_of(self, dataset: str) -> int:
        splits = self.datasets[dataset].splits
        return splits.folds * splits.repeats if splits else 1

    @model_validator(mode="after")
    def _addresses_are_plain(self) -> Self:
        """None holds what results, records or logs should not keep, and a download stays in its folder."""
        if self.tuning.storage and _holds_password(self.tuning.storage):
            raise ValueError(
                "tuning.storage: holds a password, which results and logs would keep; leave it out, and give it by "
                "~/.pgpass or PGPASSWORD (PostgreSQL) or by an options file (MySQL)"
            )
        for name, dataset in self.datasets.items():
            if dataset.source.url is None:
                continue
            fault = _fault_of_url(dataset.source.url)
            if fault:
                raise ValueError(f"datasets.{name}.source.url: {fault}")
            try:
                places_below_url(dataset.source)
            except DownloadError as error:
                raise ValueError(f"datasets.{name}.source: {error}") from None
        return self

    @model_validator(mode="after")
    def _recipes_mean_one_thing(self) -> Self:
        meanings: dict[Recipe, tuple[str, Steps]] = {}
        for variant, steps in self.variants.items():
            for recipe, part in prefixes(steps):
                other, meaning = meanings.setdefault(recipe, (variant, part))
                if meaning != part:
                    raise ValueError(
                        f"variants '{other}' and '{variant}' give '{recipe}' different settings; "
                        "use another tag in one of them"
                    )
        return self

    @model_validator(mode="after")
    def _recipes_are_names(self) -> Self:
        for variant in self.variants:
            size = len(self.recipe_of(variant).encode())
            if size > LONGEST_RECIPE:
                raise ValueError(
                    f"variants: '{variant}': its phases and tags become the name of a folder and have {size} bytes, of "
                    f"{LONGEST_RECIPE} at the most; shorten its tags"
                )
        for name in self.tuning.groups:
            path_part(name)
        return self

    @model_validator(mode="after")
    def _groups_are_apart(self) -> Self:
        if not self.tuned:
            return self
        owners: dict[Recipe, str] = {}
        for name, group in self.groups().items():
            for variant in group.variants:
                known(variant, self.variants, "variant")
                if self.is_baseline(variant):
                    raise ValueError(f"tuning.groups: '{variant}' is a baseline, which tunes itself; drop it")
                for recipe in self.recipe_of(variant).prefixes:
                    if owners.setdefault(recipe, name) != name:
                        raise ValueError(
                            f"tuning.groups: '{owners[recipe]}' and '{name}' both train '{recipe}'; give "
                            f"it a tag of its own in one of them, as {recipe.phase}: {{tag: tuned}}"
                        )
        shared = sorted({run.seed for run in self._cells} & set(self.tuning.seeds))
        if shared:
            raise ValueError(
                f"tuning.seeds: seed {shared[0]} is one of the grid's, whose runs are reported; tune with others, as "
                f"[{max(run.seed for run in self._cells) + 100}]"
            )
        for path in self.tuning.space if "space" in self.tuning.model_fields_set else ():
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
                doubled = {value for value, times in Counter(listed or ()).items() if times > 1}
                if doubled:
                    raise ValueError(f"grid.{place}.{key}: {sorted(doubled)[0]!r} stands there twice; drop one")
        return self

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> Self:
        """Datasets and variants are targets of the command line; the Snakefile keeps them apart from its rules."""
        for name in self.variants:
            if not name.strip() or not name.isprintable():
                raise ValueError(f"variants: {name!r} is no name that can be shown; write one in one line")
        for name in self.datasets.keys() & self.variants.keys():
            raise ValueError(f"'{name}' is a dataset and a variant; call one of them otherwise")
        return self

    @model_validator(mode="after")
    def _settings_resolve(self) -> Self:
        for run in self._cells:  # repeated splits have the settings of their dataset
            levels = self._levels(run.dataset)
            for recipe in run.recipe.prefixes:
                try:
                    settings = self.phase_settings(run.dataset, run.model, recipe)
                    wanted = getattr(settings, "label_level", None)
                    if wanted is not None and wanted > levels:
                        raise ValueError(
                            f"{run.variant} on {run.dataset}: label_level {wanted}, but `source.labels` names "
                            f"{levels} level{'s' * (levels > 1)}; lower it, or name the columns of all levels"
                        )
                except ValidationError as error:
                    what = message(error.errors()[0])
                    place = f"{run.variant} on {run.dataset} with {run.model}: {recipe.phase}"
                    raise ValueError(f"{place}: {what}") from None
        return self

    @model_validator(mode="after")
    def _studies_see_no_test_rows(self) -> Self:
        tried = {recipe: self._tried(recipe) for recipe in dict.fromkeys(run.recipe for run in self._cells)}
        for run in self._cells:
            for recipe in tried[run.recipe]:
                if self.phase_settings(run.dataset, run.model, recipe).sees_test:
                    raise ValueError(
                        f"tuning: a study never sees the test split, but '{recipe}' on {run.dataset} with {run.model} "
                        "does, by `train_on_test` or `stopping_split`; drop that, or the tuning"
                    )
        return self

    def _tried(self, recipe: Recipe) -> list[Recipe]:
        """What the study trains whose values a recipe takes; nothing without one."""
        return self.tuned_recipe(self.group_of(recipe)).prefixes if self.is_tuned(recipe) else []

    @model_validator(mode="after")
    def _datasets_have_one_label_level(self) -> Self:
        """Tables compare the variants of a dataset on the same labels, with all of its base models."""
        first: dict[str, tuple[str, int]] = {}
        for run in self._cells:
            wanted = self.phase_settings(run.dataset, run.model, run.recipe).label_level
            level, place = wanted or self._levels(run.dataset), f"{run.variant} with {run.model}"
            other, others_level = first.setdefault(run.dataset, (place, level))
            if level != others_level:
                raise ValueError(
                    f"{place} on {run.dataset}: label_level {level}, but {other} has {others_level}, and tables "
                    "compare them on the same labels; give both the same, or each level a config with a `name` of its "
                    "own"
                )
        return self

    def _levels(self, dataset: str) -> int:
        source = self.datasets[dataset].source
        return len(source.labels if self.data_root is None else source.copy_columns.labels)

    def runs(self) -> list[Run]:
        """Every run of the grid once, in the order of the config, on each of a dataset's repeated splits.

        A baseline that draws nothing runs for one seed.
        """
        return list(self._runs)

    @cached_property
    def _runs(self) -> list[Run]:
        once = dict.fromkeys(self._once(run) for run in self._cells)
        return [run._replace(dataset=name) for run in once for name in self.split_names(run.dataset)]

    @cached_property
    def _cells(self) -> list[Run]:
        return runs_of(self.grid, self.datasets, self.models, self.variants, self.compared())

    def _once(self, run: Run) -> Run:
        if run.recipe.baseline is None or self.phase_settings(run.dataset, run.model, run.recipe).seeded:
            return run
        return run._replace(seed=UNSEEDED)

    @cached_property
    def _run_variants(self) -> list[str]:
        return list(dict.fromkeys(run.variant for run in self._cells))

    def is_baseline(self, variant: str) -> bool:
        """Whether a variant is a classifier that is none of the paper's."""
        return self.recipe_of(variant).baseline is not None

    @property
    def reference(self) -> str:
        """The variant that others are measured by."""
        return self.tables.reference or self._standing_for(["3-Phase"])[0]

    @property
    def main_variants(self) -> list[str]:
        """The variants of Tables 3, 6 and 7 that have runs, baselines last.

        The reference is among them, for without its runs nothing could be measured by it.
        """
        baselines = [variant for variant in self._run_variants if self.is_baseline(variant)]
        named = self._standing_for(self.tables.main or ["3-Phase", "Joint", "FT"])
        return [*([] if self.reference in named else [self.reference]), *named, *baselines]

    @property
    def ablation_variants(self) -> list[str]:
        """The variants of Table 4: all, without those that run only to be compared in tables of effects.

        The reference, which the others are compared with, stands there wherever it runs.
        """
        blocks = [block for block in self.grid if not block.effects]
        asked = {run.variant for run in runs_of(blocks, self.datasets, self.models, self.variants, {})}
        shown = {*(asked or self.variants), self.reference}
        return [variant for variant in self.variants if variant in shown]

    def _standing_for(self, names: list[str]) -> list[str]:
        """Those of the variants of phases that have runs; all that have where none of them has."""
        run = [variant for variant in self._run_variants if not self.is_baseline(variant)]
        return [name for name in names if name in run] or run

    def compared(self) -> dict[str, list[str]]:
        """The variants that each table of effects compares, baselines among them."""
        return {name: effect.variants for name, effect in self.tables.effects.items()}

    def dataset_settings(self, name: str) -> DatasetSettings:
        """The settings of a dataset under the config's limits and `data_root`. Raises ConfigError without a copy."""
        given = self.datasets[name]
        limits = self.limits.model_dump(exclude_unset=True) | given.limits.model_dump(exclude_unset=True)
        source = given.source if self.data_root is None else self._copy(at_home(Path(self.data_root)), name)
        return given.model_copy(update={"limits": Limits(**limits), "source": source})

    def _copy(self, root: Path, name: str) -> Source:
        """The copy of a dataset: its own, else that of another dataset which has the same source.

        Repeated splits divide all its labelled rows anew, those of its test split among them.
        """
        given = self.datasets[name]
        alike = [other for other, of in self.datasets.items() if _place(of.source) == _place(given.source)]
        folder = next((each for each in (name, *alike) if (root / each).is_dir()), name)
        if given.splits is None:
            return local_copy(root, folder, given)
        source = local_copy(root, folder, given.model_copy(update={"splits": None, "test_size": 1}))
        return source if source.test is None else _undivided(source)

    def split_names(self, dataset: str) -> list[str]:
        """What stands in paths for a dataset: its name, or a name for each of its repeated splits, as `bbc@r1f3`."""
        splits = self.datasets[dataset].splits
        return [layout.split_name(dataset, fold.name) for fold in splits.every] if splits else [dataset]

    def fold(self, name: str) -> Fold | None:
        """The test fold of a name in paths; None of a dataset with one test split. Raises ConfigError for no name."""
        dataset = layout.dataset_of(name)
        names = self.split_names(dataset)
        if name not in names:
            what = f"has no split '{layout.split_of(name)}'" if layout.split_of(name) else "has repeated splits"
            raise ConfigError(f"config: datasets.{dataset}: {what}; name one of its own, as {names[0]}")
        return Fold.named(layout.split_of(name)) if layout.split_of(name) else None

    def model_settings(self, name: str) -> BaseModelSettings:
        """The settings of a base model under `model_root`. Raises ConfigError for a missing copy."""
        given = self.models[name]
        if self.model_root is None:
            local = given.path is not None and given.package is None
            return given.model_copy(update={"path": str(at_home(Path(str(given.path))))}) if local else given
        folder = at_home(Path(self.model_root)) / name
        if not (folder / "config.json").is_file():
            raise ConfigError(f"config: model_root: {folder}: holds no config.json; put a copy of the model there")
        return BaseModelSettings(title=given.title, path=str(folder), normalize=given.normalize)

    @property
    def tuned(self) -> bool:
        """Whether studies run first."""
        return self.tuning.enabled or self.hyperparameters.use == "tuned"

    def groups(self) -> dict[str, Group]:
        """The groups of variants with a study each; those that no group names share that of the first, or have none."""
        named = {variant for group in self.tuning.groups.values() for variant in group.variants}
        others = [variant for variant in self.variants if variant not in named and not self.is_baseline(variant)]
        if not others or not self.tuning.main:
            return dict(self.tuning.groups)
        first = self.reference if self.reference in others else others[0]
        return {"main": Group(tunes=first, gives_to=tuple(others)), **self.tuning.groups}

    def _tunes(self, group: Group) -> Steps:
        return self.variants[group.tunes]

    def group_of(self, recipe: str) -> str:
        """The group whose study a recipe takes its values from."""
        for name, group in self.groups().items():
            if any(recipe in self.recipe_of(variant).prefixes for variant in group.variants):
                return name
        raise ConfigError(f"no variant of the config trains '{recipe}'")

    def is_tuned(self, recipe: str) -> bool:
        """Whether a study runs first for a recipe; none does for a baseline."""
        groups = self.groups().values() if self.tuned else ()
        return any(recipe in self.recipe_of(variant).prefixes for group in groups for variant in group.variants)

    def tuned_recipe(self, group: str) -> Recipe:
        """What a study of a group trains."""
        return Recipe.of(self._tunes(self.groups()[group]))

    def fixed(self, recipe: str) -> list[str]:
        """Settings of a recipe's last phase that its variant sets: no study changes them."""
        return sorted(self.last_step(recipe).overrides)

    def titles(self) -> dict[str, str]:
        """What datasets and base models are called in tables."""
        return {key: given.title for key, given in (self.datasets | self.models).items() if given.title}

    def recipe_of(self, variant: str) -> Recipe:
        """The recipe of a variant's classifier."""
        return Recipe.of(self.variants[variant])

    def phase_settings(self, dataset: str, model: str, recipe: str) -> Any:
        """The resolved settings of the last phase of a recipe, or of a baseline, for a dataset and a base model.

        They are a block of the class that PHASES or BASELINES has under its name.
        """
        place = (layout.dataset_of(dataset), model, recipe)
        if place not in self._resolved:
            self._resolved[place] = self._resolve(*place)
        return self._resolved[place]

    @cached_property
    def _resolved(self) -> dict[tuple[str, str, str], Any]:
        """What `phase_settings` gave before: every job of a grid asks, and seeds and repeated splits are alike."""
        return {}

    def _resolve(self, dataset: str, model: str, recipe: str) -> PhaseSettings | BaselineSettings:
        resolved = {name: value for name, (value, _) in self.origins(dataset, model, recipe).items()}
        baseline = Recipe(recipe).baseline
        kind: type[PhaseSettings | BaselineSettings] = BASELINES[baseline] if baseline else PHASES[Recipe(recipe).phase]
        return kind(**resolved)

    def origins(self, dataset: str, model: str, recipe: str) -> dict[str, tuple[Any, str]]:
        """The settings of a recipe's last phase, or of a baseline, each with the layer that it comes from.

        Those of a repeated split are those of its dataset.
        """
        dataset = layout.dataset_of(dataset)
        baseline = Recipe(recipe).baseline
        if baseline:
            return self._origins_of_baseline(dataset, layout.model_of(model, recipe), recipe, BASELINES[baseline])
        published = self._published.get(dataset, {}).get(model, Layer())
        return self.hyperparameters.origins(dataset, model, self.last_step(recipe), published)

    def _origins_of_baseline(
        self, dataset: str, model: str, recipe: str, kind: type[BaselineSettings]
    ) -> dict[str, tuple[Any, str]]:
        """Its defaults ← phase 3 of the reference variant, so that both see the same of texts and labels ← itself."""
        classifier = self.origins(dataset, model, self.recipe_of(self.reference))
        found = {name: (value, "default") for name, value in kind().model_dump().items()}
        found |= {
            name: (classifier[name][0], f"phase 3 of {self.reference}") for name in found.keys() & AS_REFERENCE
        }  # fmt: skip
        return found | {name: (value, "variant") for name, value in self.last_step(recipe).overrides.items()}

    def last_step(self, recipe: str) -> Step:
        """The last step of a recipe. Raises ConfigError where no variant has it."""
        if recipe not in self._last_steps:
            raise ConfigError(f"no variant of the config trains '{recipe}'")
        return self._last_steps[Recipe(recipe)]

    @cached_property
    def _last_steps(self) -> dict[Recipe, Step]:
        return {recipe: part[-1] for steps in self.variants.values() for recipe, part in prefixes(steps)}


def _place(source: Source) -> dict[str, Any]:
    """Where the rows of a source lie, whatever is read of them."""
    return source.model_dump(include={"hub", "config", "revision", "url", "package", *SPLITS})


def _undivided(source: Source) -> Source:
    """A local source whose test rows are among its labelled rows, by a pattern that is both files' and no other's."""
    files = {Path(str(source.train)), Path(str(source.test))}
    pattern = Path(source.train).with_name("t*" + "".join(Path(source.train).suffixes))
    if set(files_of(pattern)) != files:
        raise ConfigError(
            f"config: data_root: {source.test}: test rows, where `splits` has folds of all labelled ones, and no "
            f"pattern is that file's and {Path(source.train).name}'s alone; put both into one file, or drop `splits`"
        )
    return source.model_copy(update={"train": str(pattern), "test": None})
