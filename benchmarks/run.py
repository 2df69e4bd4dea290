"""The benchmark: speed of each phase beside the libraries' own paths, and fixed costs. `make bench` runs it.

Writes `results.csv`, `costs.csv` (every measurement) and `results.md` (what people read) beside this file. Everything
is measured on this machine in this run; paths alternate, so that what else the machine does falls on all alike.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from benchmarks.answers import ONNX, OURS, STOCK
from benchmarks.answers import PATHS as ANSWERS
from benchmarks.paths import BATCH, PATHS, PHASES
from threephase.plan.work import Shape

HERE = Path(__file__).parent
PROJECT = HERE.parent
STEPS = {12: {"ours": 12, "stock": 5}, 128: {"ours": 4, "stock": 2}}
ANSWER_ROUNDS = 5
LIBRARIES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "accelerate",
    "snakemake",
    "setfit",
    "scikit-learn",
    "onnxruntime",
)


def measure(phase: str, path: str, tokens: int, threads: int, steps: int | None = None) -> dict[str, Any]:
    """One training of a few steps in a process of its own."""
    steps = STEPS[tokens][path.split()[0]] if steps is None else steps
    command = [sys.executable, "-m", "benchmarks.paths", "--phase", phase, "--path", path, "--tokens", str(tokens),
               "--threads", str(threads), "--steps", str(steps)]  # fmt: skip
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    seconds = statistics.median(found["seconds"])
    return {
        "phase": phase, "path": path, "tokens": tokens, "threads": threads, "seconds_a_step": seconds,
        "examples_a_second": BATCH * (2 if phase == "joint" else 1) / seconds, "peak_mib": found["peak_mib"],
        **({"gpu_mib": found["gpu_mib"]} if "gpu_mib" in found else {}),
    }  # fmt: skip


def phases(tokens: list[int], threads: list[int], rounds: int, out: Path) -> pd.DataFrame:
    """Every phase on every path, `rounds` times (ours in fp32 once), the paths in turn; kept in `out` as it goes."""
    rows = []
    for count in threads:
        for length in tokens:
            for phase in PHASES:
                for number in range(rounds):
                    for path in PATHS if number == 0 else [path for path in PATHS if path != "ours fp32"]:
                        row = measure(phase, path, length, count) | {"round": number}
                        rows.append(row)
                        where = f"{phase:<5} {length:>3} tokens, {count} thread(s), {path:<10}"
                        print(where, f"{row['examples_a_second']:7.1f} examples/s", flush=True)
                        pd.DataFrame(rows).to_csv(out, index=False, float_format="%.5g")
    return pd.DataFrame(rows)


def matrix_products(threads: int) -> dict[str, float]:
    """GFLOP/s of a product of the shape that training has (1024 × 384 by 384 × 1536), by precision."""
    code = (
        "import torch, time, json, sys\n"
        f"torch.set_num_threads({threads})\n"
        "found = {}\n"
        "for name, dtype in (('fp32', torch.float32), ('bf16', torch.bfloat16)):\n"
        "    a, b = torch.randn(1024, 384, dtype=dtype), torch.randn(1536, 384, dtype=dtype)\n"
        "    best = 0\n"
        "    for _ in range(60):\n"
        "        start = time.perf_counter()\n"
        "        for _ in range(10): torch.nn.functional.linear(a, b)\n"
        "        best = max(best, 10 * 2 * 1024 * 384 * 1536 / (time.perf_counter() - start) / 1e9)\n"
        "    found[name] = best\n"
        "print(json.dumps(found))\n"
    )
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def operations(phase: str, tokens: int) -> float:
    """Floating-point operations of one step in matrix products of MiniLM-L6, forward and twice that backward.

    d = 384, 6 layers, vocabulary 30,522; attention's products counted at the mean length. Noised texts have 40% of the
    words. The decoder's attention to one vector is left out.
    """
    width, vocabulary = 384, 30_522
    shape = Shape(width, 4 * width, 6, 12, vocabulary, parameters=0, positions=512, encoder=None)

    def stack(length: float) -> float:  # of one text
        return shape.forward(np.array([length]))

    noised = 0.4 * (tokens - 2) + 2
    dae = stack(noised) + stack(tokens - 1) + (tokens - 1) * 2 * width * vocabulary
    one = {"ft": stack(tokens), "cl": 2 * stack(tokens), "dae": dae, "joint": dae + 2 * stack(tokens)}[phase]
    return 3 * BATCH * one


def ratio_table(rows: pd.DataFrame, limits: dict[int, dict[str, float]]) -> list[list[Any]]:
    """One line for each phase, length and number of threads."""
    lines = []
    for (threads, tokens, phase), cell in rows.groupby(["threads", "tokens", "phase"], sort=False):
        by_path = {path: part.set_index("round") for path, part in cell.groupby("path")}
        speed = {path: part["examples_a_second"] for path, part in by_path.items()}
        ratios = {path: speed["ours"] / speed[path] for path in ("stock fp32", "stock bf16")}
        memory = {path: part["peak_mib"].median() for path, part in by_path.items()}
        step = BATCH * (2 if phase == "joint" else 1) / speed["ours"].median()
        per_second = operations(phase, tokens) / step / 1e9
        lines.append(
            [
                phase, tokens, threads,
                *(f"{speed[path].median():.1f}" for path in PATHS),
                *(f"{ratio.median():.1f} ({ratio.min():.1f}–{ratio.max():.1f})" for ratio in ratios.values()),
                f"{(speed['ours fp32'] / speed['stock fp32']).median():.1f}",
                f"{per_second:.0f}, {per_second / limits[threads]['bf16']:.0%}",
                " / ".join(f"{memory[path]:.0f}" for path in ("ours", "stock fp32", "stock bf16")),
            ]
        )  # fmt: skip
    return lines


def answers(tokens: list[int], threads: list[int], rounds: int, out: Path) -> pd.DataFrame:
    """Answers of a trained model by every path, in one process for each length and number of threads; kept in `out`."""
    rows: list[dict[str, Any]] = []
    for count in threads:
        for length in tokens:
            command = [sys.executable, "-m", "benchmarks.answers", "--tokens", str(length), "--threads", str(count),
                       "--rounds", str(rounds)]  # fmt: skip
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
            rows += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            pd.DataFrame(rows).to_csv(out, index=False, float_format="%.5g")
            print(f"answers, {length} tokens, {count} thread(s): measured", flush=True)
    return pd.DataFrame(rows)


def answer_table(rows: pd.DataFrame) -> list[list[Any]]:
    """One line for each length and number of threads: median texts a second, and ours over the others' by rounds."""
    lines = []
    for (threads, tokens), cell in rows.groupby(["threads", "tokens"], sort=False):
        speed = {
            measured: cell.pivot(index="round", columns="path", values=measured)
            for measured in ("texts_a_second", "texts_a_processor_second")
        }
        seconds, of_processors = speed.values()
        ratios = {name: of[OURS] / of[list(STOCK)].max(axis=1) for name, of in speed.items()}
        lines.append(
            [
                tokens, threads,
                *(f"{seconds[path].median():.0f} ({seconds[path].min():.0f}–{seconds[path].max():.0f})"
                  for path in ANSWERS),
                *(f"{ratio.median():.2f} ({ratio.min():.2f}–{ratio.max():.2f})" for ratio in ratios.values()),
                f"{(of_processors[OURS] / of_processors[ONNX]).median():.2f}",
            ]
        )  # fmt: skip
    return lines


