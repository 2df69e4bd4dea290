"""What phase 1 gains with either decoder: the base model's own, and the small one that any base model can have.

python -m benchmarks.decoders --texts 100 --steps 300 --seeds 1 2
trains phase 1 on so many pieces of news and prints a line of JSON for the untouched base model, and for each decoder
and seed: nats a token that the right vector tells more than a wrong one (`gain`), and the accuracy of simple
classifiers on the vectors, both on 200 other pieces.
"""

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

import pandas as pd

from benchmarks.paths import model_folder
from benchmarks.texts import pieces
from threephase.artifacts.folders import writing
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.encoders.base_model import make_base_model
from threephase.evaluation.probe import probe
from threephase.phases.dae import DAE
from threephase.phases.run import run_phase
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.dae import DaeSettings
from threephase.settings.dataset import DatasetSettings, Source

DECODERS = ("own", "small")
TOKENS, BATCH, JUDGED = 32, 8, 200
KEPT = {"knn": ("classifiers", "knn", "accuracy"), "logistic": ("classifiers", "logistic", "accuracy"),
        "gain": ("reconstruction", "gain")}  # fmt: skip


def compare(texts: int, steps: int, seeds: list[int], judged: int = JUDGED) -> list[dict[str, Any]]:
    """Rows of what is found, first of the untouched base model."""
    with TemporaryDirectory() as place:
        data, base = Path(place) / "data", Path(place) / "base"
        settings = DatasetSettings(source=Source(train="-", test="-"))
        given = {"train": _rows(texts, 0), "validation": _rows(judged, 1)}
        write_dataset(data, split(given, settings, tested=False), settings, {})
        with writing(base) as folder:
            make_base_model(BaseModelSettings(path=str(model_folder())), folder)
        found = [{"decoder": "none"} | _kept(probe(data, base, base, Path(place) / "untouched", max_length=TOKENS))]
        for seed in seeds:
            for decoder in DECODERS:
                out = Path(place) / f"{decoder}{seed}"
                asked = DaeSettings(
                    decoder=decoder, lr=2e-4, batch_size=BATCH, epochs=1, min_steps=steps, max_length=TOKENS
                )
                began = time.process_time()
                run_phase(DAE, data, base, asked, seed, out, decoder)
                seconds = time.process_time() - began
                probed = _kept(probe(data, out, base, Path(place) / f"{decoder}{seed}-probe"))
                found.append({"decoder": decoder, "seed": seed, "processor_seconds": round(seconds, 1)} | probed)
    return found


def _rows(count: int, seed: int) -> pd.DataFrame:
    texts, labels = pieces(TOKENS, count, seed)
    return pd.DataFrame({"text": texts, "label": [f"class {label}" for label in labels], "place": "pieces of news"})


def _kept(found: dict[str, Any]) -> dict[str, float]:
    kept = {}
    for name, path in KEPT.items():
        value: Any = found
        for key in path:
            value = value.get(key, {})
        if value != {}:
            kept[name] = round(value, 4)
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    for row in compare(arguments.texts, arguments.steps, arguments.seeds):
        print(json.dumps(row))
