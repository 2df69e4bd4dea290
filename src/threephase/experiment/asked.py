"""What config and code ask of each step: the params of its rule, and what tables compare the results with."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from threephase.artifacts import layout
from threephase.artifacts.folders import COMPLETE, DATASET, ORIGIN, read_json
from threephase.data.packages import package_folder
from threephase.data.places import at_home, hash_of_files, local_paths
from threephase.errors import ConfigError, DataError, looked_for
from threephase.experiment.config import Config
from threephase.experiment.foreseen import counted_sizes, refuse_no_pairs, refuse_other_positive
from threephase.experiment.recipe import Probed, Recipe, Run, checkpoints_of
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.dataset import SHOWN_ONLY, DatasetSettings, refuse_unknown_positive, refuse_unknown_sizes
from threephase.settings.layer import Layer

# Settings of a source that act on rows after they were fetched.
AFTER_FETCHING = {"label_map", "encodings", "quotes", "copy_columns"}
Step = dict[str, Any]  # `settings` and `code` of a step, and what else its result depends on


class Asked:
    """What is asked of every step of a config's grid.

    A dataset is named as in paths, where each of its repeated splits stands for itself (`bbc@r1f3`); what all of them
    have in common (`datasets`, the download, the audit) has the name of the dataset.

    Args:
        config: the config.
        code: gives the digest of a step's code by its name: `dataset`, `cl`, `evaluate` …
        root: the results folder.

    Raises ConfigError where a local copy that the config names is not there.
    """

    def __init__(self, config: Config, code: Callable[[str], str], root: Path = layout.RESULTS) -> None:
        self.config = config
        self.code = code
        self.root = root
        self.runs = config.runs()
        datasets = dict.fromkeys(layout.dataset_of(run.dataset) for run in self.runs)
        self.datasets = {dataset: config.dataset_settings(dataset) for dataset in datasets}
        self.models = {run.model: config.model_settings(run.model) for run in self.runs}
        self._raw_of_dataset = cache(partial(_raw_of_dataset, config, self.datasets, root))
        self._raw_of_model = cache(partial(_raw_of_model, self.models, root))

    def models_of(self, dataset: str) -> list[str]:
        """The base models that run on a dataset, on whichever of its splits."""
        return list(dict.fromkeys(run.model for run in self.runs if layout.dataset_of(run.dataset) == dataset))

    def models_read_by(self, dataset: str) -> list[str]:
        """The file that closes each base model which reads a dataset."""
        return [f"{layout.base_model(model, self.root)}/{COMPLETE}" for model in self.models_of(dataset)]

    def downloaded_data(self, dataset: str) -> dict[str, str]:
        """What a dataset is made of, where that is a download; its repeated splits share one."""
        dataset = layout.dataset_of(dataset)
        fetched = self.datasets[dataset].source.kind in {"hub", "url"}
        return {"downloaded": f"{layout.downloaded_data(dataset, self.root)}/{ORIGIN}"} if fetched else {}

    def downloaded_model(self, model: str) -> dict[str, str]:
        """What a base model is made of, where that is a download."""
        fetched = self.models[model].hub is not None
        return {"downloaded": f"{layout.downloaded_model(model, self.root)}/{ORIGIN}"} if fetched else {}

    def parent(self, dataset: str, model: str, seed: str, recipe: str) -> str:
        """What a recipe starts from: the checkpoint one phase shorter, or the base model."""
        before = Recipe(recipe).parent
        run = (dataset, model, seed)
        folder = layout.checkpoint(*run, before, self.root) if before else layout.base_model(model, self.root)
        return f"{folder}/{COMPLETE}"

    def base_read(self, model: str, recipe: str) -> dict[str, str]:
        """The base model that a baseline reads, where it reads one."""
        reads = layout.reads_base_model(recipe)
        return {"base": f"{layout.base_model(model, self.root)}/{COMPLETE}"} if reads else {}

    def sees_test(self, dataset: str, model: str, recipe: str) -> bool:
        """Whether a recipe's last phase opens the test split, as switches of the released protocol have it."""
        return self.config.phase_settings(dataset, model, recipe).sees_test

    def download_of_dataset(self, dataset: str) -> Step:
        """What is fetched of a dataset; not what is made of its columns afterwards."""
        source = self.datasets[dataset].source
        later = AFTER_FETCHING | ({"text", "labels"} if source.hub else set())
        return {"settings": source.model_dump(exclude=later), "code": self.code("download_dataset")}

    def download_of_model(self, model: str) -> Step:
        """What is fetched of a base model."""
        return {"settings": self.models[model].model_dump(exclude={"title"}), "code": self.code("download_model")}

    def dataset(self, dataset: str) -> Step:
        """What makes the splits, the user's own files among it: an edited one makes them anew, a touched one does not.

        Not the title, which tables show, and not how scores are averaged.
        """
        own, fold = layout.dataset_of(dataset), self.config.fold(dataset)
        settings = self.datasets[own].model_dump(exclude=SHOWN_ONLY)
        step = {"settings": settings, "raw": self._raw_of_dataset(own), "code": self.code("dataset")}
        return step | {"split": fold._asdict() if fold else None}

    def audited_data(self, dataset: str) -> str:
        """The splits that an audit of a dataset reads: of repeated ones the first, since all have the same rows."""
        return f"{layout.data(self.config.split_names(dataset)[0], self.root)}/{DATASET}"

    def base_model(self, model: str) -> Step:
        """What makes a base model, the user's own folder among it."""
        settings = self.models[model].model_dump(exclude={"title"})
        return {"settings": settings, "raw": self._raw_of_model(model), "code": self.code("base_model")}

    def audit(self, dataset: str) -> Step:
        """What an audit looks at: the dataset, phase 3's length rule by base model, the corrections by variant."""
        model, *_ = models = self.models_of(dataset)
        classifier = self.config.recipe_of(self.config.reference)
        rules = {name: self.config.phase_settings(dataset, name, classifier).max_length for name in models}
        ratios: dict[tuple[float, float], str] = {}
        for variant in self.config.variants:
            for recipe in self.config.recipe_of(variant).prefixes:
                given: Any = self.config.phase_settings(dataset, model, recipe) if recipe.phase == "cl" else None
                if given and given.imbalance == "correct":
                    ratios.setdefault((given.minratio, given.maxratio), variant)
        return {
            "settings": self.datasets[dataset].model_dump(exclude=SHOWN_ONLY),
            "max_lengths": rules,
            "ratios": {variant: pair for pair, variant in ratios.items()},
            "code": self.code("audit"),
        }

    def phase(self, dataset: str, model: str, recipe: str) -> Step:
        """What a recipe's last phase, or a baseline, trains with; `fixed`: what no study that runs first changes."""
        settings = self.config.phase_settings(dataset, model, recipe).model_dump()
        fixed = self.config.fixed(recipe) if self.config.is_tuned(recipe) else []
        return {
            "settings": settings,
            "fixed": fixed,
            "code": self.code(Recipe(recipe).baseline or Recipe(recipe).phase),
        }

    def tuned(self, dataset: str, model: str, recipe: str) -> str | None:
        """The file of what a study found for a recipe's last phase; None where no study runs first."""
        if not self.config.is_tuned(recipe):
            return None
        folder = layout.tuning(dataset, model, self.config.group_of(recipe), self.root)
        return f"{folder}/{Recipe(recipe).phase}.json"

    def study(self, dataset: str, model: str, group: str) -> Step:
        """What a study searches and trains: each phase with its settings before tuning, and those that stay.

        Two trials are comparable if the phases are the same, whatever becomes of the search around them.
        """
        steps = [
            (recipe.phase, self.config.phase_settings(dataset, model, recipe).model_dump(), self.config.fixed(recipe))
            for recipe in self.config.tuned_recipe(group).prefixes
        ]
        settings = self.config.tuning.model_dump(mode="json", exclude={"main"})  # which says who else has a study
        return {"settings": settings, "steps": steps, "code": self.code("phases")}

    def _studies(self) -> list[tuple[str, str, str]]:
        """Dataset, base model and group of every study of the grid."""
        trained = (run for run in self.runs if self.config.is_tuned(run.recipe))
        return list(dict.fromkeys((run.dataset, run.model, self.config.group_of(run.recipe)) for run in trained))

    def studies(self) -> list[str]:
        """The trials of every study of the grid, a file each."""
        return [f"{layout.tuning(*cell, self.root)}/trials.csv" for cell in self._studies()]

    def study_table(self) -> dict[str, Any]:
        """What the table of studies shows."""
        groups = self.config.groups()
        studies = [
            (dataset, model, groups[group].tunes, file)
            for (dataset, model, group), file in zip(self._studies(), self.studies(), strict=True)
        ]
        objective = self.config.tuning.objective
        return {"studies": studies, "objective": objective, "titles": self.config.titles()}

    def evaluation(self, dataset: str) -> Step:
        """How the scores on a dataset are averaged."""
        given = self.datasets[layout.dataset_of(dataset)]
        settings = {"averaging": given.averaging, "positive": given.positive}
        return {"settings": settings, "code": self.code("evaluate")}

    def probe(self) -> Step:
        """What a checkpoint is probed with; the encoder knows the length of its texts."""
        return {"settings": {"max_length": None}, "code": self.code("probe")}

    def base_probe(self, dataset: str, model: str) -> Step:
        """What a base model is probed with: texts as long as the classifiers see."""
        classifier = self.config.recipe_of(self.config.reference)
        rule = self.config.phase_settings(dataset, model, classifier).max_length
        return {"settings": {"max_length": rule}, "code": self.code("probe")}

    def embedding(self) -> Step:
        """What the test texts are embedded with; the encoder knows the length of its texts."""
        return {"settings": {"max_length": None}, "code": self.code("embed")}

    def base_embedding(self, dataset: str, model: str) -> Step:
        """What a base model embeds: texts as long as the classifiers see."""
        return self.base_probe(dataset, model) | {"code": self.code("embed")}

    def mapped(self, dataset: str, model: str) -> dict[str, Path]:
        """Where the test texts of a dataset lie before and after each phase, a folder by what embeds them.

        By one run of the reference, or of the next variant of phases where it has none; of repeated splits the first.
        With `tables: {partial: true}` only what has been embedded.
        """
        runs = [run for run in self.runs if (layout.dataset_of(run.dataset), run.model) == (dataset, model)]
        of_phases = [run for run in runs if not run.recipe.baseline]
        of_phases.sort(key=lambda run: run.variant != self.config.reference)
        found = {}
        for name, _, seed, recipe in checkpoints_of(of_phases[:1]):
            base = layout.base_embedding(name, model, self.root)
            folder = base if seed is None else layout.embedding(name, model, seed, recipe, self.root)
            found[recipe or "base model"] = folder
        partial = self.config.tables.partial
        return {title: folder for title, folder in found.items() if not partial or (folder / COMPLETE).exists()}

    def cells(self) -> list[tuple[str, str]]:
        """The datasets with base models that have runs, repeated splits as one."""
        runs = self.runs_of(self.config.variants)
        return list(dict.fromkeys((layout.dataset_of(run.dataset), run.model) for run in runs))

    def pictures(self, dataset: str, model: str) -> dict[str, Any]:
        """What the pictures of a dataset with a base model are made of."""
        runs = [run for run in self.runs if (layout.dataset_of(run.dataset), run.model) == (dataset, model)]
        there = [run for run in self.runs_of(self.config.variants) if run in runs]
        return {
            "runs": [tuple(map(_plain, run)) for run in there],
            "asked": self.of_runs(there),
            "missing": len(runs) - len(there),
            "variants": self.config.main_variants,
            "reference": self.config.reference,
            "titles": self.config.titles(),
            "embeddings": {title: str(folder) for title, folder in self.mapped(dataset, model).items()},
        }

    def all_pictures(self) -> list[str]:
        """The file that closes the pictures of each dataset with each base model."""
        folders = (layout.pictures(*cell, self.config.name, self.root) for cell in self.cells())
        return [f"{folder}/{COMPLETE}" for folder in folders]

    def picture_input(self, dataset: str, model: str) -> list[str]:
        """The files that close what these pictures are made of."""
        runs = self.runs_of(self.config.variants)
        own = [run for run in runs if (layout.dataset_of(run.dataset), run.model) == (dataset, model)]
        return [*self.evaluations(own), *(f"{folder}/{COMPLETE}" for folder in self.mapped(dataset, model).values())]

    def probed(self, runs: Iterable[Run]) -> list[Probed]:
        """What some runs rest on, each once. With `tables: {partial: true}` only what has been probed."""
        partial = self.config.tables.partial
        return [each for each in checkpoints_of(runs) if not partial or self._probe(each).exists()]

    def probes(self, runs: Iterable[Run]) -> list[str]:
        """The file that closes each probe of what some runs rest on."""
        return [str(self._probe(each)) for each in self.probed(runs)]

    def _probe(self, probed: Probed) -> Path:
        dataset, model, seed, recipe = probed
        at_first = layout.base_probe(dataset, model, self.root)
        return (layout.probe(dataset, model, seed, recipe, self.root) if seed is not None else at_first) / COMPLETE

    def probe_table(self) -> dict[str, Any]:
        """What the table of probes is made of."""
        probes = self.probes_of_runs(self.runs)
        missing = len(checkpoints_of(self.runs)) - len(probes["probed"])
        return probes | {"missing": missing, "titles": self.config.titles()}

    def probes_of_runs(self, runs: Iterable[Run]) -> dict[str, Any]:
        """Which probes tell what the phases of some runs did, and the code that they are to be made by."""
        probed = [tuple(map(_plain, each)) for each in self.probed(runs)]
        return {"probed": probed, "probe_code": self.code("probe")}

    def evaluations(self, runs: Iterable[Run]) -> list[str]:
        """The file that closes each run; runs that share a recipe share it."""
        return list(dict.fromkeys(f"{_evaluation(run, self.root)}/{COMPLETE}" for run in runs))

    def runs_of(self, variants: Iterable[str], datasets: Iterable[str] | None = None) -> list[Run]:
        """The runs of some variants, on some datasets or all. With `tables: {partial: true}` only evaluated ones."""
        runs = self._runs_on(variants, datasets)
        partial = self.config.tables.partial
        return [run for run in runs if not partial or (_evaluation(run, self.root) / COMPLETE).exists()]

    def _runs_on(self, variants: Iterable[str], datasets: Iterable[str] | None) -> list[Run]:
        of_variants = [run for run in self.runs if run.variant in variants]
        return [run for run in of_variants if datasets is None or layout.dataset_of(run.dataset) in datasets]

    def folders(self) -> list[Path]:
        """The closing files of all folders that the grid rests on, those first that others rest on."""
        found: dict[Path, None] = {}
        for run in self.runs:
            seed = (run.dataset, run.model, run.seed)
            found |= dict.fromkeys(
                [
                    layout.downloaded_data(layout.dataset_of(run.dataset), self.root) / ORIGIN,
                    layout.downloaded_model(run.model, self.root) / ORIGIN,
                    layout.data(run.dataset, self.root) / DATASET,
                    layout.base_model(run.model, self.root) / COMPLETE,
                    *(layout.checkpoint(*seed, recipe, self.root) / COMPLETE for recipe in run.recipe.prefixes),
                    _evaluation(run, self.root) / COMPLETE,
                    *(self._probe(each) for each in checkpoints_of([run])),
                ]
            )
        for cell in self.cells():
            found |= dict.fromkeys(folder / COMPLETE for folder in self.mapped(*cell).values())
        return [*found, *map(Path, self.all_pictures())]

    def runs_by_target(self) -> dict[str, list[Run]]:
        """The runs that each dataset and each variant stands for on the command line."""
        targets: dict[str, list[Run]] = {}
        for run in self.runs:
            targets.setdefault(layout.dataset_of(run.dataset), []).append(run)
            targets.setdefault(run.variant, []).append(run)
        return targets

    def of_runs(self, runs: Iterable[Run]) -> dict[str, Step]:
        """What is asked of all that some runs rest on, by `layout.place_of` it."""
        runs, wanted = list(runs), {}
        for dataset, model, recipe in dict.fromkeys((run.dataset, run.model, run.recipe) for run in runs):
            wanted[layout.place_of("data", dataset)] = self.dataset(dataset)
            wanted[layout.place_of("models", model)] = self.base_model(model)
            wanted[layout.place_of("evaluations", dataset, model, recipe)] = self.evaluation(dataset)
        return wanted | self.of_trainings(runs)

    def of_trainings(self, runs: Iterable[Run]) -> dict[str, Step]:
        """What is asked of the phases and baselines alone, which asks for no data."""
        return {
            layout.place_of("checkpoints", dataset, model, part): self.phase(dataset, model, part)
            | {"tuned": self.tuned(dataset, model, part)}
            for dataset, model, recipe in dict.fromkeys((run.dataset, run.model, run.recipe) for run in runs)
            for part in recipe.prefixes
        }

    def table(self, variants: Iterable[str], datasets: Iterable[str] | None = None) -> dict[str, Any]:
        """What a table of scores is made of: its runs, what is asked of them, and the config's words for them."""
        known = [variant for variant in variants if variant in self.config.variants]
        shown = sorted(known, key=self.config.is_baseline)  # the others first
        runs = self.runs_of(shown, datasets)
        return {
            "runs": [tuple(map(_plain, run)) for run in runs],
            "asked": self.of_runs(runs),
            "missing": len(self._runs_on(shown, datasets)) - len(runs),
            "variants": shown,
            "reference": self.config.reference,
            "titles": self.config.titles(),
            "expected": self.expected(),
            "region": self.config.tables.equivalence,
            **self.probes_of_runs(runs),
        }

    def results(self) -> dict[str, Any]:
        """What the rows of all runs are made of: no probes, no comparisons."""
        table = self.table(self.config.variants)
        return {key: value for key, value in table.items() if key not in ("probed", "probe_code", "region")}

    def class_table(self) -> dict[str, Any]:
        """What the table of classes is made of: the runs of the main variants, without probes and comparisons."""
        table = self.table(self.config.main_variants)
        return {key: table[key] for key in ("runs", "asked", "missing", "variants", "reference", "titles")}

    def verdict(self) -> dict[str, Any]:
        """What the verdict is made of: all runs, of which the main variants are compared."""
        table = self.table(self.config.variants)
        told = {key: value for key, value in table.items() if key not in ("variants", "expected")}
        return {**told, "main": self.config.main_variants}

    def effects(self) -> list[str]:
        """The tables of effects that have runs to show."""
        asked = self.config.tables.effects
        return [name for name, effect in asked.items() if self.runs_of(effect.variants, effect.datasets)]

    def effect(self, name: str) -> dict[str, Any]:
        """What a table of effects is made of."""
        effect = self.config.tables.effects[name]
        table = self.table(effect.variants, effect.datasets)
        shown = {key: table[key] for key in ("runs", "asked", "missing", "titles", "probed", "probe_code", "region")}
        return {**shown, "against": effect.against, "title": effect.title}

    def of_phases(self) -> list[str]:
        """The variants of phases: all that are no baselines."""
        return [variant for variant in self.config.variants if not self.config.is_baseline(variant)]

    def claims(self) -> dict[str, Any]:
        """What the paper's claims are judged by: the runs of all variants of phases, and the probes of their phases."""
        table = self.table(self.of_phases())
        return {key: value for key, value in table.items() if key not in ("variants", "reference")}

    def over_datasets(self) -> dict[str, Any]:
        """What the comparison over datasets is made of: the runs of the main variants, without probes."""
        table = self.table(self.config.main_variants)
        return {key: value for key, value in table.items() if key not in ("probed", "probe_code", "expected")}

    def shared_datasets(self) -> int:
        """The most datasets that a base model has all its main variants on, the reference and at least one more.

        The repeated splits of a dataset are one. With `tables: {partial: true}` only those that have been evaluated
        count.
        """
        datasets: dict[str, dict[str, set[str]]] = {}
        for run in self.runs_of(self.config.main_variants):
            datasets.setdefault(run.model, {}).setdefault(run.variant, set()).add(layout.dataset_of(run.dataset))
        reference = self.config.reference
        shared = [set.intersection(*of.values()) for of in datasets.values() if len(of) > 1 and reference in of]
        return max(map(len, shared), default=0)

    def audited(self) -> list[str]:
        """The datasets with runs. With `tables: {partial: true}` only those that have been audited."""
        partial = self.config.tables.partial
        return [name for name in self.datasets if not partial or layout.audit(name, self.root).exists()]

    def data_table(self) -> dict[str, Any]:
        """Which datasets and base models Tables 1 and 2 show, where the rows of each lie, and the config's words."""
        titles = self.config.titles()
        models = {model: titles.get(model, model) for model in self.models}
        data = {name: str(Path(self.audited_data(name)).parent) for name in self.audited()}
        splits = {name: given.splits.model_dump() for name, given in self.datasets.items() if given.splits}
        expected = self.expected()
        return {"datasets": data, "titles": titles, "models": models, "expected": expected, "splits": splits}

    def expected(self) -> dict[str, dict[str, int | None]]:
        """The rows that each dataset should have."""
        return {name: given.expected.model_dump() for name, given in self.datasets.items()}

    def hyperparameter_table(self, published: dict[str, dict[str, Layer]]) -> dict[str, Any]:
        """What Table 5 shows: for each dataset and base model the settings of the reference variant's phases, ours
        (before a study, with those that it does not change and the file of what it found) and those of `published`.
        """
        recipes = self.config.recipe_of(self.config.reference).prefixes
        columns = []
        for dataset, model in self._columns():
            paper = published.get(layout.dataset_of(dataset), {}).get(model)
            ours = {recipe.phase: self.config.phase_settings(dataset, model, recipe).model_dump() for recipe in recipes}
            theirs = {recipe.phase: paper.given(recipe.phase) for recipe in recipes} if paper else {}
            columns.append((dataset, model, ours, theirs))
        fixed = {recipe.phase: self.config.fixed(recipe) for recipe in recipes}
        titles, reference = self.config.titles(), self.config.reference
        return {"columns": columns, "fixed": fixed, "titles": titles, "reference": reference}

    def _columns(self) -> list[tuple[str, str]]:
        """The columns of Table 5: datasets with base models. Repeated splits share settings, but not what was tuned."""
        tuned = self.config.is_tuned(self.config.recipe_of(self.config.reference))
        named: Callable[[str], str] = str if tuned else layout.dataset_of
        return list(dict.fromkeys((named(run.dataset), run.model) for run in self.runs))

    def tuned_input(self, dataset: str, model: str, recipe: str) -> dict[str, str]:
        """What a study found for a phase, where studies run first."""
        found = self.tuned(dataset, model, recipe)
        return {"tuned": found} if found else {}

    def audits(self) -> list[str]:
        """What Tables 1 and 2 are made of."""
        pairs = ((self.audited_data(name), str(layout.audit(name, self.root))) for name in self.audited())
        return [path for pair in pairs for path in pair]

    def table_input(self, variants: Iterable[str], datasets: Iterable[str] | None = None) -> list[str]:
        """The files that close the evaluations and the probes which a table of some variants is made of."""
        runs = self.runs_of(variants, datasets)
        return [*self.evaluations(runs), *self.probes(runs)]

    def effect_input(self, name: str) -> list[str]:
        """The same of a table of effects."""
        effect = self.config.tables.effects[name]
        return self.table_input(effect.variants, effect.datasets)

    def tuned_of_reference(self) -> list[str]:
        """What studies found for the phases of each column of Table 5, in turn; nothing without studies."""
        recipes = self.config.recipe_of(self.config.reference).prefixes
        found = [self.tuned(dataset, model, recipe) for dataset, model in self._columns() for recipe in recipes]
        return [file for file in found if file]


