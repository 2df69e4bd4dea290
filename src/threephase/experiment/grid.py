"""The grid: which runs a config asks for."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from threephase.experiment.recipe import Recipe, Run, Steps
from threephase.settings.common import Seed, Settings


class GridBlock(Settings):
    """Every combination of what it names; what it leaves out means all. The grid is the union of its blocks."""

    datasets: list[str] | None = Field(None, min_length=1, description="Datasets; all where absent.")
    models: list[str] | None = Field(None, min_length=1, description="Base models; all where absent.")
    variants: list[str] | None = Field(None, min_length=1, description="Variants; all where absent.")
    effects: list[str] | None = Field(
        None, min_length=1, description="Tables of effects whose variants run, in place of a list of `variants`."
    )
    seeds: list[Seed] = Field(min_length=1, description="Seeds of the runs.")

    def variants_among(self, variants: Iterable[str], compared: Mapping[str, list[str]]) -> list[str]:
        """The variants that this block runs, of all and of those that each table of effects compares."""
        named = [name for effect in self.effects or () for name in compared[effect]]
        return list(dict.fromkeys([*named, *(self.variants or ())])) or list(variants)


def runs_of(
    blocks: Sequence[GridBlock],
    datasets: Iterable[str],
    models: Iterable[str],
    variants: Mapping[str, Steps],
    compared: Mapping[str, list[str]],
) -> list[Run]:
    """Every run of the blocks once, in their order."""
    recipes = {variant: Recipe.of(steps) for variant, steps in variants.items()}
    cells = {
        Run(dataset, model, variant, seed, recipes[variant]): None
        for block in blocks
        for dataset in block.datasets or datasets
        for model in block.models or models
        for variant in block.variants_among(variants, compared)
        for seed in block.seeds
    }
    return list(cells)
