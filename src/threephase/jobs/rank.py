"""One of the processes that train together (`jobs.together`): its part of the batches, its word if it fails."""

import json
import logging
import os
import sys
import traceback
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from threephase import console
from threephase.errors import InterruptionError, UserError, fault_of_machine
from threephase.jobs.frame import configure_process, keep_freed_memory
from threephase.jobs.guard import refuse_test_split
from threephase.jobs.phase import phase_named
from threephase.jobs.telling import tell_view_too
from threephase.jobs.warm import leave_with_workflow, run_warm

REQUEST, REASON, MEETING = "request.json", "reason.json", "meeting"


def take_part(place: Path) -> None:
    """Do this rank's part of the training that `place` describes, in a fork of the warm server where there is one."""
    leave_with_workflow()
    rank = int(os.environ["RANK"])
    run_warm(f"process {rank}", patient=True)
    from threephase.jobs.tracking import track_bars

    request = json.loads((place / REQUEST).read_text(encoding="utf-8"))
    configure_process(int(os.environ["OMP_NUM_THREADS"]), online=False)
    keep_freed_memory()
    if rank:
        logging.getLogger().setLevel(logging.WARNING)
    with suppress(OSError):
        terminal = Path(os.devnull if rank else request["terminal"]).open("a", encoding="utf-8")  # noqa: SIM115
        if rank:
            console.terminal = terminal
        else:
            tell_view_too(terminal)
            track_bars()
    guarded = request["guarded"]
    try:
        with refuse_test_split(Path(guarded)) if guarded else nullcontext():
            _train(request["phase"], rank, place / MEETING, request["work"])
    except Exception as error:
        traceback.print_exc()
        reason = str(error) if isinstance(error, UserError) else fault_of_machine(error)
        if reason:
            with suppress(FileExistsError), (place / REASON).open("x", encoding="utf-8") as file:
                json.dump([isinstance(error, InterruptionError), reason], file)
        raise SystemExit(1) from None


def _train(name: str, rank: int, meeting: Path, work: dict[str, Any]) -> None:
    import torch
    import torch.distributed as dist

    from threephase.phases.run import run_phase

    phase = phase_named(name)
    paths = {name: Path(work[name]) for name in ("data", "parent", "out", "unfinished") if work[name]}
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpus else "gloo",
        f"file://{meeting}",
        timeout=timedelta(minutes=30),
        rank=rank,
        world_size=int(os.environ["WORLD_SIZE"]),
    )
    run_phase(phase, **work | paths | {"settings": phase.settings(**work["settings"])})
    dist.destroy_process_group()


if __name__ == "__main__":
    take_part(Path(sys.argv[1]))
