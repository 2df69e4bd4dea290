"""What each training of a grid costs beside the others, for the time left of a run; nothing is measured."""

from typing import Any

from threephase.experiment.config import Config
from threephase.plan import speed
from threephase.plan.report import Plan, Training


def costs_of(plan: Plan, config: Config) -> dict[str, Any]:
    """The costs of a plan's trainings that are not there yet, and of the studies before them.

    `trainings` are lists of rule, what tells them apart (their wildcards, by name) and operations; `others` are seconds
    by rule of jobs that train no network.
    """
    trainings: list[tuple[str, tuple[str, ...], float]] = [
        (training.phase, (training.dataset, training.model, str(training.recipe), str(training.seed)),
         1.0 if training in plan.twins else plan.work(training).operations)
        for training in plan.trainings if not training.is_there
    ]  # fmt: skip
    tuned = [run for run in config.runs() if config.is_tuned(run.recipe)]
    groups = {(run.dataset, run.model, config.group_of(run.recipe)) for run in tuned}
    for dataset, model, group in sorted(groups):
        trial = sum(
            plan.work(Training(dataset, model, 0, part)).operations for part in config.tuned_recipe(group).prefixes
        )
        tuning = config.tuning
        operations = tuning.trials * len(tuning.seeds) * trial / tuning.workers
        trainings.append(("study_worker", (dataset, group, model), operations))
    others = {
        "dataset": speed.DATA, "audit": speed.AUDIT, "base_model": speed.MODEL, "evaluate": speed.TEST,
        "probe": speed.PROBE, "probe_base": speed.PROBE, "baseline": speed.BASELINE, "all": 0.0,
    }  # fmt: skip
    return {"trainings": trainings, "others": others}