def _evaluation(run: Run, root: Path) -> Path:
    return layout.evaluation(run.dataset, run.model, run.seed, run.recipe, root)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _raw_of_dataset(config: Config, datasets: Mapping[str, DatasetSettings], root: Path, dataset: str) -> str | None:
    """Hash of the user's own files; where they are gone, of those that the splits here were made of.

    A path that is named anew must be there: Snakemake takes away what is made anew before the job can look.

    Raises ConfigError for what is wrong with them or with a package, for a class of `positive` or `class_sizes` that
    the splits have not, and for phases that these would stop (`experiment.foreseen`), where they were made of these
    files by these settings, but for such sizes where classes are asked for; else the job that makes them looks.
    """
    given = datasets[dataset]
    files = (layout.data(name, root) / DATASET for name in config.split_names(dataset))
    there = next((read_json(made) for made in files if made.exists()), None)
    try:
        if there is None and given.source.package is not None:
            package_folder(given.source.package)
        raw = hash_of_files(local_paths(given.source))
    except DataError as error:
        if there is None or there["settings"]["source"] != given.source.model_dump(mode="json"):
            raise ConfigError(f"config: datasets.{dataset}: {error}") from None
        raw = there.get("raw")
    resized = {"class_sizes": None, "test_class_sizes": None}
    wanted = given.model_dump(mode="json", exclude=SHOWN_ONLY) | resized
    if there and (there["settings"] | resized, there.get("raw")) == (wanted, raw):
        try:
            refuse_unknown_positive(given.positive, there["label_names"])
            refuse_other_positive(config, dataset, there["label_names"])
            for sizes in (given.class_sizes, given.test_class_sizes):
                refuse_unknown_sizes(sizes or (), there["label_names"][-1])
            if all(there["settings"].get(key) == getattr(given, key) for key in resized):
                refuse_no_pairs(config, dataset, counted_sizes(there))
        except DataError as error:
            raise ConfigError(f"config: datasets.{dataset}: {error}") from None
    return raw


def _raw_of_model(models: Mapping[str, BaseModelSettings], root: Path, model: str) -> str | None:
    """Hash of the files of a base model that is a folder of the user's; where it is gone, of what it was made of.

    Raises ConfigError where there is no such folder or package, and no model was made of it by these settings.
    """
    given = models[model]
    if given.hub is not None:
        return None
    origin = layout.base_model(model, root) / ORIGIN
    made = read_json(origin) if origin.exists() else {}
    try:
        if given.package is not None:
            package_folder(given.package)
            return None
        folder = at_home(Path(str(given.path)))
        if not folder.is_dir():
            raise DataError(f"{given.path!r}: no such folder; name that of a model{looked_for(folder)}")
        return hash_of_files([folder])
    except DataError as error:
        if made.get("settings") == given.model_dump(exclude={"title"}):
            return None if made["raw"] is None else str(made["raw"])
        said = str(error).replace("no such file; check the dataset's `source` in the config", "holds no file to read")
        raise ConfigError(f"config: models.{model}: {said}") from None
