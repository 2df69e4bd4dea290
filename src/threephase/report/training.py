"""Pictures of the trainings: their curves, what phase 2 did to the classes, what accuracy costs, what labels bring."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.folders import failure_of, read_json, sha256_json
from threephase.experiment.recipe import Recipe
from threephase.method.imbalance import f
from threephase.report.picture import COLOURS, GREY, Picture, legend_below, shortened
from threephase.report.runs import Runs
from threephase.tables.cells import LEVEL
from threephase.tables.scores import evidence_of

CURVES, CLASSES = 8, 30  # parts and classes that a picture shows at the most


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a variant in percent: mean over its runs, with its 95% interval."""

    mean: float
    low: float
    high: float
    runs: int


def accuracies(runs: Runs) -> dict[str, Accuracy]:
    """The accuracy of every variant that has a run which did not fail, as the tables have it."""
    if runs.ended.empty:
        return {}
    evidence = evidence_of(runs.ended, runs.root)[runs.dataset, runs.model]
    found = {}
    for variant, own in runs.ended.groupby("variant", sort=False):
        estimate = evidence.of(variant, "accuracy")
        low, high, _ = estimate.interval(LEVEL)
        found[variant] = Accuracy(100 * estimate.value, max(0, 100 * low), min(100, 100 * high), len(own))
    return found


