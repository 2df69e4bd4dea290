"""Kill trainings, evaluations and tables at random moments until enough were killed; say what came of it as JSON.

Usage: kills.py DATASET BASE_MODEL FOLDER KILLS SEED

A program of its own: it loads the libraries and forks, so that an attempt starts at once, and never computes itself,
since torch does not survive a fork that comes after.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from threephase.artifacts.folders import sha256
from threephase.evaluation.evaluate import evaluate
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.phases.run import Phase, run_phase
from threephase.tables.scores import table3, write_table
from threephase.training.loop import Training
from threephase.training.states import forget

SETTINGS: dict[str, dict[str, Any]] = {
    "dae": {"epochs": 2, "lr": 1e-3},
    "cl": {"pairs_per_text": 1, "lr": 1e-3},
    "joint": {"epochs": 1, "pairs_per_text": 1, "lr": 1e-3},
    "ft": {"max_epochs": 4, "lr": 1e-3, "patience": 2},
}
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
PHASES: dict[str, Phase] = {"dae": DAE, "cl": CL, "joint": JOINT, "ft": FT}
CHAINS = [("dae", "dae.cl", "dae.cl.ft"), ("joint", "joint.ft")]


class Work(NamedTuple):
    """One thing to do: its name, how, and the folder or file that is there once it is done."""

    name: str
    do: Callable[[], object]
    result: Path
    states: Path | None = None
    before: Path | None = None  # states of the training that it starts from


def works(root: Path) -> list[Work]:
    """All that is killed, in an order that can be done."""
    found = []
    place = "topics/tiny/seed1"
    for chain in CHAINS:
        for before, recipe in zip((None, *chain), chain, strict=False):
            parent = root / "checkpoints" / place / before if before else root / "models/tiny"
            out = root / "checkpoints" / place / recipe
            states = root / "unfinished" / recipe
            phase = PHASES[recipe.rpartition(".")[2]]
            settings = phase.settings(batch_size=8, max_length=16, precision="fp32", **SETTINGS[phase.name])
            found.append(
                Work(
                    recipe,
                    lambda phase=phase, parent=parent, settings=settings, out=out, states=states: run_phase(
                        phase, root / "data/topics", parent, settings, 1, out, phase.name, "code", states, save_every=0
                    ),
                    out,
                    states,
                    root / "unfinished" / before if before else None,
                )
            )
        out = root / "evaluations" / place / chain[-1]
        found.append(
            Work(
                f"test {chain[-1]}",
                lambda out=out, recipe=chain[-1]: evaluate(
                    root / "data/topics", root / "checkpoints" / place / recipe, out, code="code"
                ),
                out,
                before=root / "unfinished" / chain[-1],
            )
        )
    return [*found, Work("table", lambda: write_tables(root), root / "tables/table3_accuracy.tex")]


def write_tables(root: Path) -> None:
    """Table 3 of what is there."""
    runs = [("topics", "tiny", "3-Phase", 1, "dae.cl.ft"), ("topics", "tiny", "Joint", 1, "joint.ft")]
    asked: dict[str, Any] = {"data/topics": {}, "models/tiny": {}}
    for recipe in (step for chain in CHAINS for step in chain):
        phase = PHASES[recipe.rpartition(".")[2]]
        settings = phase.settings(batch_size=8, max_length=16, precision="fp32", **SETTINGS[phase.name])
        asked[f"checkpoints/topics/tiny/{recipe}"] = {"settings": settings.model_dump(), "code": "code"}
        asked[f"evaluations/topics/tiny/{recipe}"] = {"code": "code"}
    (root / "tables").mkdir(exist_ok=True)
    write_table(
        table3, runs, asked, missing=0, variants=["3-Phase", "Joint"], reference="3-Phase", titles={}, expected={},
        probed=[], probe_code="", region=0.5,
        published=str(root / "published.csv"), stem=root / "tables/table3_accuracy", root=root,
    )  # fmt: skip


def attempt(work: Work, log: Path, number: int | None = None, after: float = 0.0) -> tuple[int, float]:
    """Do it in a fork, killed by a signal after some seconds, if any. Gives the exit status and the time it took."""
    started = time.monotonic()
    fork = os.fork()
    if fork == 0:
        status = 1
        try:
            torch.set_num_threads(1)
            written = log.open("a", buffering=1)
            os.dup2(written.fileno(), 1)
            os.dup2(written.fileno(), 2)
            note_steps(written)
            if work.before:
                forget(work.before)
            work.do()
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    if number is not None:
        time.sleep(after)
        os.kill(fork, number)
    return os.waitpid(fork, 0)[1], time.monotonic() - started


def note_steps(log: Any) -> None:
    """Write a line whenever a training step begins."""
    forward = Training.forward

    def noted(self: Training, batch: list[Any]) -> torch.Tensor:
        log.write(f"@{self.step}\n")
        return forward(self, batch)

    Training.forward = noted  # type: ignore[method-assign]


def steps_of(log: Path) -> list[int]:
    """Steps that an attempt began."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line[1:]) for line in lines if line.startswith("@")]


