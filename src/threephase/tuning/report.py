"""What comes out of a study: its best values, its trials as a table, its figures."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState
from tabulate import tabulate

from threephase.artifacts.figures import save_figure, without_screen
from threephase.artifacts.folders import read_json, write_json, writing_file
from threephase.artifacts.inert import as_csv
from threephase.errors import UserError
from threephase.settings.layer import Layer
from threephase.settings.phases import PHASES
from threephase.settings.tuning import Parameter, Space, layer_of
from threephase.tuning.study import (
    REASON,
    RECORD,
    REUSED,
    TRAINED,
    Plan,
    best_of,
    fail_stale_trials,
    finished,
    has_begun,
    progress,
    storage_of,
)

logger = logging.getLogger(__name__)

BEST, TRIALS = "best.yaml", "trials.csv"


def write_report(plan: Plan, out: Path) -> dict[str, Any]:
    """Write `best.yaml`, the values by phase, `trials.csv` and the figures; gives what `best.yaml` says.

    Raises UserError where no trial came to a value.
    """
    study = plan.open()
    fail_stale_trials(study, plan.place)
    done = finished(study)
    best = best_of(done, plan.maximised)
    if best is None:
        reasons = sorted({str(trial.user_attrs[REASON]) for trial in done if REASON in trial.user_attrs})
        raise UserError(f"{plan.title}: none of {len(done)} trials came to a value ({'; '.join(reasons)})")
    layer = layer_of(best.params, plan.space)
    found = {
        "study": plan.key,
        "trials": len(done),
        "trial": done.index(best) + 1,
        "objective": f"validation {plan.settings.objective}",
        "value": best.value,
        "hyperparameters": layer.model_dump(exclude_unset=True, mode="json"),
    }
    write_values(layer, out)
    with writing_file(out / TRIALS) as beside:
        beside.write_text(as_csv(trial_table(done, plan.maximised)), encoding="utf-8")
    _draw(done, plan, out)
    with writing_file(out / BEST) as beside:
        head = f"# Found by a study of {plan.title}. Its last block can stand in a config, as one of hyperparameters."
        text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
        beside.write_text(f"{head}\n{text}", encoding="utf-8")
    return found


def write_values(layer: Layer, out: Path) -> None:
    """What the layer gives to each phase, a file for each: a phase runs again when its own values change."""
    for phase in PHASES:
        with writing_file(out / f"{phase}.json") as beside:
            write_json(beside, layer.given(phase))


def trial_table(trials: list[FrozenTrial], maximised: bool) -> pd.DataFrame:
    """One row for each trial: number, state, value, best so far, seconds, trainings done and saved, parameters."""
    rows, so_far = [], None
    for number, trial in enumerate(trials, 1):
        if trial.state == TrialState.COMPLETE and trial.value is not None:
            better = max if maximised else min
            so_far = trial.value if so_far is None else better(so_far, trial.value)
        rows.append(
            {
                "trial": number,
                "state": trial.state.name.lower(),
                "value": trial.value if trial.state == TrialState.COMPLETE else None,
                "best_so_far": so_far,
                "epochs_seen": len(trial.intermediate_values),
                "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
                "trained": trial.user_attrs.get(TRAINED, 0),
                "reused": trial.user_attrs.get(REUSED, 0),
                "reason": trial.user_attrs.get(REASON),
                **trial.params,
            }
        )
    return pd.DataFrame(rows)


def _draw(trials: list[FrozenTrial], plan: Plan, out: Path) -> None:
    """History, importances, parallel coordinates and slices, of the trials that count."""
    pyplot = without_screen()
    from optuna.visualization import matplotlib as drawn

    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    shown = optuna.create_study(direction="maximize" if plan.maximised else "minimize")
    for number, trial in enumerate(trials):
        trial.number = number
        shown.add_trial(trial)
    name = f"validation {plan.settings.objective}"
    figures: dict[str, Callable[[], Any]] = {
        "history": lambda: drawn.plot_optimization_history(shown, target_name=name),
        "importances": lambda: drawn.plot_param_importances(shown, target_name=name),
        "parallel": lambda: drawn.plot_parallel_coordinate(shown, target_name=name),
        "slices": lambda: drawn.plot_slice(shown, target_name=name),
    }
    for figure, draw in figures.items():
        try:
            draw()
        except (ValueError, RuntimeError, ZeroDivisionError) as error:  # too few trials to say anything
            pyplot.close("all")
            pyplot.figure(figsize=(6, 2)).text(0.5, 0.5, f"{figure}: {error}", ha="center", wrap=True)
        canvas = pyplot.gcf()
        if figure != "slices":
            canvas.set_size_inches(9, 5)
        canvas.suptitle(plan.title, fontsize=10)
        save_figure(canvas, out / figure)
        pyplot.close("all")


def shown_studies(root: Path) -> str:
    """Every study below a results folder, running or finished, for reading. Raises UserError where there is none."""
    records = sorted(root.glob(f"studies/*/*/*/*/{RECORD}"))
    if not records:
        raise UserError(f"{root}: holds no study; set `tuning: {{enabled: true}}` in the config and run the workflow")
    return "\n\n".join(map(_shown_study, records))


def _shown_study(file: Path) -> str:
    record = read_json(file)
    try:
        name, maximised = record["name"], record["objective"] != "loss"
        space: Space = {path: Parameter(**part) for path, part in record["space"].items()}
        title, trials = str(record["title"]), int(record["trials"])
        if not has_begun(file.parent, record["storage"]):
            return f"{title} (study {name}), 0 of {trials} trials, 0 running"
        study = optuna.load_study(study_name=name, storage=storage_of(file.parent, record["storage"]))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UserError(f"{file}: not what a study wrote; run the workflow again, which writes it anew") from None
    done = finished(study)
    running = len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))
    lines = [f"{title} (study {name}), {len(done)} of {trials} trials, {running} running"]
    if done:
        lines.append(progress(done, trials, maximised))
        columns = ["trial", "state", "value", "epochs_seen", "seconds", "trained", "reused", *space]
        lines.append(
            tabulate(trial_table(done, maximised)[columns], headers="keys", showindex=False, tablefmt="github")
        )
    return "\n\n".join(lines)
