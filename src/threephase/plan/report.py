"""The plan of a grid: every job with its cost, laid out over the slots there are, as tables for people."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from threephase.artifacts import layout
from threephase.artifacts.folders import COMPLETE, DATASET, ORIGIN, looking, read_json, writing
from threephase.console import own_name
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.encoders.base_model import make_base_model
from threephase.errors import UserError
from threephase.experiment.config import Config
from threephase.experiment.recipe import Recipe, Run
from threephase.plan import speed
from threephase.plan.calibration import Trial, measured
from threephase.plan.schedule import Job, finish, longest_chain, shown
from threephase.plan.speed import Assumed, Measured, Speed
from threephase.plan.work import Cell, Corpus, Shape, Work, checkpoint_bytes
from threephase.settings.dataset import SHOWN_ONLY
from threephase.settings.phases import PHASES
from threephase.tables.typeset import markdown

SHORT = 1e12  # operations of a step that can be measured in seconds


@dataclass(frozen=True)
class Training:
    """A checkpoint to be made."""

    dataset: str
    model: str
    seed: int
    recipe: Recipe

    @property
    def phase(self) -> str:
        """Its last phase."""
        return self.recipe.phase

    @property
    def name(self) -> str:
        """As jobs are called."""
        return f"{self.dataset} · {self.model} · seed {self.seed} · {self.recipe}"

    @property
    def parent(self) -> "Training | None":
        """What it starts from; None for the base model."""
        before = self.recipe.parent
        return Training(self.dataset, self.model, self.seed, before) if before else None

    @property
    def is_there(self) -> bool:
        """Whether an earlier run made it."""
        return (layout.checkpoint(self.dataset, self.model, self.seed, self.recipe) / COMPLETE).exists()


@contextmanager
def plan_of(
    config: Config, slots: int, gpu: str | None = None, expected: bool = False, missing: bool = False
) -> Iterator["Plan"]:
    """The plan of a config's grid.

    Args:
        config: the config.
        slots: jobs at once: processors, or GPUs.
        gpu: a kind of GPU; measured on this machine's processors where absent.
        expected: count with the rows that datasets are known to have, where the copies at hand have fewer.
        missing: checkpoints that are there cost nothing.

    Writes nothing to the results and takes nothing away, and reads no test text, but where a phase is told to.

    Raises UserError where texts or a base model must be downloaded first.
    """
    with looking(), TemporaryDirectory(prefix="threephase-plan-") as folder:
        runs = config.runs()
        # The repeated splits of a dataset have as many rows each, but for one: the first stands for all.
        first = {layout.dataset_of(name): name for name in reversed(_first(runs, "dataset"))}
        data = {dataset: _dataset(config, name, Path(folder) / "data" / name) for dataset, name in first.items()}
        models = {name: _model(config, name, Path(folder) / "models" / name) for name in _first(runs, "model")}
        corpora = {name: Corpus.of(place) for name, place in data.items()}
        if expected:
            corpora = {
                name: corpus.full(config.datasets[name].expected, config.datasets[name].splits is not None)
                for name, corpus in corpora.items()
            }
        yield Plan(config, corpora, models, slots, gpu, missing)


class Plan:
    """What a grid costs."""

    def __init__(
        self,
        config: Config,
        corpora: dict[str, Corpus],
        models: dict[str, Path],
        slots: int,
        gpu: str | None,
        missing: bool = False,
    ) -> None:
        self.config = config
        self.corpora = corpora
        self.models = models
        self.slots = slots
        self.gpu = gpu
        self.missing = missing
        self.shapes = {name: Shape.of(folder) for name, folder in models.items()}
        self._cells: dict[tuple[str, str], Cell] = {}
        self._works: dict[tuple[str, str, Recipe], Work] = {}
        self._acting = cache(self._acting_of)

    @cached_property
    def trainings(self) -> list[Training]:
        """Every checkpoint of the grid once, after those it starts from."""
        found = (
            Training(run.dataset, run.model, run.seed, recipe)
            for run in self.config.runs()
            if not run.recipe.baseline
            for recipe in run.recipe.prefixes
        )
        return list(dict.fromkeys(found))

    @cached_property
    def baselines(self) -> list[Training]:
        """Every baseline of the grid once; those that read texts alone stand for all base models, under the first."""
        found: dict[tuple[object, ...], Training] = {}
        for dataset, model, _, seed, recipe in self.config.runs():
            if recipe.baseline:
                place = (dataset, layout.model_of(model, recipe), seed, recipe)
                found.setdefault(place, Training(dataset, model, seed, recipe))
        return list(found.values())

    def work(self, training: Training) -> Work:
        """What a training does; seeds are alike, and so are repeated splits."""
        key = (layout.dataset_of(training.dataset), training.model, training.recipe)
        if key not in self._works:
            settings = self.config.phase_settings(*key)
            self._works[key] = self.cell(training.dataset, training.model).work(training.phase, settings)
        return self._works[key]

    @cached_property
    def twins(self) -> dict[Training, Training]:
        """The trainings that are another's under a second recipe, by their settings and pairs, and whose they are.

        They are taken over from there (`phases.twins`). None is foreseen where studies are yet to find settings.
        """
        first: dict[tuple[Any, ...], Training] = {}
        found: dict[Training, Training] = {}
        for training in () if self.config.tuned else self.trainings:
            acting = self._acting(layout.dataset_of(training.dataset), training.model, training.recipe)
            place = (training.dataset, training.model, training.seed, training.phase)
            before = training.parent and found.get(training.parent, training.parent)
            other = first.setdefault((*place, before, acting), training)
            if other != training:
                found[training] = other
        return found

    def _acting_of(self, dataset: str, model: str, recipe: Recipe) -> str:
        settings = self.config.phase_settings(dataset, model, recipe)
        return self.cell(dataset, model).acting(settings)

    def cell(self, dataset: str, model: str) -> Cell:
        """A dataset with a base model."""
        place = (layout.dataset_of(dataset), model)
        if place not in self._cells:
            self._cells[place] = Cell(self.corpora[place[0]], self.shapes[model])
        return self._cells[place]

    @cached_property
    def measured_at(self) -> dict[tuple[str, str], Training]:
        """Of each phase of each base model, the training with most to do, but none whose steps take too long here."""

        def weight(training: Training) -> tuple[bool, float]:
            work = self.work(training)
            quick = work.of_a_step <= SHORT
            return quick, work.operations if quick else -work.of_a_step

        found: dict[tuple[str, str], Training] = {}
        for training in self.trainings:
            place = (training.model, training.phase)
            if place not in found or weight(training) > weight(found[place]):
                found[place] = training
        return found

    @property
    def trials(self) -> list[Trial]:
        """What has to be measured."""
        return [
            Trial(
                training.phase,
                self.config.phase_settings(training.dataset, training.model, training.recipe).model_dump(),
                self.corpora[layout.dataset_of(training.dataset)].folder,
                self.models[training.model],
                self.work(training).of_a_step,
            )
            for training in self.measured_at.values()
        ]

    @cached_property
    def speeds(self) -> dict[tuple[str, str], Speed]:
        """Of each phase of each base model."""
        if self.gpu:
            return {place: Assumed(self.gpu) for place in self.measured_at}
        paces = measured(self.trials, self.slots)
        at = self.measured_at.items()
        return {place: Measured(pace, self.work(training)) for (place, training), pace in zip(at, paces, strict=True)}

    def seconds(self, training: Training) -> float:
        """Of a training, at the most; none if it is there and only missing ones are asked for."""
        if self.missing and training.is_there:
            return 0.0
        if training in self.twins:
            return speed.TAKEN
        layers = self.shapes[training.model].layers
        return self.speeds[training.model, training.phase].seconds(self.work(training), training.phase, layers)

    def baseline_seconds(self, baseline: Training) -> float:
        """Of training a baseline; none if it is there and only missing ones are asked for."""
        if self.missing and baseline.is_there:
            return 0.0
        settings = self.config.phase_settings(baseline.dataset, baseline.model, baseline.recipe)
        operations = self.cell(baseline.dataset, baseline.model).baseline(settings)
        return speed.BASELINE + self._pace_of_passes(baseline).forward(operations)

    def test_seconds(self, training: Training) -> float:
        """Of testing a classifier, or a baseline."""
        settings = self.config.phase_settings(training.dataset, training.model, training.recipe)
        operations = self.cell(training.dataset, training.model).test(settings)
        return speed.TEST + self._pace_of_passes(training).forward(operations)

    def _pace_of_passes(self, training: Training) -> Speed:
        """By which passes of a base model are counted: its own phase's or, for a baseline, any that there is."""
        own = [found for (model, _), found in self.speeds.items() if model == training.model]
        return self.speeds.get((training.model, training.phase)) or [*own, *self.speeds.values()][0]

    def probe_seconds(self, training: Training) -> float:
        """Of probing a checkpoint; in fp32, which this takes to be as fast."""
        settings = self.config.phase_settings(training.dataset, training.model, training.recipe)
        operations = self.cell(training.dataset, training.model).probe(training.phase, settings)
        return speed.PROBE + self.speeds[training.model, training.phase].forward(operations)

    def study_seconds(self, dataset: str, model: str, group: str) -> float:
        """Of a study by one worker, at the most and with the settings before tuning."""
        tuning = self.config.tuning
        trainings = [Training(dataset, model, 0, recipe) for recipe in self.config.tuned_recipe(group).prefixes]
        trial = sum(
            self.speeds[model, training.phase].seconds(self.work(training), training.phase, self.shapes[model].layers)
            for training in trainings
        )
        return tuning.trials * len(tuning.seeds) * trial / tuning.workers

    @cached_property
    def studies(self) -> dict[tuple[str, str, str], float]:
        """Every study of the grid with its seconds."""
        runs = [run for run in self.config.runs() if self.config.is_tuned(run.recipe)]
        groups = {(run.dataset, run.model, self.config.group_of(run.recipe)) for run in runs}
        return {study: self.study_seconds(*study) for study in sorted(groups)}

    @cached_property
    def equal_epochs(self) -> dict[tuple[str, str], int]:
        """Epochs of phase 3 that are as many operations as all phases of the reference, by dataset and base model.

        Phase 3 of the reference counts with all of its epochs: what it costs at the most. The operations of an epoch
        include the evaluation after it.
        """
        recipe = self.config.recipe_of(self.config.reference)
        cells = dict.fromkeys((run.dataset, run.model) for run in self.config.runs() if run.recipe == recipe)
        found: dict[tuple[str, str], int] = {}
        for dataset, model in cells if recipe.phase == "ft" and recipe.parent else ():
            works = [self.work(Training(dataset, model, 0, part)) for part in recipe.prefixes]
            of_an_epoch = works[-1].operations / works[-1].evaluations
            epochs = round(sum(work.operations for work in works) / of_an_epoch)
            found.setdefault((layout.dataset_of(dataset), model), epochs)
        return found

    @property
    def _tables(self) -> int:
        """How many jobs make tables, the published audit among them, with or without the paper's datasets."""
        return len(layout.TABLES) + len(self.config.tables.effects)

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job, after its parents."""
        names = _first(self.config.runs(), "dataset")
        first = {layout.dataset_of(name): name for name in reversed(names)}  # of repeated splits, which share an audit
        bases = tuple(f"base model {name}" for name in self.models)
        found = [Job(f"data of {name}", speed.DATA, label="data") for name in names]
        found += [Job(name, speed.MODEL, label="base model") for name in bases]
        found += [
            Job(f"audit of {dataset}", speed.AUDIT, (f"data of {name}", *bases)) for dataset, name in first.items()
        ]
        for (dataset, model, group), seconds in self.studies.items():
            parents = (f"data of {dataset}", f"base model {model}")
            found.append(Job(f"study of {dataset} · {model} · {group}", seconds, parents, "study"))
        found += [
            Job(training.name, self.seconds(training), self._parents(training), training.recipe.step)
            for training in self.trainings
        ]
        for baseline in self.baselines:
            parents = (f"data of {baseline.dataset}", f"base model {baseline.model}")
            found.append(Job(baseline.name, self.baseline_seconds(baseline), parents, "baseline"))
        tests = {Training(run.dataset, run.model, run.seed, run.recipe) for run in self.config.runs()}
        found += [
            Job(f"test of {training.name}", self.test_seconds(training), (training.name,), "test")
            for training in [*self.trainings, *self.baselines]
            if training in tests
        ]
        found += [
            Job(f"probe of {training.name}", self.probe_seconds(training), (training.name,), "probe")
            for training in self.trainings
        ]
        tested = tuple(job.name for job in found if job.name.startswith(("test of", "probe of")))
        cells = dict.fromkeys((layout.dataset_of(run.dataset), run.model) for run in self.config.runs())
        found += [Job(f"pictures of {' · '.join(cell)}", speed.PICTURES, tested, "pictures") for cell in cells]
        return [*found, *(Job(f"table job {number}", speed.TABLE, tested, "a table") for number in range(self._tables))]

    def _parents(self, training: Training) -> tuple[str, ...]:
        before, twin = training.parent, self.twins.get(training)
        if before:
            return (before.name, *([twin.name] if twin else []))
        study = [
            f"study of {training.dataset} · {training.model} · {self.config.group_of(training.recipe)}"
        ] if self.config.is_tuned(training.recipe) else []  # fmt: skip
        return (f"data of {training.dataset}", f"base model {training.model}", *study, *([twin.name] if twin else []))

    @cached_property
    def disk(self) -> float:
        """Bytes of the checkpoints, and of the states of the trainings that run at once."""
        checkpoints = [
            checkpoint_bytes(
                self.shapes[training.model],
                training.phase,
                getattr(
                    self.config.phase_settings(training.dataset, training.model, training.recipe), "decoder", "auto"
                ),
            )
            for training in self.trainings
        ]
        encoders = [each for each in self.baselines if layout.reads_base_model(each.recipe)]
        of_baselines = [checkpoint_bytes(self.shapes[baseline.model], baseline.phase) for baseline in encoders]
        return sum(checkpoints) + sum(of_baselines) + self.slots * 4 * max(checkpoints)

    @property
    def finish(self) -> float:
        """Seconds until all is done."""
        return speed.START + finish(self.jobs, self.slots)

    def __str__(self) -> str:
        there = sum(training.is_there for training in self.trainings)
        runs = [run for run in self.config.runs() if not run.recipe.baseline]
        of_runs = sum(len(self.config.variants[run.variant]) for run in runs)
        chain = [job for job in longest_chain(self.jobs) if job.seconds]
        where = f"{self.slots} × {self.gpu.upper()}" if self.gpu else f"{self.slots} of this machine's {_units()}"
        lines = [
            f"{len(self.jobs)} jobs, {len(self.trainings)} of them trainings: {len(runs)} runs have "
            f"{of_runs} phases, those that begin alike share theirs.",
            *([self._twins_told()] if self.twins else []),
            *([self._baselines_told()] if self.baselines else []),
            *([self._equal_compute_told()] if self.equal_epochs else []),
            *(
                [f"{there} checkpoints are there already; --missing leaves them out."]
                if there and not self.missing
                else []
            ),
            "",
            markdown("By phase:", [*self._heads("Phase"), "Memory of one"], self._by_phase()),
        ]
        if len(self._cells) > 1:
            lines.append(markdown("By dataset and base model:", self._heads("Dataset", "Base model"), self._by_cell()))
        if self.studies:
            lines.append(f"Studies: {len(self.studies)}, {shown(sum(self.studies.values()))} in all at the most.")
        lines += [
            f"Disk: {_bytes(self.disk)}, nearly all of it checkpoints.",
            f"Longest chain: {shown(sum(job.seconds for job in chain))}, {self._chain(chain)}",
            f"On {where}, a job on each: about {shown(self.finish)}.",
            "",
            self._grounds(),
        ]
        return "\n".join(lines)

    def _twins_told(self) -> str:
        pairs = dict.fromkeys((str(own.recipe), str(other.recipe)) for own, other in self.twins.items())
        named = ", ".join(f"{own} from {other}" for own, other in pairs)
        return f"{len(self.twins)} of the trainings are another's under a second name, and taken over: {named}."

    def _baselines_told(self) -> str:
        names = ", ".join(dict.fromkeys(str(baseline.recipe.baseline) for baseline in self.baselines))
        seconds = sum(map(self.baseline_seconds, self.baselines))
        return f"Baselines: {len(self.baselines)} ({names}), {shown(seconds)} in all."

    def _equal_compute_told(self) -> str:
        epochs = ", ".join(f"{dataset} · {model} {number:,}" for (dataset, model), number in self.equal_epochs.items())
        return f"Equal compute: all phases of {self.config.reference} are as many operations as epochs of FT: {epochs}."

    def _chain(self, jobs: list[Job]) -> str:
        place = next((each for each in reversed(self.trainings) if each.name in {job.name for job in jobs}), None)
        of = f"{place.dataset} · {place.model} · seed {place.seed}: " if place else ""
        return of + " → ".join(job.label for job in jobs)

    def _heads(self, *first: str) -> list[str]:
        return [*first, "Trainings", "Steps", "Tokens", "Operations", "Time of all", "of the longest"]

    def _by_phase(self) -> list[list[str]]:
        rows = []
        for phase in PHASES:
            of_phase = [training for training in self.trainings if training.phase == phase]
            if of_phase:
                memory = max(self.speeds[training.model, phase].memory(self.work(training)) for training in of_phase)
                rows.append([phase, *self._sums(of_phase), _bytes(memory)])
        return [*rows, ["all", *self._sums(self.trainings), ""]]

    def _by_cell(self) -> list[list[str]]:
        cells: dict[tuple[str, str], list[Training]] = {}
        for training in self.trainings:
            cells.setdefault((layout.dataset_of(training.dataset), training.model), []).append(training)
        return [[*cell, *self._sums(trainings)] for cell, trainings in cells.items()]

    def _sums(self, trainings: list[Training]) -> list[str]:
        works = [self.work(training) for training in trainings if training not in self.twins]
        seconds = [self.seconds(training) for training in trainings]
        return [
            f"{len(works):,}",
            f"{sum(work.steps for work in works):,.0f}",
            _counted(sum(work.tokens for work in works)),
            _counted(sum(work.operations for work in works)),
            shown(sum(seconds)),
            shown(max(seconds)),
        ]

    def _grounds(self) -> str:
        if self.gpu:
            return (
                f"Assumed of the GPU, not measured: {speed.SHARE:.0%} of {speed.GPUS[self.gpu] / 1e12:.0f} TFLOP/s, or "
                f"{1e3 * speed.A_LAYER:g} ms for each layer that a step passes where that is longer. "
                "Phase 3 takes all of its epochs: early stopping is not foreseen."
            )
        return (
            f"Measured here on a few steps of each phase, {self.slots} at once with a thread each. "
            "Phase 3 takes all of its epochs: early stopping is not foreseen."
        )


def _units() -> str:
    return "GPUs" if torch.cuda.is_available() else "processors"


def _bytes(number: float) -> str:
    return f"{number / 2**30:.1f} GiB"


def _counted(number: float) -> str:
    """`12.3 M`, `4.56 T`, by thousands."""
    power = min(6, int(math.log10(max(number, 1)) // 3))
    return f"{number / 1000**power:.3g} {['', 'k', 'M', 'G', 'T', 'P', 'E'][power]}".strip()


def _first(runs: list[Run], part: str) -> list[str]:
    return list(dict.fromkeys(getattr(run, part) for run in runs))


def _dataset(config: Config, name: str, scratch: Path) -> Path:
    """Folder of a dataset's splits: those of the results if they are of this config, else made from local files."""
    settings = config.dataset_settings(layout.dataset_of(name))
    made = layout.data(name)
    wanted = settings.model_dump(mode="json", exclude=SHOWN_ONLY)
    if (made / DATASET).exists() and read_json(made / DATASET)["settings"] == wanted:
        return made
    if settings.source.kind in ("hub", "url"):
        raise UserError(
            f"the plan needs the texts of '{name}'; download them first: {own_name()} run <the same files> "
            "--until dataset base_model, or name copies: --config data_root=<folder>"
        )
    raw = read_source(settings.source)
    write_dataset(scratch, split(raw.splits, settings, config.fold(name)), settings, raw.origin)
    return scratch


def _model(config: Config, name: str, scratch: Path) -> Path:
    """Folder of a base model: that of the results, else made from local files."""
    made = layout.base_model(name)
    settings = config.model_settings(name)
    asked = settings.model_dump(exclude={"title"})
    if (made / COMPLETE).exists() and read_json(made / ORIGIN).get("settings") == asked:
        return made
    if settings.hub:
        raise UserError(
            f"the plan needs the base model '{name}'; download it first: {own_name()} run <the same files> "
            "--until base_model, or name a copy: --config model_root=<folder>"
        )
    with writing(scratch) as folder:
        make_base_model(settings, folder)
    return scratch
