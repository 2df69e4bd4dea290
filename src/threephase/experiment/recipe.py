"""What a run is made of: its phases in order, their name as a recipe, and the recipes that it shares with others."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

BASELINE = "baseline"  # what the one step of such a variant is called in recipes, before the name of the baseline
UNSEEDED = 0  # the seed of a run that draws nothing


@dataclass(frozen=True)
class Step:
    """One phase of a variant, with the settings that this variant changes and their tag in the recipe."""

    phase: str
    tag: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """As it stands in a recipe: `cl`, or `cl-none` with a tag; `baseline-centroid`, or `baseline-centroid-wide`."""
        return f"{self.phase}-{self.tag}" if self.tag else self.phase


Steps = tuple[Step, ...]


def step_of(given: Any) -> Step:
    """A variant's phase as the config has it, which has checked it: `dae`, or `{cl: {tag: none, imbalance: none}}`."""
    if isinstance(given, str):
        return Step(given)
    ((phase, settings),) = given.items()
    return Step(phase, *_tag_and_settings(settings or {}))


def steps_of(variant: Any) -> Steps:
    """A variant as the config has it, which has checked it: phases, or `{baseline: centroid}`, its one step."""
    if not isinstance(variant, Mapping):
        return tuple(map(step_of, variant))
    tag, settings = _tag_and_settings(variant)
    name = str(settings.pop("baseline"))
    return (Step(BASELINE, f"{name}-{tag}" if tag else name, settings),)


def _tag_and_settings(given: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    settings = dict(given)
    tag = settings.pop("tag", None)
    return None if tag is None else str(tag), settings


class Recipe(str):
    """The phases run so far, in order: `dae.cl-none.ft`. A checkpoint's path is its recipe."""

    __slots__ = ()

    @classmethod
    def of(cls, steps: Steps) -> "Recipe":
        """The recipe of some steps."""
        return cls(".".join(step.name for step in steps))

    @property
    def step(self) -> str:
        """The name of its last step: `cl-none` of `dae.cl-none`."""
        return self.rpartition(".")[2]

    @property
    def phase(self) -> str:
        """The phase of its last step: `cl` of `dae.cl-none`."""
        return self.step.partition("-")[0]

    @property
    def parent(self) -> "Recipe | None":
        """The recipe that this one continues; None where it starts from the base model."""
        before = self.rpartition(".")[0]
        return Recipe(before) if before else None

    @property
    def prefixes(self) -> "list[Recipe]":
        """This recipe and those it continues, shortest first."""
        return [*(self.parent.prefixes if self.parent else []), self]

    @property
    def baseline(self) -> str | None:
        """The baseline that stands here in the place of phases, `centroid` of `baseline-centroid`; None of phases."""
        return self.split("-")[1] if self.phase == BASELINE else None

    @staticmethod
    def pattern(phase: str) -> str:
        """Regular expression of the recipes whose last phase is `phase`, or of all baselines."""
        step = r"[a-z]+(-\w+)*"
        return rf"({step}\.)*{re.escape(phase)}(-\w+)*"


class Run(NamedTuple):
    """One cell of the grid: dataset × base model × variant × seed, and the recipe that makes it.

    Of a dataset with repeated splits each split has runs of its own: `dataset` is then what stands in paths, `bbc@r1f3`
    (`layout.dataset_of` and `split_of` part it). A baseline that draws nothing has one run, of seed 0, for all seeds.
    """

    dataset: str
    model: str
    variant: str
    seed: int
    recipe: Recipe


def prefixes(steps: Steps) -> Iterator[tuple[Recipe, Steps]]:
    """The recipes that a variant trains on its way, shortest first, each with its steps."""
    for length in range(1, len(steps) + 1):
        yield Recipe.of(steps[:length]), steps[:length]


class Probed(NamedTuple):
    """A checkpoint of the grid; a base model has neither seed nor recipe."""

    dataset: str
    model: str
    seed: int | None = None
    recipe: str = ""


def checkpoints_of(runs: Iterable[Run]) -> list[Probed]:
    """The base models that runs begin with and every checkpoint on their way, each once; none of baselines."""
    found: dict[Probed, None] = {}
    for run in runs:
        if Recipe(run.recipe).baseline:
            continue
        found[Probed(run.dataset, run.model)] = None
        found |= {Probed(run.dataset, run.model, run.seed, part): None for part in run.recipe.prefixes}
    return list(found)


def variants_by_recipe(variants: Mapping[str, Steps]) -> dict[Recipe, list[str]]:
    """Every recipe of some variants with those that train it on their way."""
    served: dict[Recipe, list[str]] = {}
    for variant, steps in variants.items():
        for recipe in Recipe.of(steps).prefixes:
            served.setdefault(recipe, []).append(variant)
    return served
