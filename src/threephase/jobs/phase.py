"""A training as a job: from what a rule asks to a checkpoint.

What loads numpy or pydantic is imported where it is used: a job's own process only hands it over (`jobs.warm`).
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threephase.experiment.recipe import Recipe
from threephase.jobs.frame import job
from threephase.jobs.guard import refuse_test_split
from threephase.jobs.titles import RunTitle
from threephase.settings.overlay import overlaid

if TYPE_CHECKING:
    from threephase.phases.run import Phase


@dataclass(frozen=True)
class PhaseJob:
    """One training of the grid.

    Args:
        dataset: its name, as those of base model, seed and recipe.
        model: see above.
        seed: see above.
        recipe: see above; its last phase is trained.
        data: folder of the splits.
        parent: folder of the checkpoint, or base model, to start from.
        out: folder of the checkpoint.
        asked: settings and code, and which settings no study changes (`experiment.asked.Asked.phase`).
        tuned: the file of what a study found.
        sees_test: whether it may open the test split, as switches of the released protocol have it.
    """

    dataset: str
    model: str
    seed: str
    recipe: str
    data: Path
    parent: Path
    out: Path
    asked: dict[str, Any]
    tuned: str | None = None
    sees_test: bool = False

    @property
    def run(self) -> dict[str, str]:
        """What names it."""
        return {"dataset": self.dataset, "model": self.model, "seed": self.seed, "recipe": self.recipe}

    @property
    def phase(self) -> str:
        """The phase that is trained."""
        return Recipe(self.recipe).phase

    @property
    def settings(self) -> dict[str, Any]:
        """The phase's settings, with what a study found."""
        from threephase.artifacts.folders import read_json

        found = read_json(Path(self.tuned)) if self.tuned else {}
        return overlaid(self.asked["settings"], found, self.asked["fixed"])


def phase_named(name: str) -> "Phase":
    """A phase by its name in recipes; loads its own module alone."""
    from threephase.settings.phases import module_of

    found = vars(import_module(f"threephase.phases.{module_of(name)}")).values()
    return next(value for value in found if getattr(value, "name", None) == name and hasattr(value, "prepare"))


def train_in_job(
    training: PhaseJob, log: str, threads: int, variants: Mapping[str, Any], processes: int, save_every: float
) -> None:
    """Train in the frame of a job, which ends with what is to be said of it.

    Whatever opens a test split meanwhile fails, and the job with it, unless the training may.

    Args:
        training: which one.
        log: file for all that it prints.
        threads: of the processor.
        variants: the config's block of that name, for the title.
        processes: how many train together.
        save_every: seconds between two saved states.
    """
    title = RunTitle(training.phase, training.run, variants)
    guard = nullcontext() if training.sees_test else refuse_test_split(training.data.parent)
    with job(log, threads, title, gpus=processes) as outcome, guard:
        from threephase.artifacts import layout
        from threephase.artifacts.folders import failure_of
        from threephase.jobs.together import train_together
        from threephase.phases.run import run_phase
        from threephase.training.states import forget

        before = Recipe(training.recipe).parent
        if before:
            forget(layout.states(training.dataset, training.model, training.seed, before))
        phase, settings = phase_named(training.phase), training.settings
        work = {
            "data": training.data,
            "parent": training.parent,
            "seed": int(training.seed),
            "out": training.out,
            "title": str(title),
            "code": training.asked["code"],
            "unfinished": layout.states(training.dataset, training.model, training.seed, training.recipe),
            "save_every": save_every,
        }
        if processes > 1:
            guarded = None if training.sees_test else training.data.parent
            train_together(processes, phase, guarded, work | {"settings": settings})
        else:
            run_phase(phase, settings=phase.settings(**settings), beside=training.out.parent, **work)
        failure = failure_of(training.out)
        if failure:
            outcome.fails(f"{failure} (marked as failed in the tables)")
        else:
            outcome.says(_summary(training.out))


def _summary(checkpoint: Path) -> str:
    """How a training went, for the person who waits."""
    from threephase.artifacts.folders import read_json

    record = read_json(checkpoint / "provenance.json")
    score = record["best_validation_score"]
    scored = "" if score is None else f", score {score:.4f}"
    at = f"at step {record['best_step']} of {record['steps']}"
    twin = f" · taken over from {record['taken_over']['from']}, the same training" if "taken_over" in record else ""
    return f"best validation loss {record['best_validation_loss']:.4f}{scored} {at}{twin}"
