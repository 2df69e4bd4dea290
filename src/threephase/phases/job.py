"""The frame of a training job: from what a rule hands to its script to a checkpoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from threephase.checkpoint import failure_of, read_json
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
    with job(rule.log[0], rule.threads, title, gpus=rule.resources.processes) as outcome, guard:

        def train(phase: Any) -> None:
            from threephase.phases.run import run_phase
            from threephase.phases.together import train_together
            from threephase.unfinished import forget, states_of

            run = (rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.seed)
            before = parent(rule.wildcards.recipe)
            if before:
                forget(states_of(*run, before))
            settings = rule.params.settings | _tuned(rule)
            out = Path(rule.output[0]).parent
            work = {
                "data": data,
                "parent": Path(rule.input.parent).parent,
                "seed": int(rule.wildcards.seed),
                "out": out,
                "title": title,
                "code": rule.params.code,
                "unfinished": states_of(*run, rule.wildcards.recipe),
                "save_every": rule.resources.save_every,
            }
            if rule.resources.processes > 1:
                guarded = None if leaks else data.parent
                train_together(rule.resources.processes, phase, guarded, work | {"settings": settings})
            else:
                run_phase(phase, settings=phase.settings(**settings), **work)
            failure = failure_of(out)
            if failure:
                outcome.fails(f"{failure} (marked as failed in the tables)")
            else:
                outcome.says(_summary(out))

        yield train


def _summary(checkpoint: Path) -> str:
    """How a training went, for the person who waits."""
    record = read_json(checkpoint / "provenance.json")
    return (
        f"best validation loss {record['best_validation_loss']:.4f} at step {record['best_step']} of {record['steps']}"
    )


def _tuned(rule: Any) -> dict[str, Any]:
    """What a study found for this phase, but for what the variant sets itself; nothing without a study."""
    file = getattr(rule.input, "tuned", None)
    found = read_json(Path(file)) if file else {}
    return {name: value for name, value in found.items() if name not in rule.params.fixed}
