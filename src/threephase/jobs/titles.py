"""What a job is called on the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from threephase.errors import printable


@dataclass(frozen=True)
class RunTitle:
    """The title of a job of one run, as a string that is made where it is shown.

    It reads the config's variants, and their module takes longer to load than a job takes to be handed over to a
    process that has it.

    Args:
        kind: what the job does, as `dae` or `test`.
        run: dataset, model, seed and recipe, as in paths.
        variants: the config's block of that name.
    """

    kind: str
    run: Mapping[str, str]
    variants: Mapping[str, Any]

    def __str__(self) -> str:
        """The run, the variants of the config that the job is for, the recipe."""
        from threephase.experiment.config import read_variants, variants_by_recipe
        from threephase.experiment.recipe import Recipe

        run = self.run
        first, *others = variants_by_recipe(read_variants(self.variants)).get(Recipe(run["recipe"]), ["?"])
        shown = f"{first} and {len(others)} more" if others else first
        place = (run["dataset"], run["model"], printable(shown), f"seed {run['seed']}", run["recipe"])
        return " · ".join([f"{self.kind:<4}", *place])
