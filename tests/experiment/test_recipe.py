"""Recipes: what they are called, what they continue, which phase they end with."""

import re

from threephase.experiment.recipe import Recipe, Step, prefixes


def test_recipes_and_what_they_continue() -> None:
    steps = (Step("dae"), Step("cl", "none", {"imbalance": "none"}), Step("ft"))
    assert [recipe for recipe, _ in prefixes(steps)] == ["dae", "dae.cl-none", "dae.cl-none.ft"]
    assert [part[-1] for _, part in prefixes(steps)] == list(steps)
    whole = Recipe.of(steps)
    assert whole.prefixes == ["dae", "dae.cl-none", "dae.cl-none.ft"]
    assert whole.parent == "dae.cl-none"
    assert (whole.phase, Recipe("dae.cl-none").phase, Recipe("dae.cl-none").step) == ("ft", "cl", "cl-none")
    assert Recipe("ft").parent is None


def test_each_recipe_belongs_to_one_phase() -> None:
    recipes = ["dae", "cl", "ft", "dae.cl", "dae.cl-x2.ft", "dae.ft", "dae-a.cl-b.ft-c"]
    for phase in ("dae", "cl", "ft"):
        matched = [name for name in recipes if re.fullmatch(Recipe.pattern(phase), name)]
        assert matched == [name for name in recipes if Recipe(name).phase == phase]
