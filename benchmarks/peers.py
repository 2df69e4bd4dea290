"""Ours and its peers on the same rows, on one machine, by turns: accuracy with intervals, and what each takes.

.venv/bin/python -m benchmarks.peers --rows demo
.venv/bin/python -m benchmarks.peers --rows trec --data <folder of copies>

Writes `peers.csv`, a line for each training, and `peers.md`, what people read, beside this file. What is broken off
goes on where it stopped, on the same machine with the same libraries and code; else a table begins anew.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint
from tabulate import tabulate

from benchmarks.peer import ANSWERS, DRAWS_NOTHING, MODEL, PEERS, PHASE_1, PHASE_2, PHASE_3, asked_of
from benchmarks.run import HERE, PROJECT, machine, versions
from threephase.artifacts import layout
from threephase.artifacts.folders import DATASET, read_hashes, sha256_json, writing_file
from threephase.evaluation.statistics.crossed import crossed

PARTS = (PHASE_1, PHASE_2, PHASE_3, ANSWERS)
LEVEL = 0.95
REFERENCE = "3-Phase"


@dataclass(frozen=True)
class Rows:
    """A dataset on which peers meet, and SetFit's iterations of pairs there; None is its default, all pairs."""

    title: str
    dataset: str
    configs: tuple[str, ...]
    iterations: int | None = None


ROWS = {
    "demo": Rows(
        "the demo's rows: BBC News, 100 labelled articles, 200 for validation, 1,125 more for phase 1",
        "bbc",
        ("config/config.yaml",),
    ),
    "trec": Rows(
        "TREC, six classes of questions: 2,000 labelled rows, 400 for validation",
        "trec",
        ("config/paper.yaml", "config/capped.yaml", "benchmarks/peers.yaml"),
        iterations=20,
    ),
}


class Training(NamedTuple):
    """One way with one seed."""

    peer: str
    seed: int


def wanted(seeds: int) -> list[Training]:
    """What to train, seed by seed, so that the ways take turns; what draws nothing once."""
    return [
        Training(peer, seed) for seed in range(1, seeds + 1) for peer in PEERS if seed == 1 or peer not in DRAWS_NOTHING
    ]


def measured(rows: str, training: Training, results: Path, made_by: str) -> dict[str, Any]:
    """One training in a process of its own, with one thread; raises CalledProcessError where it fails."""
    given = ROWS[rows]
    command = [sys.executable, "-m", "benchmarks.peer", "--configs", *given.configs, "--results", str(results),
               "--dataset", given.dataset, "--peer", training.peer, "--seed", str(training.seed)]  # fmt: skip
    command += ["--iterations", str(given.iterations)] if given.iterations else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr[-3000:])
        done.check_returncode()
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "rows": rows, "peer": training.peer, "seed": training.seed,
        **{part: found["seconds"].get(part, (0.0, 0.0))[0] for part in PARTS},
        "wall": sum(wall for _, wall in found["seconds"].values()),
        "test_rows": len(found["right"]), "right": np.packbits(found["right"]).tobytes().hex(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "versions": versions(), "made_by": made_by,
    }  # fmt: skip


def right_of(lines: pd.DataFrame) -> np.ndarray:
    """Which test rows (n,) were right, 0 or 1, for each of some lines (S, n)."""
    return np.stack(
        [
            np.unpackbits(np.frombuffer(bytes.fromhex(right), dtype=np.uint8), count=count)
            for right, count in zip(lines["right"], lines["test_rows"], strict=True)
        ]
    ).astype(int)


def table(lines: pd.DataFrame) -> str:
    """One line for each way on the same rows: accuracy, its difference from 3-Phase, and what it takes."""
    reference = _by_seed(lines[lines["peer"] == REFERENCE])
    shown = []
    for peer in PEERS:
        of_peer = lines[lines["peer"] == peer].sort_values("seed")
        if of_peer.empty:
            continue
        right = _by_seed(of_peer)
        seconds = of_peer[list(PARTS)].mean()
        parts = [f"{seconds[part]:.0f}" if seconds[part] else "" for part in (PHASE_1, PHASE_2, PHASE_3)]
        total = seconds.sum()
        shown.append(
            [
                peer, _accuracy(right), _difference(peer, right, reference),
                f"{total:.0f}" if total >= 10 else f"{total:.1f}",
                *(parts if sum(map(bool, parts)) > 1 else ["", "", ""]),
                f"{seconds[ANSWERS]:.1f}",
            ]
        )  # fmt: skip
    heads = ["Way", "Accuracy", "Minus 3-Phase", "Seconds", "Phase 1", "Phase 2", "Phase 3", "Answers"]
    return tabulate(shown, headers=heads, tablefmt="github", disable_numparse=True)


def _by_seed(lines: pd.DataFrame) -> dict[int, np.ndarray]:
    return dict(zip(lines["seed"], right_of(lines), strict=True)) if len(lines) else {}


def _accuracy(right: dict[int, np.ndarray]) -> str:
    found = np.stack(list(right.values()))
    value = float(found.mean())
    if len(right) == 1:  # of the rows alone
        low, high = proportion_confint(int(found.sum()), found.size, alpha=1 - LEVEL, method="wilson")
    else:
        low, high, _ = crossed(found).interval(LEVEL)
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * min(high, 1.0):.1f}] ({len(right)})"


def _difference(peer: str, right: dict[int, np.ndarray], reference: dict[int, np.ndarray]) -> str:
    """Of the seeds that both have; a way that draws nothing is the same with all of them."""
    if peer in DRAWS_NOTHING:
        right = dict.fromkeys(reference, right[1])
    both = sorted(right.keys() & reference.keys())
    if peer == REFERENCE or len(both) < 2:
        return ""
    found = crossed(np.stack([right[seed] - reference[seed] for seed in both]))
    low, high, _ = found.interval(LEVEL)
    return f"{100 * found.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


