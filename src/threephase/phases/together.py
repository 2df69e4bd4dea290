"""One training by several processes, started by torchrun: a phase with a GPU for each of them."""

import json
import logging
import os
import subprocess
import sys
import traceback
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from threephase import console
from threephase.errors import InterruptionError, UserError, fault_of_machine
from threephase.guard import refuse_test_split
from threephase.job import keep_freed_memory, set_manners
from threephase.phases.run import Phase, run_phase
from threephase.warm import FOLDER, FORKED, WORKFLOW, leave_with_workflow

REQUEST, REASON = "request.json", "reason.json"


def train_together(processes: int, phase: Phase, guarded: Path | None, work: dict[str, Any]) -> None:
    """Do what `run_phase` does with the arguments `work`, in several processes on this machine.

    Batches are those of one process, shared out. A signal to stop is passed on; processes whose job is killed go.

    Args:
        processes: how many.
        phase: which one.
        guarded: folder of the datasets whose test splits they cannot open.
        work: arguments of `run_phase`, `settings` as a dict.

    Raises UserError with the reason of the process that failed first, RuntimeError where it left none.
    """
    with TemporaryDirectory(prefix="threephase-") as folder:
        place = Path(folder)
        # by its module: no phase's code may reach that of the others, or an edit of one would train all again
        named = (phase.prepare.__module__, phase.name)
        request = {"phase": named, "guarded": guarded, "work": work, "terminal": _terminal()}
        (place / REQUEST).write_text(json.dumps(request, default=str), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in (FOLDER, FORKED)}
        environment |= {WORKFLOW: str(os.getpid()), "OMP_NUM_THREADS": str(_threads(processes))}
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
            "-m", "threephase.phases.together", folder,
        ]  # fmt: skip
        code = _ended(command, environment)
        if code:
            if (place / REASON).exists():
                stopped, reason = json.loads((place / REASON).read_text(encoding="utf-8"))
                raise InterruptionError(reason) if stopped else UserError(reason)
            raise RuntimeError(f"a training process ended with code {code}")


def _terminal() -> str:
    """Where the first process finds the terminal of this one."""
    return f"/proc/{os.getpid()}/fd/{console.terminal.fileno()}"


def _threads(processes: int) -> int:
    """This job's processors for each process."""
    return max(1, int(os.environ.get("OMP_NUM_THREADS", 1)) // processes)


def _ended(command: list[str], environment: dict[str, str]) -> int:
    """The exit code of a command. A signal to stop goes to it once, and not also from the terminal."""
    from threephase.training import asked_to_stop

    with subprocess.Popen(command, env=environment, start_new_session=True) as launcher, asked_to_stop() as asked:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return launcher.wait(0.2)
            if asked:
                launcher.terminate()
                return launcher.wait()


def _take_part(place: Path) -> None:
    """One of the processes."""
    leave_with_workflow()
    number = int(os.environ["LOCAL_RANK"])
    request = json.loads((place / REQUEST).read_text(encoding="utf-8"))
    set_manners(int(os.environ["OMP_NUM_THREADS"]), online=False)
    keep_freed_memory()
    if number:
        logging.getLogger().setLevel(logging.WARNING)
    with suppress(OSError):
        console.terminal = Path(os.devnull if number else request["terminal"]).open("a", encoding="utf-8")  # noqa: SIM115
    guarded = request["guarded"]
    try:
        with refuse_test_split(Path(guarded)) if guarded else nullcontext():
            _train(request["phase"], number, request["work"])
    except Exception as error:
        traceback.print_exc()
        reason = str(error) if isinstance(error, UserError) else fault_of_machine(error)
        if reason:
            with suppress(FileExistsError), (place / REASON).open("x", encoding="utf-8") as file:
                json.dump([isinstance(error, InterruptionError), reason], file)
        raise SystemExit(1) from None


def _train(named: tuple[str, str], number: int, work: dict[str, Any]) -> None:
    import torch

    module, name = named
    found = vars(import_module(module)).values()
    phase = next(value for value in found if isinstance(value, Phase) and value.name == name)
    if torch.cuda.is_available():
        torch.cuda.set_device(number)
    paths = {name: Path(work[name]) for name in ("data", "parent", "out", "unfinished") if work[name]}
    run_phase(phase, **work | paths | {"settings": phase.settings(**work["settings"])})
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    _take_part(Path(sys.argv[1]))
