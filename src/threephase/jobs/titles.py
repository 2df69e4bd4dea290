"""What a job is called on the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from threephase.errors import printable
from threephase.experiment.recipe import Recipe, steps_of, variants_by_recipe


@dataclass(frozen=True)
class RunTitle:
    """The title of a job of one run, as a string that is made where it is shown.

    It reads the config's variants as they stand there: the module that checks them takes longer to load than many a
    job takes.

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
        run, steps = self.run, {variant: steps_of(given) for variant, given in self.variants.items()}
        first, *others = variants_by_recipe(steps).get(Recipe(run["recipe"]), ["?"])
        shown = f"{first} and {len(others)} more" if others else first
        place = (run["dataset"], run["model"], printable(shown), f"seed {run['seed']}", run["recipe"])
        return " · ".join([f"{self.kind:<4}", *place])
