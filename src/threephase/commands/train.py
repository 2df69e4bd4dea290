"""One training of the grid in this process: for a debugger, a profiler, a look at the loop."""

from contextlib import nullcontext
from pathlib import Path

from threephase.artifacts import layout
from threephase.console import own_name
from threephase.errors import UserError
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.recipe import Recipe
from threephase.jobs.guard import refuse_test_split
from threephase.jobs.phase import PhaseJob, phase_named


def phase_job_of(config: Config, dataset: str, model: str, recipe: str, seed: int, out: Path) -> PhaseJob:
    """The training that the grid would make of a recipe's last phase, from the results here, into a folder of its own.

    Raises UserError where the recipe is no variant's, or what it starts from is not here.
    """
    asked = Asked(config, code=lambda step: "")
    run = {"dataset": dataset, "model": model, "seed": str(seed), "recipe": recipe}
    step = asked.phase(dataset, model, recipe)
    parent, tuned = Path(asked.parent(**run)), asked.tuned(dataset, model, recipe)
    splits = layout.data(dataset) / "dataset.json"
    starts_from = [parent] if layout.reads_base_model(recipe) else []
    for needed in (splits, *starts_from, *([Path(tuned)] if tuned else [])):
        if not needed.exists():
            raise UserError(
                f"{needed}: missing, and the training starts from it; make it first: {own_name()} run … -- {needed}"
            )
    sees_test = asked.sees_test(dataset, model, recipe)
    return PhaseJob(
        **run, data=splits.parent, parent=parent.parent, out=out, asked=step, tuned=tuned, sees_test=sees_test
    )


def train(job: PhaseJob) -> Path:
    """Train here and now, with whatever goes wrong as Python shows it; gives the folder of the checkpoint."""
    name = Recipe(job.recipe).baseline
    if name:
        return _train_baseline(name, job)
    from threephase.phases.run import run_phase

    phase = phase_named(job.phase)
    guard = nullcontext() if job.sees_test else refuse_test_split(job.data.parent)
    with guard:
        run_phase(
            phase, job.data, job.parent, phase.settings(**job.settings), int(job.seed),
            job.out, title=f"{job.phase} · {job.recipe}",
        )  # fmt: skip
    return job.out


def _train_baseline(name: str, job: PhaseJob) -> Path:
    from threephase.baselines.loading import baseline_named
    from threephase.baselines.run import run_baseline

    baseline = baseline_named(name)
    base = job.parent if layout.reads_base_model(job.recipe) else None
    with refuse_test_split(job.data.parent):
        run_baseline(
            baseline, job.data, baseline.settings(**job.settings), int(job.seed), job.out, base, title=job.recipe
        )  # fmt: skip
    return job.out