def learning_curves(runs: Runs) -> Picture | None:
    """The loss of every training by its steps, a part for each phase of the compared variants."""
    found: dict[Recipe, list[tuple[str, pd.DataFrame, int]]] = {}
    for recipe, seed, folder in runs.checkpoints(runs.variants):
        if not failure_of(folder):
            split = folder.parents[2].name.removeprefix(runs.dataset)
            history, record = pd.read_csv(folder / "history.csv"), read_json(folder / "provenance.json")
            found.setdefault(recipe, []).append((f"seed {seed}{split}", history, record["best_step"]))
    if not found:
        return None
    shown = [*found][:CURVES]
    left = f" {len(found) - len(shown)} more are in the csv." if len(found) > len(shown) else ""
    numbers = pd.concat(
        [
            history[["step", "epoch", "train_loss", "validation_loss"]].assign(recipe=recipe, run=run, kept=best)
            for recipe, trainings in found.items()
            for run, history, best in trainings
        ],
        ignore_index=True,
    )

    def draw(figure: Any) -> None:
        columns = min(3, len(shown))
        grid = figure.subplots(-(-len(shown) // columns), columns, squeeze=False)
        for axis, recipe in zip(grid.flat, shown, strict=False):
            for _, history, best in found[recipe]:
                train, held = (history.dropna(subset=f"{part}_loss") for part in ("train", "validation"))
                axis.plot(train["step"], train["train_loss"], color=COLOURS[5], linewidth=0.8, linestyle="--")
                axis.plot(held["step"], held["validation_loss"], color=COLOURS[3], marker=".", linewidth=1.2)
                axis.axvline(best, color=GREY, linewidth=0.6, linestyle=":")
            axis.set_title(shortened(recipe))
            axis.set_xlabel("step")
            axis.set_ylim(bottom=0)
        for axis in [*grid.flat][len(shown) :]:
            axis.set_axis_off()
        grid[0][0].set_ylabel("loss")
        legend_below(figure, grid[0][0].get_lines()[:3], ["training", "validation", "state that was kept"])

    trainings = sum(map(len, found.values()))
    caption = (
        f"Training and validation loss of {trainings} trainings, a line for each seed, by recipe (the phases so "
        f"far).{left} "
        "Losses of different phases are not to be compared. Validation rows chose the state that was kept; no test row "
        "has a part in this."
    )
    return Picture("learning_curves", "Learning curves", caption, numbers, draw, (7.6, 0.4 + 2.2 * -(-len(shown) // 3)))


def class_sizes(runs: Runs) -> Picture | None:
    """Training rows of each class before and after phase 2's correction, with f(r); None without such a phase."""
    found = _corrected(runs)
    if found is None:
        return None
    folder, recipe = found
    trained = read_json(folder / "settings.json")
    settings, report = trained["settings"], trained["report"]
    names = runs.described["label_names"][-1]
    counts = runs.described["counts"]["train"]["classes"][-1]
    resized = {int(path.rpartition("/")[2]): sizes for path, sizes in report["classes_resized"].items()}
    before = {place: counts.get(name, 0) for place, name in enumerate(names)}
    numbers = pd.DataFrame(
        {
            "class": names, "before": before.values(),
            "after": [resized[place]["after"] if place in resized else size for place, size in before.items()],
        }
    )  # fmt: skip
    numbers = numbers[numbers["before"] > 0].sort_values("before", ascending=False, kind="stable")
    largest = int(numbers["before"].max())
    numbers["f"] = [f(size, largest, settings["maxratio"]) for size in numbers["before"]]
    shown = numbers if len(numbers) <= CLASSES else pd.concat([numbers.head(CLASSES // 2), numbers.tail(CLASSES // 2)])
    part = f" The {len(shown)} largest and smallest of {len(numbers)} classes." if len(shown) < len(numbers) else ""

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        places = np.arange(len(shown))
        axis.barh(places + 0.2, shown["before"], 0.38, color=COLOURS[5], label="rows before")
        axis.barh(places - 0.2, shown["after"], 0.38, color=COLOURS[0], label="rows after", hatch="///")
        axis.set_yticks(places, [shortened(name) for name in shown["class"]])
        axis.invert_yaxis()
        axis.set_xlabel("training rows of phase 2")
        ratio = axis.twiny()
        ratio.plot(shown["f"], places, color=COLOURS[3], marker="o", markersize=3, linewidth=1, label="f(r)")
        ratio.axvline(settings["minratio"], color=COLOURS[3], linewidth=0.8, linestyle=":")
        ratio.set_xlabel("f(r)")
        ratio.spines["top"].set_visible(True)
        handles = [*axis.get_legend_handles_labels()[0], *ratio.get_lines()]
        legend_below(figure, handles, ["rows before", "rows after", "f(r)", f"minratio {settings['minratio']:g}"])

    caption = (
        f"Training rows of each class in phase 2 ({recipe}), before and after the imbalance correction, with f(r) "
        f"(equations 4 to 6; minratio {settings['minratio']:g}, maxratio {settings['maxratio']:g}): classes whose f is "
        f"below minratio stay as they are. {len(resized)} of {len(numbers)} classes were made larger.{part} "
        f"{int(numbers['before'].sum()):,} rows became {int(numbers['after'].sum()):,}."
    )
    return Picture(
        "class_sizes", "Class sizes before and after the correction", caption, numbers, draw,
        (6.4, 1.6 + 0.3 * len(shown)),
    )  # fmt: skip


def _corrected(runs: Runs) -> tuple[Path, Recipe] | None:
    """The first checkpoint of a compared variant whose last phase corrects the classes of all training rows."""
    for recipe, _, folder in runs.checkpoints(runs.variants):
        settings = {} if failure_of(folder) else read_json(folder / "settings.json")["settings"]
        # `dataset.json` counts these rows: no share of them, no test rows among them.
        all_rows = settings.get("label_fraction") == 1 and not settings.get("train_on_test")
        if settings.get("imbalance") == "correct" and all_rows:
            return folder, recipe
    return None


def accuracy_by_time(runs: Runs, scores: Mapping[str, Accuracy]) -> Picture | None:
    """Accuracy of every variant, with its interval, against the seconds that its trainings take."""
    if not scores:
        return None
    baselines = set(runs.ended.loc[runs.ended["baseline"].astype(bool), "variant"])
    seconds = runs.ended.groupby("variant", sort=False)["seconds"].mean()
    numbers = pd.DataFrame(
        [
            {
                "variant": variant, "seconds": seconds[variant], "accuracy": score.mean, "low": score.low,
                "high": score.high, "runs": score.runs, "baseline": variant in baselines,
            }
            for variant, score in scores.items()
        ]
    )  # fmt: skip

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for row in numbers.to_dict("records"):
            error = [[row["accuracy"] - row["low"]], [row["high"] - row["accuracy"]]]
            axis.errorbar(
                max(row["seconds"], 0.1), row["accuracy"], yerr=error, linestyle="none", capsize=2, elinewidth=1,
                markerfacecolor="none" if row["baseline"] else None, label=shortened(row["variant"]),
                **runs.looks[row["variant"]],
            )  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlabel("seconds of a run's trainings (logarithmic)")
        axis.set_ylabel("accuracy in %")
        axis.grid(color=GREY, alpha=0.25, linewidth=0.5)
        handles, labels = axis.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")

    caption = (
        "Mean accuracy with its 95% interval over seeds and test rows (of one seed over test rows alone), against the "
        "seconds of all trainings that a run rests on, as if it shared none; hollow marks are baselines. "
        f"{runs.protocol(scores)}"
    )
    return Picture("accuracy_by_time", "Accuracy against training time", caption, numbers, draw)


def label_efficiency(runs: Runs, scores: Mapping[str, Accuracy]) -> Picture | None:
    """Accuracy by the number of labelled training rows, a line for each variant that the grid trains on shares of them.

    None where no variant was trained on two shares.
    """
    rows = []
    for variant, score in scores.items():
        own = runs.of(variant).iloc[0]
        steps = _settings_of(runs, variant)
        fractions = {settings.pop("label_fraction") for settings in steps.values() if "label_fraction" in settings}
        if len(fractions) == 1:
            rows.append(
                {
                    "family": sha256_json(steps), "variant": variant, "label_fraction": fractions.pop(),
                    "rows": int(own["n_train"]), "accuracy": score.mean, "low": score.low,
                    "high": score.high, "runs": score.runs,
                }
            )  # fmt: skip
    if not rows:
        return None
    numbers = pd.DataFrame(rows)
    several = numbers.groupby("family", sort=False)["label_fraction"].transform("nunique") > 1
    numbers = numbers[several].sort_values(["family", "rows"], kind="stable")
    if numbers.empty:
        return None
    named = {family: of.loc[of["rows"].idxmax(), "variant"] for family, of in numbers.groupby("family", sort=False)}
    numbers = numbers.assign(family=numbers["family"].map(named))

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for family, of in numbers.groupby("family", sort=False):
            error = [of["accuracy"] - of["low"], of["high"] - of["accuracy"]]
            axis.errorbar(
                of["rows"], of["accuracy"], yerr=error, capsize=2, label=shortened(family), **runs.looks[family]
            )
        axis.set_xlabel("labelled training rows")
        axis.set_ylabel("accuracy in %")
        axis.grid(color=GREY, alpha=0.25, linewidth=0.5)
        axis.legend()

    caption = (
        "Mean accuracy with its 95% interval by the number of labelled training rows: variants that differ in "
        f"label_fraction alone are one line. {runs.protocol(numbers['variant'])}"
    )
    return Picture("label_efficiency", "Label efficiency", caption, numbers, draw)


def _settings_of(runs: Runs, variant: str) -> dict[str, dict[str, Any]]:
    """What was asked of each step of a variant, without tags: by its place and phase, or baseline."""
    run = runs.of(variant).iloc[0]
    found = {}
    for place, recipe in enumerate(Recipe(run["recipe"]).prefixes):
        trained = read_json(runs.checkpoint_of(run, recipe) / "settings.json")
        found[f"{place} {trained.get('phase', trained.get('baseline'))}"] = dict(trained["asked"])
    return found