def fixed_costs() -> list[dict[str, Any]]:
    """What the grid costs beside its arithmetic."""
    rows = []
    modules = {phase: f"threephase.phases.{name}" for phase, name in
               (("dae", "dae"), ("cl", "contrastive"), ("joint", "joint"), ("ft", "finetune"))}  # fmt: skip
    for phase, module in modules.items():
        seconds = [_seconds([sys.executable, "-c", f"import {module}"]) for _ in range(3)]
        rows.append({"what": f"process until a script of {phase} has its libraries", "seconds": min(seconds)})
    for seeds in (43, 216):  # of the demo: about 1,000 and 5,000 jobs
        with TemporaryDirectory() as elsewhere:
            grid = Path(elsewhere) / "grid.yaml"
            grid.write_text(f"grid: [{{seeds: {list(range(seeds))}}}]")
            command = [
                "snakemake",
                "--dry-run",
                "--directory",
                elsewhere,
                "--configfile",
                "config/config.yaml",
                str(grid),
            ]
            start = time.perf_counter()
            said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
            jobs = next(line.split()[1] for line in said.splitlines() if line.startswith("total"))
            rows.append({"what": f"dry run of {jobs} jobs", "seconds": time.perf_counter() - start})
    return rows


def scale() -> list[dict[str, Any]]:
    """Time and memory of what grows with the number of texts: tokenising, noise, pairs."""
    rows = []
    for texts in (120_000, 1_000_000):
        for what in ("tokens", "noise", "pairs", "anchors"):
            command = [sys.executable, "-m", "benchmarks.scale", what, str(texts)]
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            note = f"+{found['mib']:.0f} MiB; {found['made']}"
            rows.append({"what": f"{what} of {texts:,} texts", "seconds": found["seconds"], "note": note})
    return rows


