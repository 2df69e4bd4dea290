"""The costs of a run's trainings, counted beside the run in a process of its own.

python -m threephase.commands.view.counting CHANGES CONFIG…  (started by the view of a run, with JSON that is laid over
the config files) prints what `plan.costs.costs_of` gives as JSON.
"""

import json
import os
import sys
from pathlib import Path

from threephase.jobs.warm import leave_with_workflow, run_warm

KINDEST = 19  # of priorities


def count(changes: str, configs: list[str]) -> None:
    """Print the costs, as JSON; the libraries that this takes are those of the run's jobs."""
    leave_with_workflow()
    run_warm(patient=True)
    os.nice(KINDEST)
    from threephase.experiment.reading import read
    from threephase.plan.costs import costs_of
    from threephase.plan.report import plan_of

    config = read([Path(path) for path in configs], json.loads(changes))
    with plan_of(config, slots=1, gpu="t4", missing=True) as plan:
        print(json.dumps(costs_of(plan, config)))


if __name__ == "__main__":
    count(sys.argv[1], sys.argv[2:])
