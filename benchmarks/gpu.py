"""What a GPU makes of every phase: the losses of a CPU, steps a second beside the stock trainers, memory.

    python -m benchmarks.gpu

Writes benchmarks/gpu.md. Needs an NVIDIA GPU; where there are two, two are tried together as well. Losses are compared
in fp32 by transformers' own modules and without dropout, whose draws differ between devices.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from tabulate import tabulate

from benchmarks.paths import BATCH, PATHS, PHASES, model_folder
from benchmarks.run import measure, versions
from benchmarks.texts import pieces

HERE = Path(__file__).parent
CPU, GPU, GPUS = "CPU", "GPU", "two GPUs"
SEEN = {CPU: "", GPU: "0", GPUS: "0,1"}  # GPUs that a training sees
TEXTS = 640  # to compare losses by: some twenty steps
TOLERANCE = 0.02  # of a loss: what other orders of the same sums may come to over the steps of such a training
DROPOUT = ("hidden_dropout_prob", "attention_probs_dropout_prob")
LENGTHS, STEPS = (32, 128), 50  # tokens, and steps of which the median time is taken


def write_inputs(folder: Path) -> None:
    """Write a dataset of news in pieces, and the real MiniLM without dropout."""
    from threephase.artifacts.folders import write_json, writing
    from threephase.data.splits import split
    from threephase.data.store import write_dataset
    from threephase.encoders.base_model import make_base_model
    from threephase.settings.base_model import BaseModelSettings
    from threephase.settings.dataset import DatasetSettings, Source

    texts, labels = pieces(32, TEXTS)
    rows = pd.DataFrame({"text": texts, "label": [f"class {label}" for label in labels]})
    settings = DatasetSettings(source=Source(train="-"), test_size=20, validation_size=0.2)
    write_dataset(folder / "data", split({"train": rows}, settings), settings, {})
    plain = folder / "plain"
    shutil.copytree(model_folder(), plain)
    config = json.loads((plain / "config.json").read_text(encoding="utf-8"))
    write_json(plain / "config.json", config | dict.fromkeys(DROPOUT, 0.0))
    with writing(folder / "base") as base:
        make_base_model(BaseModelSettings(path=str(plain)), base)


def train(folder: Path, phase: str, device: str) -> pd.DataFrame:
    """The history of a short training of a phase on one kind of device, in a process of its own."""
    out = folder / f"{phase}-{device}"
    command = [sys.executable, "-m", "benchmarks.gpu", "--train", str(folder), phase, str(out), device]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": SEEN[device], "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE.parent, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return pd.read_csv(out / "history.csv")


def train_here(folder: Path, name: str, out: Path, device: str) -> None:
    """What `train` has done in a process of its own."""
    from threephase.jobs.phase import phase_named
    from threephase.jobs.together import train_together
    from threephase.phases.run import run_phase

    phase = phase_named(name)
    given: dict[str, Any] = {
        "engine": "library",
        "precision": "fp32",
        "lr": 5e-5,
        "batch_size": BATCH,
        "max_length": 32,
    }
    per_epoch = {"dae": {"epochs": 1}, "cl": {"pairs_per_text": 1}, "joint": {"epochs": 1, "pairs_per_text": 1}}
    settings = phase.settings(**given, **per_epoch.get(name, {"max_epochs": 1}))
    work = {
        "data": folder / "data", "parent": folder / "base", "settings": settings, "seed": 1, "out": out, "title": name,
        "unfinished": None,
    }  # fmt: skip
    if device == GPUS:
        train_together(2, phase, None, work | {"settings": settings.model_dump()})
    else:
        run_phase(phase, **work)


def difference(history: pd.DataFrame, of_cpu: pd.DataFrame) -> float:
    """The largest difference of any loss, in training or validation, as a share of the CPU's; the same steps' losses.

    Raises ValueError where these are not the same steps, or a loss is not finite.
    """
    losses = ["train_loss", "validation_loss"]
    if not history["step"].equals(of_cpu["step"]) or not history[losses].isna().equals(of_cpu[losses].isna()):
        raise ValueError("the histories are not of the same steps")
    apart = (history[losses] / of_cpu[losses] - 1).abs().stack()
    return float(apart.max())


def speeds(lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Every phase on every path, ours and the libraries', on the first GPU."""
    os.environ["CUDA_VISIBLE_DEVICES"] = SEEN[GPU]
    return [measure(phase, path, length, 1, STEPS) for length in lengths for phase in PHASES for path in PATHS]


def report(apart: dict[str, dict[str, float]], measured: list[dict[str, Any]], device: str) -> str:
    """The whole of `gpu.md`: largest differences by phase and device, and speeds with memory."""
    devices = list(dict.fromkeys(device for of_phase in apart.values() for device in of_phase))
    agreed = [[phase, *(_judged(of_phase[device]) for device in devices)] for phase, of_phase in apart.items()]
    fast = [
        [row["phase"], row["tokens"], row["path"], f"{1 / row['seconds_a_step']:.1f}",
         f"{row['examples_a_second']:.0f}", f"{row['gpu_mib']:.0f}"]
        for row in measured
    ]  # fmt: skip
    parts = [
        "# What a GPU made of every phase",
        f"{datetime.now(UTC):%Y-%m-%d}, {device}; Python {platform.python_version()}, {versions()}.",
        f"Largest difference of a training or validation loss from the CPU's, over the same steps in "
        f"fp32 without dropout; more than {TOLERANCE:.0%} is too much.",
        tabulate(agreed, headers=["Phase", *devices], tablefmt="github", disable_numparse=True),
        f"Steps and examples a second in batches of {BATCH}, with dropout and without validation, ours and the "
        "libraries' own trainers, median; memory is the most that PyTorch held on the GPU.",
        tabulate(
            fast, headers=["Phase", "Tokens", "Path", "Steps a second", "Examples a second", "MiB"],
            tablefmt="github", disable_numparse=True,
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _judged(share: float) -> str:
    return f"{share:.2%}" + ("" if share <= TOLERANCE else ", TOO MUCH")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=HERE / "gpu.md")
    chosen = parser.parse_args()
    if chosen.train:
        folder, phase, out, device = chosen.train
        train_here(Path(folder), phase, Path(out), device)
        return
    import torch

    count = torch.cuda.device_count()
    if not count:
        sys.exit(
            "gpu-check: PyTorch sees no GPU here; run it on a machine with an NVIDIA GPU, with PyTorch for CUDA "
            "(docs/speed.md)"
        )
    devices = [GPU] if count == 1 else [GPU, GPUS]
    apart: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as scratch:
        write_inputs(Path(scratch))
        for phase in PHASES:
            of_cpu = train(Path(scratch), phase, CPU)
            apart[phase] = {device: difference(train(Path(scratch), phase, device), of_cpu) for device in devices}
            print(phase, {device: _judged(share) for device, share in apart[phase].items()}, flush=True)
    chosen.out.write_text(report(apart, speeds(LENGTHS), torch.cuda.get_device_name(0)), encoding="utf-8")
    print(chosen.out)
    if max(share for of_phase in apart.values() for share in of_phase.values()) > TOLERANCE:
        sys.exit("gpu-check: losses differ by more than they may; the page names the phases")


if __name__ == "__main__":
    main()
