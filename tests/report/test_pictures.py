"""What pictures show: values worked out by hand, and pictures that a grid does not give are left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from threephase.evaluation.evaluate import calibration_errors
from threephase.report.calibration import calibration, reliability
from threephase.report.classes import class_recalls, confusion_matrices
from threephase.report.doubts import label_doubts, worst_mistakes
from threephase.report.maps import maps
from threephase.report.origin import origin
from threephase.report.pictures import pictures_of
from threephase.report.runs import Averaged, Runs
from threephase.report.training import accuracies, accuracy_by_time, class_sizes, label_efficiency, learning_curves


def test_reliability_is_that_worked_out_by_hand() -> None:
    """Two of three are right in the bin up to 0.7, and none in the one up to 1."""
    found = reliability(np.array([0.65, 0.66, 0.67, 1.0]), np.array([True, False, True, False]), bins=10)
    assert found["rows"].tolist() == [3, 1]
    assert found[["from", "to"]].to_numpy() == pytest.approx(np.array([[0.6, 0.7], [0.9, 1.0]]))
    assert found[["confidence", "accuracy"]].to_numpy() == pytest.approx(np.array([[0.66, 2 / 3], [1.0, 0.0]]))


def test_a_probability_on_the_edge_of_two_bins_belongs_to_the_lower_one() -> None:
    found = reliability(np.array([0.5, 0.0]), np.array([True, True]), bins=10)
    assert found["to"].tolist() == [pytest.approx(0.1), pytest.approx(0.5)]


def test_calibration_pools_the_seeds(runs: Runs) -> None:
    picture = calibration(runs)
    assert picture is not None
    ours = picture.numbers[picture.numbers["variant"] == "3-Phase"]
    # Ten of twelve rows are right in both seeds, at 0.9 and at 0.7.
    assert ours[["confidence", "accuracy"]].to_numpy() == pytest.approx(np.array([[0.7, 5 / 6], [0.9, 5 / 6]]))
    assert ours["ece"].iloc[0] == pytest.approx((5 / 6 - 0.7 + 0.9 - 5 / 6) / 2)


def test_the_calibration_error_is_the_mean_of_what_metrics_json_has(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 0.65 is right, 0.68 is not. Tenths would have both in one bin, fifteenths have them apart."""
    apart = pd.DataFrame({"label": "a", "predicted": [*"ab"], "probability_a": [0.65, 0.32]})
    apart["probability_b"] = 1 - apart["probability_a"]
    unknown = apart.assign(label="new")  # to the training
    monkeypatch.setattr(Runs, "evaluated", lambda *_: iter([("", apart), ("", unknown)]))
    picture = calibration(runs)
    assert picture is not None
    probabilities = apart[["probability_a", "probability_b"]].to_numpy()
    metrics = [calibration_errors(probabilities, np.full(2, truth), None) for truth in (0, 2)]
    assert [of_run["error"] for of_run in metrics] == pytest.approx([(0.35 + 0.68) / 2, (0.65 + 0.68) / 2])
    (shown,) = set(picture.numbers["ece"])
    assert shown == pytest.approx(np.mean([of_run["error"] for of_run in metrics]))
    assert f"in {metrics[0]['bins']} bins" in picture.caption


def test_labels_in_doubt_are_those_of_confident_learning() -> None:
    # Thresholds are (0.9 + 0.8 + 0.2) / 3 for a and (0.9 + 0.4) / 2 for b: row 2, of a, is likely b at 0.8; row 4, of
    # b, has 0.6 for a, which is below a's threshold, so that no class is likely there.
    of_a = np.array([0.9, 0.8, 0.2, 0.1, 0.6])
    rows = pd.DataFrame({"source": "x", "text": [*"01234"], "label": [*"aaabb"]})
    found = label_doubts(Averaged(rows, ("a", "b"), np.stack([of_a, 1 - of_a], axis=1), 1))
    assert found[["text", "label", "suggested"]].to_numpy().tolist() == [["2", "a", "b"]]
    assert found["margin"].iloc[0] == pytest.approx(0.2 - 0.8)


def test_rows_of_a_class_that_training_did_not_know_are_in_no_doubt() -> None:
    rows = pd.DataFrame({"source": "x", "text": ["0", "1"], "label": ["a", "new"]})
    assert label_doubts(Averaged(rows, ("a", "b"), np.array([[0.9, 0.1], [0.9, 0.1]]), 1)).empty


def test_the_worst_mistake_comes_first_with_its_nearest_training_text(runs: Runs, embeddings: dict[str, Path]) -> None:
    found = worst_mistakes(runs, embeddings)
    assert found["source"].tolist() == ["test.csv, line 7", "test.csv, line 13"]
    first = found.iloc[0]
    assert (first["label"], first["predicted"]) == ("sport", "$money$")
    assert first["probability"] == pytest.approx((0.9 + 0.7) / 2)  # the mean of the seeds
    assert first["nearest"].endswith("5")
    assert first["cosine"] == 0.75  # of the last encoder


def test_without_embeddings_mistakes_have_no_nearest_text(runs: Runs) -> None:
    assert worst_mistakes(runs, {})["nearest"].isna().all()


def test_confusions_count_all_seeds_and_the_caption_names_the_largest(runs: Runs) -> None:
    picture = confusion_matrices(runs)
    assert picture is not None
    row = picture.numbers.set_index(["variant", "label", "predicted"]).loc[("3-Phase", "sport", "$money$")]
    assert (row["rows"], row["share"]) == (2, pytest.approx(1 / 6))
    assert "3-Phase most often takes sport for $money$ (17% of its rows)" in picture.caption
    assert "3-Phase (2)" in picture.caption  # its seeds


