"""Which of the trainings that could begin goes first, by what is known of them before any text is read."""

from collections.abc import Mapping

from threephase.experiment.recipe import Recipe, Steps, prefixes

LIKE = {"joint": 3}  # phases that count as several: Joint is both others, step by step, and its own
OWN_WAY = 10  # more than any chain is long


def urgencies(variants: Mapping[str, Steps]) -> dict[Recipe, int]:
    """Of each recipe of some variants how early its training should begin: the higher, the earlier, 1 at the least.

    Those first that have most phases to come, their own counted, so that the end is no long chain on one processor.
    But all that settings of their own part from other variants come after the others: they may turn out to be the same
    trainings, and are then taken over (`phases.twins`).
    """
    found: dict[Recipe, int] = {}
    for steps in variants.values():
        for recipe, part in prefixes(steps):
            left = sum(LIKE.get(step.phase, 1) for step in steps[len(part) - 1 :])
            urgency = min(left, OWN_WAY) + (0 if any(step.tag for step in part) else OWN_WAY)
            found[recipe] = max(found.get(recipe, 0), urgency)
    return found
