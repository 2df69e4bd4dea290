"""SetFit on the rows of the demo: accuracy and time, beside 3-Phase and FT. Needs `pip install setfit`.

Prints a JSON list of rows. SetFit as its documentation shows it, with 5 iterations of pairs, the demo's length of
texts and one thread.
"""

import json
import os
import sys
import time
from pathlib import Path

DATA = Path("results/data/bbc")
ITERATIONS, TOKENS = 5, 32  # of pairs a text; the demo's length of texts


def main() -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    import pandas as pd

    from benchmarks.paths import model_folder
    from threephase.data.store import Splits

    data = Splits(DATA)
    train, test = data.read("train"), data.read("test")
    rows = []
    results = pd.read_csv("results/tables/results.csv")
    for variant in ("3-Phase", "FT"):
        cell = results[results["variant"] == variant]
        note = f"accuracy {100 * cell['accuracy'].mean():.2f} ± {100 * cell['accuracy'].std():.2f} ({len(cell)})"
        rows.append({"what": f"demo, {variant}, all its phases", "seconds": _seconds(cell), "note": note})
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(str(model_folder()))
    model.model_body.max_seq_length = TOKENS
    given = Dataset.from_dict({"text": train.texts, "label": train.labels[:, 0].tolist()})
    start = time.perf_counter()
    trainer = Trainer(
        model, TrainingArguments(num_iterations=ITERATIONS, report_to="none", save_strategy="no"), train_dataset=given
    )
    trainer.train()
    seconds = time.perf_counter() - start
    right = (model.predict(test.texts, as_numpy=True) == test.labels[:, 0]).mean()
    rows.append(
        {
            "what": "SetFit on the same rows, 5 iterations of pairs",
            "seconds": seconds,
            "note": f"accuracy {100 * right:.2f} (1)",
        }
    )
    sys.stdout.write(json.dumps(rows) + "\n")


def _seconds(cell: "pd.DataFrame") -> float:  # noqa: F821
    """Mean wall seconds of a run's trainings, first to last phase."""
    total = 0.0
    for run in cell.itertuples():
        steps = run.recipe.split(".")
        for length in range(1, len(steps) + 1):
            place = f"{run.dataset}/{run.model}/seed{run.seed}/{'.'.join(steps[:length])}"
            total += json.loads((Path("results/checkpoints") / place / "provenance.json").read_text())["wall_seconds"]
    return total / len(cell)


if __name__ == "__main__":
    main()