def levers() -> list[dict[str, Any]]:
    """What each lever gains by itself."""
    command = [sys.executable, "-m", "benchmarks.levers"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    return time.perf_counter() - start


def machine() -> str:
    """What it was measured on."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    flags = Path("/proc/cpuinfo").read_text()
    units = [unit for unit in ("avx512_bf16", "amx_bf16", "avx512f", "avx2") if f" {unit} " in flags]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor()} ({', '.join(units)})"


def versions() -> str:
    """The libraries it was measured with."""
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except ImportError:
            continue
    return ", ".join(found)


HEADS = ["Phase", "Tokens", "Threads", "Ours", "Ours, fp32", "Stock, fp32", "Stock, bf16", "Ours / stock fp32",
         "Ours / stock bf16", "Ours fp32 / stock fp32", "GFLOP/s, of the limit",
         "Peak MiB: ours / fp32 / bf16"]  # fmt: skip
READING = """\
Examples (texts; pairs in cl; both in joint) trained a second, in batches of {batch}, with all-MiniLM-L6-v2, on pieces
of news articles whose numbers of words are spread evenly from half to one and a half times the mean. Median of {rounds}
rounds in which the paths took turns; smallest and largest ratio in brackets. Stock: SentenceTransformerTrainer with
DenoisingAutoEncoderLoss (dae), CosineSimilarityLoss (cl), both in turn (joint), transformers' Trainer (ft), defaults
but for the batch size. Ours is in bf16 where the processor has it. Operations are those of the matrix products, by a
formula, padding not counted; the limit is the best matrix product measured, in GFLOP/s: {limit}."""


ANSWER_HEADS = ["Tokens", "Threads", *ANSWERS, "Ours / best stock", "the same by processor time",
                "Ours / onnxruntime, by processor time"]  # fmt: skip
READING_ANSWERS = """\
Texts that a trained classifier answers for in a second, in fp32, from raw texts to probabilities: `predict_proba`;
`SentenceTransformer.encode` and two linear layers; SetFit's `predict_proba`; transformers' pipeline; ONNX Runtime on
our export with texts of like length together. The libraries' batches have 32 texts. Median over rounds in which the
paths took turns in one process, smallest and largest in brackets; the best stock path is that of each round.
Texts a second are by the clock, and less on a machine that does other things as well; docs/speed.md gives some by
processor time."""


def report(
    rows: pd.DataFrame,
    rounds: int,
    limits: dict[int, dict[str, float]],
    answered: pd.DataFrame,
    costs: list[dict[str, Any]],
    gains: list[dict[str, Any]],
) -> str:
    """The whole of `results.md`."""
    limit = "; ".join(
        f"{threads} thread(s): {found['fp32']:.0f} fp32, {found['bf16']:.0f} bf16" for threads, found in limits.items()
    )
    parts = [
        "# What `make bench` measured",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; Python {platform.python_version()}, {versions()}.",
        READING.format(batch=BATCH, rounds=rounds, limit=limit),
        tabulate(ratio_table(rows, limits), headers=HEADS, tablefmt="github", disable_numparse=True),
        "## Answers of a trained model",
        READING_ANSWERS,
        tabulate(answer_table(answered), headers=ANSWER_HEADS, tablefmt="github", disable_numparse=True),
        "## Fixed costs, and memory with the number of texts",
        tabulate(
            [[row["what"], f"{row['seconds']:.1f}", row.get("note", "")] for row in costs],
            headers=["What", "Seconds", ""], tablefmt="github", disable_numparse=True,
        ),
        "## Levers, each alone, one thread",
        tabulate(
            [
                [row["lever"].replace("_", " "), f"{1000 * row['without']:.1f}", f"{1000 * row['with']:.1f}",
                 f"{row['without'] / row['with']:.1f}", row["work"]]
                for row in gains
            ],
            headers=["Lever", "Without, ms", "With, ms", "Gain", "Work"], tablefmt="github", disable_numparse=True,
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[12, 128], choices=STEPS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--keep-phases", action="store_true", help="take the phases' speeds from results.csv of before")
    parser.add_argument("--keep-answers", action="store_true", help="take the answers' speeds from answers.csv")
    parser.add_argument("--keep-costs", action="store_true", help="take the fixed costs from costs.csv of before")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    speeds = chosen.out / "results.csv"
    limits = {threads: matrix_products(threads) for threads in chosen.threads}
    if not chosen.keep_phases:
        phases(chosen.tokens, chosen.threads, chosen.rounds, speeds)
    answered = chosen.out / "answers.csv"
    if not chosen.keep_answers:
        answers(chosen.tokens, chosen.threads, ANSWER_ROUNDS, answered)
    kept = chosen.out / "costs.csv"
    if not chosen.keep_costs:
        pd.DataFrame([*fixed_costs(), *scale()]).to_csv(kept, index=False, float_format="%.5g")
    costs = pd.read_csv(kept).fillna({"note": ""}).to_dict("records")
    gains = levers()
    pd.DataFrame(gains).to_csv(chosen.out / "levers.csv", index=False, float_format="%.5g")
    rows = pd.read_csv(speeds)
    text = report(rows, int(rows["round"].max()) + 1, limits, pd.read_csv(answered), costs, gains)
    (chosen.out / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
