"""How fast this machine trains: a few steps of each phase, by as many jobs at once as the grid would run.

python -m threephase.plan.calibration REQUEST ANSWER  (started by `measured`)
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, islice, pairwise
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from threephase.artifacts.folders import looking
from threephase.artifacts.provenance import peak_memory
from threephase.errors import UserError
from threephase.training.batches import Batches
from threephase.training.task import Measured

WARM_UP = 3  # steps that are not measured
STEPS = (6, 24)  # at the least and at the most
OPERATIONS = 4e12  # that the steps of one calibration have, about


@dataclass(frozen=True)
class Pace:
    """What one phase took here."""

    step: float  # seconds
    validation: float  # seconds of one evaluation
    around: float  # seconds of all else: loading, tokenising, saving
    memory: float  # bytes at the most


@dataclass(frozen=True)
class Trial:
    """A phase to be measured.

    Args:
        phase: its name.
        settings: its settings.
        data: folder of the dataset's splits.
        base: folder of the base model.
        of_a_step: operations of one step.
    """

    phase: str
    settings: dict[str, Any]
    data: Path
    base: Path
    of_a_step: float


def measured(trials: list[Trial], jobs: int) -> list[Pace]:
    """The pace of each phase with so many jobs at once, a thread each. Raises UserError where one cannot be trained."""
    found = []
    for trial in trials:
        with TemporaryDirectory(prefix="threephase-plan-") as folder:
            request = Path(folder) / "request.json"
            request.write_text(json.dumps(vars(trial), default=str), encoding="utf-8")
            answers = [Path(folder) / f"answer{number}.json" for number in range(jobs)]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            environment |= {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
            command = [sys.executable, "-m", "threephase.plan.calibration", str(request)]
            processes = [
                subprocess.Popen(
                    [*command, str(answer)],
                    env=environment | ({"CUDA_VISIBLE_DEVICES": str(number)} if torch.cuda.is_available() else {}),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for number, answer in enumerate(answers)
            ]
            for process in processes:
                _, said = process.communicate()
                if process.returncode:
                    raise UserError(
                        f"{trial.phase} cannot be measured here: {(said.strip().splitlines() or ['?'])[-1]}"
                    )
            paces = [json.loads(answer.read_text(encoding="utf-8")) for answer in answers]
        found.append(Pace(**{name: mean(pace[name] for pace in paces) for name in paces[0]}))
    return found


class _First:
    """One epoch of so many batches, from as many epochs as it takes."""

    def __init__(self, batches: Batches, steps: int) -> None:
        self.batches = batches
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def of_epoch(self, epoch: int) -> Iterator[list[Any]]:
        return islice(chain.from_iterable(map(self.batches.of_epoch, count())), self.steps)


def _pace(trial: dict[str, Any]) -> Pace:
    from threephase.jobs.frame import keep_freed_memory
    from threephase.phases.all import PHASES
    from threephase.phases.run import Prepared, run_phase

    keep_freed_memory()
    phase = PHASES[trial["phase"]]
    steps = int(min(max(STEPS[0], OPERATIONS / trial["of_a_step"]), STEPS[1]))
    moments: list[float] = []
    validations: list[float] = []

    def prepare(*given: Any) -> Prepared:
        prepared = phase.prepare(*given)
        task = prepared.task

        def collate(items: list[Any]) -> dict[str, Any]:
            moments.append(time.perf_counter())
            return task.collate(items)

        def validate() -> Measured:
            started = time.perf_counter()
            measured = task.validate()
            validations.append(time.perf_counter() - started)
            moments.append(started)
            return measured

        shorter = replace(task, epochs=1, evaluations=1, stop=None, batches=_First(task.batches, steps))
        return replace(prepared, task=replace(shorter, validate=validate, collate=collate))

    started = time.perf_counter()
    with looking(), TemporaryDirectory(prefix="threephase-plan-") as folder:
        run_phase(
            replace(phase, prepare=prepare), Path(trial["data"]), Path(trial["base"]),
            phase.settings(**trial["settings"]), 1, Path(folder) / "out", trial["phase"],
        )  # fmt: skip
    whole = time.perf_counter() - started
    taken = [after - before for before, after in pairwise(moments)]
    return Pace(median(taken[WARM_UP:]), validations[-1], whole - sum(taken) - sum(validations), peak_memory())


if __name__ == "__main__":
    request, answer = map(Path, sys.argv[1:])
    answer.write_text(json.dumps(vars(_pace(json.loads(request.read_text(encoding="utf-8"))))), encoding="utf-8")