def truncate(work: Work, rng: random.Random) -> bool:
    """Cut a file of a saved state or of a folder that was being written, if there is one."""
    folders = [work.states] if work.states else [work.result.parent]
    files = [file for folder in folders if folder and folder.exists() for file in folder.rglob("*") if file.is_file()]
    files = [file for file in files if work.states or ".partial" in str(file)]
    if not files:
        return False
    file = rng.choice(sorted(files))
    os.truncate(file, rng.randrange(file.stat().st_size + 1))
    return True


def hashes(work: Work) -> dict[str, str]:
    """Hash of each file of a result that does not tell the time."""
    files = [work.result.with_suffix(ending) for ending in (".csv", ".md", ".tex")]
    if work.result.is_dir():
        untimed = {"provenance.json", "complete.json", "metrics.json"}
        files = sorted(path for path in work.result.rglob("*") if path.is_file() and path.name not in untimed)
        metrics = work.result / "metrics.json"
        if metrics.exists():
            scores = {name: value for name, value in json.loads(metrics.read_text()).items() if name != "inputs"}
            return {"metrics": json.dumps(scores), **{path.name: sha256(path) for path in files}}
    return {path.relative_to(work.result.parent).as_posix(): sha256(path) for path in files}


def prepare(root: Path, dataset: Path, model: Path) -> None:
    """What the works start from."""
    shutil.copytree(dataset, root / "data/topics")
    shutil.copytree(model, root / "models/tiny")
    columns = ["table", "dataset", "model", "variant", "score", "value"]
    pd.DataFrame(columns=columns).to_csv(root / "published.csv", index=False)


def disturbed(all_works: list[Work], seconds: dict[str, float], kills: int, root: Path, seed: int) -> Iterator[Any]:
    """Kill each work in turn until enough were killed, each time until it gets through; yields what was found."""
    rng = random.Random(seed)
    killed = 0
    while killed < kills:
        for work in all_works:
            again = {"work": work.name, "kills": 0, "truncated": 0, "most_steps_again": 0}
            cut = False
            while True:
                log = root / "log"
                before = steps_of(log)
                log.unlink(missing_ok=True)
                number, after = rng.choice(SIGNALS), rng.uniform(0, 1.15 * seconds[work.name])
                last = again["kills"] >= 4  # type: ignore[operator]
                status, _ = attempt(work, log, *((None, 0.0) if last else (number, after)))
                now = steps_of(log)
                if before and now and not cut:
                    again["most_steps_again"] = max(again["most_steps_again"], before[-1] + 1 - now[0])  # type: ignore
                if status == 0:
                    break
                if os.WIFEXITED(status) and number == signal.SIGKILL:
                    raise SystemExit(f"{work.name} failed by itself:\n{log.read_text()}")
                again["kills"] += 1  # type: ignore[operator]
                if rng.random() < 0.2:
                    cut = truncate(work, rng) or cut  # what was cut is trained again
                    again["truncated"] += cut  # type: ignore[operator]
            (root / "log").unlink(missing_ok=True)
            killed += again["kills"]  # type: ignore[operator]
            yield {**again, "hashes": hashes(work)}
        for work in all_works:  # once more from the start
            if killed < kills:
                shutil.rmtree(work.result) if work.result.is_dir() else work.result.unlink()


def main() -> None:
    dataset, model, folder, kills, seed = sys.argv[1:]
    roots = [Path(folder) / name for name in ("undisturbed", "disturbed")]
    for root in roots:
        prepare(root, Path(dataset), Path(model))
    seconds, expected = {}, {}
    for work in works(roots[0]):
        status, seconds[work.name] = attempt(work, roots[0] / "log")
        if status:
            raise SystemExit(f"{work.name}:\n{(roots[0] / 'log').read_text()}")
        expected[work.name] = hashes(work)
    found = list(disturbed(works(roots[1]), seconds, int(kills), roots[1], int(seed)))
    left = [path.name for path in (*roots[1].rglob("*.partial*"), *(roots[1] / "unfinished").iterdir())]
    print(json.dumps({"seconds": seconds, "expected": expected, "found": found, "left": left}))


if __name__ == "__main__":
    main()
