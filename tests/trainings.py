"""What tests that train tiny models share."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from threephase.phases.run import Phase, run_phase

QUICK: dict[str, dict[str, Any]] = {
    "dae": {"epochs": 2, "lr": 1e-3},
    "cl": {"pairs_per_text": 1, "lr": 1e-3},
    "joint": {"epochs": 2, "pairs_per_text": 1, "lr": 1e-3},
    "ft": {"max_epochs": 3, "lr": 1e-3},
}


def train(phase: Phase, dataset: Path, parent: Path, out: Path, seed: int = 1, **changes: Any) -> Path:
    settings = {"batch_size": 8, "max_length": 16, "precision": "fp32", **QUICK[phase.name], **changes}
    run_phase(phase, dataset, parent, phase.settings(**settings), seed, out, phase.name)
    return out


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.parent.relative_to(checkpoint)}/{name}": weight
        for file in sorted(checkpoint.rglob("*.safetensors"))
        for name, weight in load_file(file).items()
    }


def settings_of(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "settings.json").read_text())
