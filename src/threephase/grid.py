"""The grid: which runs there are, which recipes they are made of, and which recipes they share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Step:
    """One phase of a variant, with the settings that this variant changes and their tag in the recipe."""

    phase: str
    tag: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """As it stands in a recipe: `cl`, or `cl-none` with a tag."""
        return f"{self.phase}-{self.tag}" if self.tag else self.phase


def recipe(steps: tuple[Step, ...]) -> str:
    """The phases run so far, in order: `dae.cl-none.ft`. A checkpoint's path is its recipe."""
    return ".".join(step.name for step in steps)


def parent(recipe: str) -> str | None:
    """The recipe that this one continues; None where it starts from the base model."""
    return recipe.rpartition(".")[0] or None


def recipe_pattern(phase: str) -> str:
    """Regular expression of the recipes whose last phase is `phase`."""
    step = r"[a-z]+(-\w+)?"
    return rf"({step}\.)*{re.escape(phase)}(-\w+)?"


class Run(NamedTuple):
    """One cell of the grid: dataset × base model × variant × seed, and the recipe that makes it."""

    dataset: str
    model: str
    variant: str
    seed: int
    recipe: str


def prefixes(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """The step sequences that a variant trains on its way, shortest first."""
    for length in range(1, len(steps) + 1):
        yield steps[:length]