READING = f"""\
Each way to a classifier, on the same training and test rows with {MODEL}, one thread each, as many at a time as there
are cores, seed by seed, so that what else the machine does falls on all alike. Accuracy on the test rows in percent,
mean over the seeds (how many), 95% interval over seeds and rows; of one seed over rows alone. Seconds are those of a
processor, without the loading of libraries, mean over the seeds: all, then of each phase, then the answers for all
test rows. All but TF-IDF, which reads whole texts, read the same first tokens. All but SetFit, which takes none,
choose by the validation rows.

- 3-Phase, FT: this project, with the settings of the config. Phases 1 and 2 are validated as well, keep their best
  state, and each writes a checkpoint, which its seconds contain.
- 3-Phase of stock trainers: SentenceTransformerTrainer with DenoisingAutoEncoderLoss, then CosineSimilarityLoss, then
  transformers' Trainer with a linear layer on the mean vector. The same noised texts, pairs, batches, numbers of steps
  and optimiser; phases 1 and 2 keep their last state, and the head has no learning rate of its own.
- FT of transformers' Trainer: AutoModelForSequenceClassification, whose head reads the first token, with the optimiser
  of ours, the same early stopping, and no learning rate of its own for the head.
- SetFit: its own defaults on the model as it comes; on TREC, where all pairs are two million, 20 iterations of pairs.
- Frozen + logistic regression, TF-IDF + SVM: scikit-learn's, as the grid has them."""


def report(lines: pd.DataFrame) -> str:
    """The whole of `peers.md`."""
    parts = ["# What `python -m benchmarks.peers` measured", READING]
    for rows, of_rows in lines.groupby("rows", sort=False):
        on, what, days = of_rows["machine"].iloc[0], of_rows["versions"].iloc[0], sorted(set(of_rows["measured"]))
        test = f"{of_rows['test_rows'].iloc[0]:,} test rows."
        parts += [
            f"## On {ROWS[rows].title}",
            f"{test} {', '.join(days)}, {on}; {what}.",
            table(of_rows),
        ]
    return "\n\n".join(parts) + "\n"


def make_ready(rows: str, results: Path, copies: Path | None) -> None:
    """The dataset's splits and the base model, as the grid makes them."""
    given = ROWS[rows]
    files = [layout.data(given.dataset) / "dataset.json", layout.base_model(MODEL) / "complete.json"]
    program = str(Path(sys.executable).with_name("threephase"))
    command = [program, "run", *given.configs, "--quiet", "all", "--cores", "1", "--directory", str(results.parent)]
    if copies:
        command += ["--config", f"data_root={copies.resolve()}"]
    command += ["--", *map(str, files)]
    subprocess.run(command, cwd=PROJECT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=ROWS, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peers", choices=PEERS, nargs="+", default=list(PEERS), help="only these")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="trainings at a time")
    parser.add_argument("--data", type=Path, help="folder of copies of the datasets, where no hub is reachable")
    parser.add_argument("--work", type=Path, default=PROJECT / "build" / "peers", help="where splits are made")
    chosen = parser.parse_args()
    results = chosen.work.resolve() / chosen.rows / layout.RESULTS
    make_ready(chosen.rows, results, chosen.data)
    made_by = digest_of(chosen.rows, results)
    kept = HERE / "peers.csv"
    lines = pd.read_csv(kept, dtype={"right": str}) if kept.exists() else pd.DataFrame()
    lines = of_here(lines, chosen.rows, made_by)
    done = {(line.peer, line.seed) for line in lines.itertuples() if line.rows == chosen.rows}
    left = [each for each in wanted(chosen.seeds) if each not in done and each.peer in chosen.peers]
    pool = ThreadPoolExecutor(chosen.cores)
    running = [pool.submit(measured, chosen.rows, training, results, made_by) for training in left]
    try:
        for number, future in enumerate(as_completed(running), 1):
            line = future.result()
            lines = pd.concat([lines, pd.DataFrame([line])], ignore_index=True)
            _write(lines, kept)
            seconds = sum(line[part] for part in PARTS)
            print(f"{number} of {len(left)}: {line['peer']}, seed {line['seed']}: {seconds:.0f} s", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    print(report(lines))


def digest_of(rows: str, results: Path) -> str:
    """Of all that a line depends on besides machine and libraries: the ways, settings, code and splits."""
    given = ROWS[rows]
    ways = (HERE / "peer.py").read_text(encoding="utf-8")
    asked = asked_of([PROJECT / config for config in given.configs], given.dataset)
    splits = read_hashes(layout.data(given.dataset, results) / DATASET)
    return sha256_json([ways, asked, splits, given.iterations])[:16]


def of_here(lines: pd.DataFrame, rows: str, made_by: str) -> pd.DataFrame:
    """Without the lines of these rows that another machine, other libraries or other code measured."""
    if lines.empty:
        return lines
    same = (lines["machine"] == machine()) & (lines["versions"] == versions()) & (lines["made_by"] == made_by)
    return lines[same | (lines["rows"] != rows)]


def _write(lines: pd.DataFrame, kept: Path) -> None:
    order: Sequence[str] = list(PEERS)
    lines = lines.sort_values(["rows", "seed", "peer"], key=lambda of: of.map(order.index) if of.name == "peer" else of)
    with writing_file(kept) as beside:
        lines.to_csv(beside, index=False, float_format="%.5g")
    with writing_file(kept.with_suffix(".md")) as beside:
        beside.write_text(report(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
