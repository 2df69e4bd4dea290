"""Where an encoder puts the test texts: in two dimensions, and beside which training text. Nothing is chosen by it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threephase.artifacts.folders import FAILED, failure_of, read_json, sha256, verify, write_json, writing
from threephase.data.splits import stratified_sample
from threephase.data.store import DATASET, LabelledTexts, Splits
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.vectors import unit_vectors
from threephase.evaluation.places import EMBEDDING, PLACES, first_components, nearest_rows, neighbourhoods
from threephase.seeding import generator

TEST_ROWS, TRAINING_ROWS = 2000, 10_000  # at the most; with more, drawn by class
TSNE_ROWS = 1000  # up to which t-SNE takes seconds
SEED = 0  # the same rows for every checkpoint of a dataset, so that maps can be compared


def embed(
    data: Path, checkpoint: Path, out: Path, code: str = "", max_length: int | str | None = None
) -> dict[str, Any]:
    """Write `embedding.json` and `places.parquet` into `out`: the places of the test texts by one encoder.

    Places have one line for each test row that is embedded: `row`, `label`, `pca_1`, `pca_2`, with up to 1,000 rows
    `tsne_1` and `tsne_2`, and the training text with the highest cosine: `nearest`, its `nearest_label`, `cosine`.

    A checkpoint of a training that diverged is not embedded: then there is a `failed.json`, and the places are absent.

    Args:
        data: folder of the dataset's splits.
        checkpoint: of any recipe, or a base model.
        out: folder to write, complete or absent.
        code: digest of the code that runs, to be recorded.
        max_length: the length rule by which the encoder cuts texts, where not as it was saved.
    """
    inputs = {"checkpoint": verify(checkpoint), "dataset": sha256(data / DATASET)}
    origin = {"code": code, "inputs": inputs}
    failure = failure_of(checkpoint)
    if failure:
        with writing(out) as folder:
            write_json(folder / FAILED, {"reason": failure})
            write_json(folder / EMBEDDING, origin)
        return {"failed": failure}
    settings = checkpoint / "settings.json"
    trained = read_json(settings) if settings.exists() else {}  # none of a base model
    splits, encoder = Splits(data), load_encoder(checkpoint)
    level = trained.get("report", {}).get("label_level", len(splits.described["label_names"])) - 1
    names = splits.described["label_names"][level]
    test, train = splits.read("test"), splits.read("train")
    if max_length is not None:
        encoder.max_seq_length = resolve_max_length(max_length, encoder, train.texts)
    rows, of_train = _rows(test, level, TEST_ROWS), _rows(train, level, TRAINING_ROWS)
    vectors = unit_vectors(encoder, [test.texts[row] for row in rows])
    known = unit_vectors(encoder, [train.texts[row] for row in of_train])
    nearest, cosine = nearest_rows(vectors, known)
    pca, explained = first_components(vectors)
    tsne = neighbourhoods(vectors) if len(rows) <= TSNE_ROWS else None
    places = pd.DataFrame(
        {
            "row": rows, "label": [names[place] for place in test.labels[rows, level]],
            "pca_1": pca[:, 0], "pca_2": pca[:, 1],
            **({} if tsne is None else {"tsne_1": tsne[:, 0], "tsne_2": tsne[:, 1]}),
            "nearest": [train.texts[row] for row in of_train[nearest]],
            "nearest_label": [names[place] for place in train.labels[of_train[nearest], level]],
            "cosine": cosine,
        }
    )  # fmt: skip
    found = {
        "phase": trained.get("phase", ""),
        "rows": {"train": len(of_train), "test": len(rows)},
        "rows_there": {"train": len(train), "test": len(test)},
        "explained": explained,
        **origin,
    }
    with writing(out) as folder:
        write_json(folder / EMBEDDING, found)
        places.to_parquet(folder / PLACES, index=False, compression="zstd")
    return found


def _rows(split: LabelledTexts, level: int, most: int) -> np.ndarray:
    """The rows of a split that are embedded, stratified by class where there are more than `most`."""
    if len(split) <= most:
        return np.arange(len(split))
    return stratified_sample(split.labels[:, level], most, generator(SEED, "embedded-rows"))