def test_rare_classes_are_marked(runs: Runs) -> None:
    picture = class_recalls(runs)
    assert picture is not None
    numbers = picture.numbers.set_index("train")
    assert numbers["rare"].to_dict() == {24: False, 12: False, 4: True}
    assert numbers.loc[4, "3-Phase"] == 0.5


def test_a_variant_that_is_called_rare_leaves_the_marks_of_rare_classes_alone(runs: Runs) -> None:
    renamed = runs.results.replace({"variant": {"FT": "rare"}})
    picture = class_recalls(replace(runs, results=renamed, variants=["3-Phase", "rare"]))
    assert picture is not None
    numbers = picture.numbers.set_index("train")
    assert numbers["rare"].to_dict() == {24: False, 12: False, 4: True}
    assert "recall_rare" in numbers
    picture.draw(Figure())


def test_class_sizes_are_those_of_the_correction(runs: Runs) -> None:
    picture = class_sizes(runs)
    assert picture is not None
    assert picture.numbers[["before", "after"]].to_numpy().tolist() == [[24, 24], [12, 12], [4, 10]]
    # f(4) = 4 · log(24 / 4) / log(24)
    assert picture.numbers["f"].iloc[-1] == pytest.approx(4 * np.log(6) / np.log(24))


def test_learning_curves_have_every_training_of_the_compared_variants(runs: Runs) -> None:
    picture = learning_curves(runs)
    assert picture is not None
    assert set(picture.numbers["recipe"]) == {"dae", "dae.cl", "dae.cl.ft", "joint", "joint.ft", "ft"}
    assert len(picture.numbers) == 3 * (3 * 2 + 2 + 2)


def test_accuracy_stands_against_the_seconds_of_all_trainings(runs: Runs) -> None:
    picture = accuracy_by_time(runs, accuracies(runs))
    assert picture is not None
    ours = picture.numbers.set_index("variant").loc["3-Phase"]
    assert (ours["seconds"], ours["accuracy"]) == (25, pytest.approx(100 * 10 / 12))
    assert "1 run of this grid failed" in picture.caption


def test_variants_that_differ_in_their_share_of_labels_are_one_line(runs: Runs) -> None:
    picture = label_efficiency(runs, accuracies(runs))
    assert picture is not None
    assert picture.numbers[["family", "variant", "rows"]].to_numpy().tolist() == [
        ["FT", "FT, half", 20], ["FT", "FT", 40]
    ]  # fmt: skip


def test_without_shares_of_labels_there_is_no_such_line(runs: Runs) -> None:
    results = runs.results[runs.results["variant"] != "FT, half"]
    fewer = replace(runs, results=results)
    assert label_efficiency(fewer, accuracies(fewer)) is None


def test_maps_have_every_row_in_their_csv(runs: Runs, embeddings: dict[str, Path]) -> None:
    picture = maps(runs, embeddings)
    assert picture is not None
    assert picture.numbers.groupby("encoder").size().to_dict() == {"base model": 12, "dae": 12}
    assert "base model 75%" in picture.caption
    assert maps(runs, {}) is None


def test_where_every_run_failed_only_the_curves_are_left(runs: Runs) -> None:
    lost = replace(runs, results=runs.results.assign(failed="diverged", baseline=False))
    assert {picture.name for picture in pictures_of(lost, {})} <= {"learning_curves", "class_sizes"}


def test_every_picture_is_drawn_with_its_numbers_beside_it(
    runs: Runs, embeddings: dict[str, Path], tmp_path: Path
) -> None:
    for picture in pictures_of(runs, embeddings):
        picture.write(tmp_path)
        assert (tmp_path / f"{picture.name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<script" not in (tmp_path / f"{picture.name}.svg").read_text()
        assert (tmp_path / f"{picture.name}.csv").read_text().count("\n") == len(picture.numbers) + 1
    assert len([*tmp_path.glob("*.svg")]) == 8


def test_origin_is_a_tree_of_trainings_with_their_cost(runs: Runs) -> None:
    found = origin(runs)
    trainings = {each["recipe"]: each for each in found["trainings"]}
    dae = trainings["dae"]
    assert (dae["count"], dae["seconds"], dae["all_seconds"]) == (2, 15, 30)
    assert dae["after"][0]["after"][0]["variants"] == ["3-Phase"]
    assert trainings["baseline-centroid"]["after"] == []
    assert found["caps"] == ["train 40 of 90"]
    assert found["failed"] == [{"variant": "Joint", "seed": 1, "split": "", "reason": "joint: the loss is nan"}]
    assert found["commits"] == [{"commit": "abc", "edited": False}]


def test_a_variant_has_one_colour_in_all_pictures(runs: Runs) -> None:
    """The grid lists its runs in another order than the tables list its variants."""
    mixed = replace(runs, results=runs.results.iloc[::-1].reset_index(drop=True))
    by_time, recalls = accuracy_by_time(mixed, accuracies(mixed)), class_recalls(mixed)
    assert by_time
    assert recalls
    first, second = Figure(), Figure()
    by_time.draw(first)
    recalls.draw(second)
    handles, labels = first.axes[0].get_legend_handles_labels()
    by_label = {label: handle[0].get_color() for label, handle in zip(labels, handles, strict=True)}
    lines = [line.get_color() for line in second.axes[0].get_lines()]
    assert lines == [by_label[variant] for variant in mixed.compared]
