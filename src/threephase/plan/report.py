"""The plan of a grid: every job with its cost, laid out over the slots there are, as tables for people."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from threephase.base_model import make_base_model
from threephase.checkpoint import COMPLETE, DATASET, read_json, writing
from threephase.config import Config
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.errors import UserError
from threephase.grid import Run, parent, prefixes, recipe
from threephase.plan import speed
from threephase.plan.calibration import Trial, measured
from threephase.plan.schedule import Job, finish, longest_chain
from threephase.plan.speed import Assumed, Measured, Speed
from threephase.plan.work import Cell, Corpus, Shape, Work, checkpoint_bytes
from threephase.settings.dataset import SHOWN_ONLY
from threephase.typeset import markdown

SHORT = 1e12  # operations of a step that can be measured in seconds
TABLES = 9  # jobs that make them, with the audit of the published figures


@dataclass(frozen=True)
class Training:
    """A checkpoint to be made."""

    dataset: str
    model: str
    seed: int
    recipe: str

    @property
    def phase(self) -> str:
        """Its last phase."""
        return self.recipe.rpartition(".")[2].partition("-")[0]

    @property
    def name(self) -> str:
        """As jobs are called."""
        return f"{self.dataset} · {self.model} · seed {self.seed} · {self.recipe}"

    @property
    def parent(self) -> "Training | None":
        """What it starts from; None for the base model."""
        before = parent(self.recipe)
        return Training(self.dataset, self.model, self.seed, before) if before else None

    @property
    def is_there(self) -> bool:
        """Whether an earlier run made it."""
        folder = Path("results/checkpoints") / self.dataset / self.model / f"seed{self.seed}" / self.recipe
        return (folder / COMPLETE).exists()


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

    Raises UserError where texts or a base model must be downloaded first.
    """
    with TemporaryDirectory(prefix="threephase-plan-") as folder:
        runs = config.runs()
        data = {name: _dataset(config, name, Path(folder) / "data" / name) for name in _first(runs, "dataset")}
        models = {name: _model(config, name, Path(folder) / "models" / name) for name in _first(runs, "model")}
        corpora = {name: Corpus.of(place) for name, place in data.items()}
        if expected:
            corpora = {name: corpus.full(config.datasets[name].expected) for name, corpus in corpora.items()}
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
        self._works: dict[tuple[str, str, str], Work] = {}

    @cached_property
    def trainings(self) -> list[Training]:
        """Every checkpoint of the grid once, after those it starts from."""
        found = (
            Training(run.dataset, run.model, run.seed, recipe(part))
            for run in self.config.runs()
            for part in prefixes(self.config.variants[run.variant])
        )
        return list(dict.fromkeys(found))

    def work(self, training: Training) -> Work:
        """What a training does; seeds are alike."""
        key = (training.dataset, training.model, training.recipe)
        if key not in self._works:
            settings = self.config.phase_settings(*key)
            self._works[key] = self.cell(training.dataset, training.model).work(training.phase, settings)
        return self._works[key]

    def cell(self, dataset: str, model: str) -> Cell:
        """A dataset with a base model."""
        if (dataset, model) not in self._cells:
            self._cells[dataset, model] = Cell(self.corpora[dataset], self.shapes[model])
        return self._cells[dataset, model]

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
                self.corpora[training.dataset].folder,
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
        layers = self.shapes[training.model].layers
        return self.speeds[training.model, training.phase].seconds(self.work(training), training.phase, layers)

    def test_seconds(self, training: Training) -> float:
        """Of testing a classifier."""
        settings = self.config.phase_settings(training.dataset, training.model, training.recipe)
        operations = self.cell(training.dataset, training.model).test(settings)
        return speed.TEST + self.speeds[training.model, training.phase].forward(operations)

    def study_seconds(self, dataset: str, model: str, group: str) -> float:
        """Of a study by one worker, at the most and with the settings before tuning."""
        tuning = self.config.tuning
        variant = self.config.groups()[group].tunes
        trainings = [Training(dataset, model, 0, recipe(part)) for part in prefixes(self.config.variants[variant])]
        trial = sum(
            self.speeds[model, training.phase].seconds(self.work(training), training.phase, self.shapes[model].layers)
            for training in trainings
        )
        return tuning.trials * len(tuning.seeds) * trial / tuning.workers

    @cached_property
    def studies(self) -> dict[tuple[str, str, str], float]:
        """Every study of the grid with its seconds."""
        if not self.config.tuned:
            return {}
        groups = {(run.dataset, run.model, self.config.group_of(run.recipe)) for run in self.config.runs()}
        return {study: self.study_seconds(*study) for study in sorted(groups)}

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job, after its parents."""
        found = [Job(f"data of {name}", speed.DATA, label="data") for name in self.corpora]
        found += [Job(f"base model {name}", speed.MODEL, label="base model") for name in self.models]
        found += [
            Job(f"audit of {name}", speed.AUDIT, (f"data of {name}", *(f"base model {model}" for model in self.models)))
            for name in self.corpora
        ]
        for (dataset, model, group), seconds in self.studies.items():
            parents = (f"data of {dataset}", f"base model {model}")
            found.append(Job(f"study of {dataset} · {model} · {group}", seconds, parents, "study"))
        found += [
            Job(training.name, self.seconds(training), self._parents(training), training.recipe.rpartition(".")[2])
            for training in self.trainings
        ]
        tests = {Training(run.dataset, run.model, run.seed, run.recipe) for run in self.config.runs()}
        found += [
            Job(f"test of {training.name}", self.test_seconds(training), (training.name,), "test")
            for training in self.trainings
            if training in tests
        ]
        tested = tuple(job.name for job in found if job.name.startswith("test of"))
        return [*found, *(Job(f"table job {number}", speed.TABLE, tested, "a table") for number in range(TABLES))]

    def _parents(self, training: Training) -> tuple[str, ...]:
        before = training.parent
        if before:
            return (before.name,)
        study = [
            f"study of {training.dataset} · {training.model} · {self.config.group_of(training.recipe)}"
        ] if self.studies else []  # fmt: skip
        return (f"data of {training.dataset}", f"base model {training.model}", *study)

    @cached_property
    def disk(self) -> float:
        """Bytes of the checkpoints, and of the states of the trainings that run at once."""
        checkpoints = [checkpoint_bytes(self.shapes[training.model]) for training in self.trainings]
        return sum(checkpoints) + self.slots * 4 * max(checkpoints)

    @property
    def finish(self) -> float:
        """Seconds until all is done."""
        return speed.START + finish(self.jobs, self.slots)

    def __str__(self) -> str:
        there = sum(training.is_there for training in self.trainings)
        of_runs = sum(len(self.config.variants[run.variant]) for run in self.config.runs())
        chain = [job for job in longest_chain(self.jobs) if job.seconds]
        where = f"{self.slots} × {self.gpu.upper()}" if self.gpu else f"{self.slots} of this machine's {_units()}"
        lines = [
            f"{len(self.jobs)} jobs, {len(self.trainings)} of them trainings: {len(self.config.runs())} runs have "
            f"{of_runs} phases, those that begin alike share theirs.",
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

    def _chain(self, jobs: list[Job]) -> str:
        place = next((each for each in reversed(self.trainings) if each.name in {job.name for job in jobs}), None)
        of = f"{place.dataset} · {place.model} · seed {place.seed}: " if place else ""
        return of + " → ".join(job.label for job in jobs)

    def _heads(self, *first: str) -> list[str]:
        return [*first, "Trainings", "Steps", "Tokens", "Operations", "Time of all", "of the longest"]

    def _by_phase(self) -> list[list[str]]:
        rows = []
        for phase in ("dae", "cl", "joint", "ft"):
            of_phase = [training for training in self.trainings if training.phase == phase]
            if of_phase:
                memory = max(self.speeds[training.model, phase].memory(self.work(training)) for training in of_phase)
                rows.append([phase, *self._sums(of_phase), _bytes(memory)])
        return [*rows, ["all", *self._sums(self.trainings), ""]]

    def _by_cell(self) -> list[list[str]]:
        cells = dict.fromkeys((training.dataset, training.model) for training in self.trainings)
        return [
            [*cell, *self._sums([each for each in self.trainings if (each.dataset, each.model) == cell])]
            for cell in cells
        ]

    def _sums(self, trainings: list[Training]) -> list[str]:
        works = [self.work(training) for training in trainings]
        seconds = [self.seconds(training) for training in trainings]
        return [
            f"{len(trainings):,}",
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


def shown(seconds: float) -> str:
    """`45 s`, `5 min 40 s`, `3 h 20 min`, `4.2 days`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.1f} days"


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
    settings = config.dataset_settings(name)
    made = Path("results/data") / name
    wanted = settings.model_dump(mode="json", exclude=SHOWN_ONLY)
    if (made / DATASET).exists() and read_json(made / DATASET)["settings"] == wanted:
        return made
    if settings.source.kind in ("hub", "url"):
        raise UserError(
            f"the plan needs the texts of '{name}'; download them first: snakemake --cores all --until dataset "
            "base_model (with the same --configfile), or name copies: --config data_root=<folder>"
        )
    raw = read_source(settings.source)
    write_dataset(scratch, split(raw.splits, settings), settings, raw.origin)
    return scratch


def _model(config: Config, name: str, scratch: Path) -> Path:
    """Folder of a base model: that of the results, else made from local files."""
    made = Path("results/models") / name
    settings = config.model_settings(name)
    asked = settings.model_dump(exclude={"title"})
    if (made / COMPLETE).exists() and read_json(made / "origin.json").get("settings") == asked:
        return made
    if settings.hub:
        raise UserError(
            f"the plan needs the base model '{name}'; download it first: snakemake --cores all --until base_model "
            "(with the same --configfile), or name a copy: --config model_root=<folder>"
        )
    with writing(scratch) as folder:
        make_base_model(settings, folder)
    return scratch
