"""Time and memory of one thing at one number of texts, in a process of its own.

python -m benchmarks.scale tokens|noise|pairs|anchors 120000
"""

import json
import resource
import sys
import time
from typing import Any

import numpy as np

from benchmarks.paths import model_folder

WORDS = 12  # of a text
CLASSES, PER_TEXT = 4, 12  # of AGNews, and Table 5's pairs per text for it


def made_up(texts: int) -> list[str]:
    """Texts of words as frequent as in a language (Zipf), from 30,000 of them."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{number:x}" for number in range(30_000)])
    return [" ".join(words[rng.zipf(1.3, WORDS) % len(words)]) for _ in range(texts)]


def measure(what: str, count: int) -> dict[str, Any]:
    from threephase.encoders.encoder import load_encoder
    from threephase.encoders.tokens import tokenise
    from threephase.method.anchors import draw_anchored_pairs
    from threephase.method.noised_tokens import NoisedTexts
    from threephase.method.pairs import draw_pairs, rounds_of_pairs
    from threephase.settings.dae import DaeSettings
    from threephase.training.batches import Key

    encoder = load_encoder(model_folder())
    texts = made_up(count) if what in ("tokens", "noise") else []
    before, start = _peak(), time.perf_counter()
    if what == "tokens":
        made = f"{len(tokenise(encoder, texts).ids):,} tokens"
    elif what == "noise":
        noised = NoisedTexts(encoder, texts, DaeSettings(), 1, "noise")
        seconds = time.perf_counter()
        for row in range(10_000):
            noised[Key(0, row)]
        made = f"then {1e6 * (time.perf_counter() - seconds) / 10_000:.0f} µs a text"
    else:
        labels = np.random.default_rng(0).integers(CLASSES, size=(count, 1))
        if what == "anchors":
            pairs = draw_anchored_pairs(np.arange(count), labels, PER_TEXT, 1)
        else:
            pairs = draw_pairs(np.arange(count), labels, rounds_of_pairs(PER_TEXT, CLASSES), 1)
        made = f"{len(pairs):,} pairs"
    return {"seconds": time.perf_counter() - start, "mib": _peak() - before, "made": made}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]))) + "\n")
