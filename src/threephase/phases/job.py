"""The frame of a training job: from what a rule hands to its script to a checkpoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from threephase.checkpoint import read_json
from threephase.grid import parent
from threephase.guard import refuse_test_split
from threephase.job import job, run_title


@contextmanager
def phase_job(name: str, rule: Any) -> Iterator[Callable[[Any], None]]:
    """Yield the function that trains a phase with the rule's input, params and wildcards.

    Whatever opens the test split meanwhile fails, and the job with it, unless the rule names the split as its input
    `test`: a leak of the released protocol. Enter it before the phase is imported,
    which loads the heavy libraries.
    """
    title = run_title(name, rule.wildcards)
    data = Path(rule.input.data[0]).parent
    leaks = getattr(rule.input, "test", None) is not None
    guard = nullcontext() if leaks else refuse_test_split(data.parent)
    with job(rule.log[0], rule.threads, title) as outcome, guard:

        def train(phase: Any) -> None:
            from threephase.phases.run import run_phase
            from threephase.unfinished import forget, states_of

            run = (rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.seed)
            before = parent(rule.wildcards.recipe)
            if before:
                forget(states_of(*run, before))
            fitted = run_phase(
                phase,
                data=data,
                parent=Path(rule.input.parent).parent,
                settings=phase.settings(**(rule.params.settings | _tuned(rule))),
                seed=int(rule.wildcards.seed),
                out=Path(rule.output[0]).parent,
                title=title,
                code=rule.params.code,
                unfinished=states_of(*run, rule.wildcards.recipe),
                save_every=rule.resources.save_every,
            )
            if fitted.diverged:
                outcome.fails(f"{fitted.diverged} (marked as failed in the tables)")
            else:
                outcome.says(fitted.summary)

        yield train


def _tuned(rule: Any) -> dict[str, Any]:
    """What a study found for this phase, but for what the variant sets itself; nothing without a study."""
    file = getattr(rule.input, "tuned", None)
    found = read_json(Path(file)) if file else {}
    return {name: value for name, value in found.items() if name not in rule.params.fixed}
