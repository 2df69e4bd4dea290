"""The order in which trainings begin, by hand."""

from typing import Any

import pytest

from threephase.experiment.recipe import Steps, steps_of
from threephase.plan.urgency import urgencies

PAPER: dict[str, Any] = {
    "3-Phase": ["dae", "cl", "ft"], "Joint": ["joint", "ft"], "CL+FT": ["cl", "ft"],
    "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"], "FT": ["ft"],
}  # fmt: skip


def read(variants: dict[str, Any]) -> dict[str, Steps]:
    return {variant: steps_of(steps) for variant, steps in variants.items()}


def test_the_longest_chain_first_and_what_may_be_taken_over_last() -> None:
    found = urgencies(read(PAPER))
    order = sorted(found, key=lambda recipe: (-found[recipe], recipe))
    assert order == [
        "joint", "dae", "cl", "dae.cl", "cl.ft", "dae.cl.ft", "ft", "joint.ft", "dae.cl-noimb", "dae.cl-noimb.ft"
    ]  # fmt: skip
    assert found["joint"] > found["dae"] > found["cl"] == found["dae.cl"] > found["ft"] == found["joint.ft"]


def test_a_shared_training_is_as_urgent_as_the_longest_that_needs_it() -> None:
    alone = urgencies(read({"DAE+FT": ["dae", "ft"]}))
    assert urgencies(read(PAPER))["dae"] == alone["dae"] + 1


@pytest.mark.parametrize("tags", [True, False])
def test_the_longest_of_chains_stays_below_the_jobs_that_come_first(tags: bool) -> None:
    steps = [{"joint": {"tag": f"t{number}"}} if tags else "joint" for number in range(12)]
    assert 0 < max(urgencies(read({"Long": [*steps, "ft"]})).values()) < 100
