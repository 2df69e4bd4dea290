"""Places of the test texts: worked out by hand, and those of a training that diverged are absent."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threephase.artifacts.folders import FAILED, verify, write_json, writing
from threephase.data.store import Splits
from threephase.evaluation.embedding import embed
from threephase.evaluation.places import first_components, nearest_rows, neighbourhoods


def test_nearest_is_the_highest_cosine_and_the_first_of_equal_ones() -> None:
    known = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    nearest, cosine = nearest_rows(np.array([[0.8, 0.6], [0.0, 1.0], [1.0, 0.0]]), known)
    assert nearest.tolist() == [1, 1, 0]
    assert cosine == pytest.approx([0.96, 0.8, 1.0])


def test_first_components_keep_what_varies_most() -> None:
    # Four points on a cross: the long bar has 8 of 10 of the variance, and lies on the first axis.
    places, shares = first_components(np.array([[0.0, 2, 0], [0, -2, 0], [1, 0, 0], [-1, 0, 0]]))
    assert shares == pytest.approx([0.8, 0.2])
    assert np.abs(places) == pytest.approx(np.array([[2, 0], [2, 0], [0, 1], [0, 1]]))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_have_places_too(rows: int) -> None:
    vectors = np.eye(3)[:rows]
    assert first_components(vectors)[0].shape == neighbourhoods(vectors).shape == (rows, 2)


def test_an_embedding_has_a_place_and_a_training_text_for_every_test_row(
    base_models: dict[str, Path], dataset: Path, tmp_path: Path
) -> None:
    found = embed(dataset, base_models["bert"], tmp_path / "first", code="c", max_length=16)
    embed(dataset, base_models["bert"], tmp_path / "second", code="c", max_length=16)
    verify(tmp_path / "first")
    assert json.loads((tmp_path / "first/embedding.json").read_text()) == found
    assert found["rows"] == found["rows_there"]
    places = pd.read_parquet(tmp_path / "first/places.parquet")
    splits = Splits(dataset)
    assert places["row"].tolist() == list(range(len(splits.read("test"))))
    assert set(places["nearest"]) <= set(splits.read("train").texts)
    assert places["cosine"].between(-1, 1.000001).all()
    pd.testing.assert_frame_equal(places, pd.read_parquet(tmp_path / "second/places.parquet"))


def test_a_training_that_diverged_has_no_places(dataset: Path, tmp_path: Path) -> None:
    with writing(tmp_path / "lost") as folder:
        write_json(folder / FAILED, {"reason": "dae: the loss is nan"})
    assert embed(dataset, tmp_path / "lost", tmp_path / "out") == {"failed": "dae: the loss is nan"}
    assert not (tmp_path / "out/places.parquet").exists()
