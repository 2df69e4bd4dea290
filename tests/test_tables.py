"""Tables from rows made by hand, and the check that comes before them."""

import io
from pathlib import Path

import pandas as pd
import pytest

from threephase.checks import faults
from threephase.tables import best_models_on_validation, table3, table4

TITLES = {"d": "D & Co"}
PUBLISHED = pd.DataFrame(
    [(3, "d", "n", "3-Phase", "accuracy", 98.5), (4, "d", "m", "FT", "accuracy", 12.34)],
    columns=["table", "dataset", "model", "variant", "score", "value"],
)


def rows(*runs: tuple[str, str, int, float, float, str]) -> pd.DataFrame:
    frame = pd.DataFrame(runs, columns=["model", "variant", "seed", "accuracy", "validation_loss", "effective"])
    frame["saw_test"], frame["failed"] = False, None
    return frame.assign(dataset="d", n_test=200, largest_class_share=0.5, recipe="r")


RESULTS = rows(
    ("m", "3-Phase", 1, 0.90, 0.3, "a1"),
    ("m", "3-Phase", 2, 0.92, 0.1, "a2"),
    ("m", "3-Phase", 3, 0.97, 0.2, "a3"),
    ("m", "No Imb.", 1, 0.90, 0.3, "a1"),
    ("m", "FT", 1, 0.93, 0.4, "b1"),
    ("m", "CL+FT", 1, 0.80, 0.4, "c1"),
    ("n", "3-Phase", 1, 0.99, 0.9, "e1"),
)


def test_mean_sample_deviation_and_number_of_seeds_by_hand() -> None:
    # mean (90 + 92 + 97)/3 = 93; deviations -3, -1, 4: sqrt(26 / 2) = 3.6056
    table = table3(RESULTS, ["3-Phase", "FT", "Joint"], "3-Phase", TITLES, PUBLISHED)
    cell = table.cells[0][0]
    assert cell is not None
    assert (cell.mean, cell.sd, cell.n) == (pytest.approx(93), pytest.approx(13**0.5), 3)
    assert cell.text == "93.00 ± 3.61 (3)"
    assert "| D & Co    | m            | **93.00 ± 3.61 (3)** | **93.00 (1)** | –       |" in table.to_markdown()
    assert "Test rows: D & Co 200." in table.caption


def test_the_csv_holds_the_numbers() -> None:
    numbers = pd.read_csv(io.StringIO(table3(RESULTS, ["3-Phase", "FT", "Joint"], "3-Phase", {}, PUBLISHED).to_csv()))
    assert numbers[["Base model", "variant", "n"]].values.tolist() == [
        ["m", "3-Phase", 3], ["m", "FT", 1], ["n", "3-Phase", 1]
    ]  # fmt: skip
    assert numbers["sd"].isna().tolist() == [False, True, True]


def test_the_papers_figures_stand_below_ours_where_it_has_any() -> None:
    table = table3(RESULTS, ["3-Phase", "FT"], "3-Phase", TITLES, PUBLISHED)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.to_markdown().splitlines()[4:]]
    assert [line[:2] for line in lines] == [["D & Co", "m"], ["D & Co", "n"], ["", "in the paper"]]
    assert lines[2][2:] == ["98.50", ""]
    numbers = pd.read_csv(io.StringIO(table.to_csv()))
    assert numbers["published"].dropna().tolist() == [98.5]


def test_a_variant_that_saw_the_same_is_marked_and_one_that_did_not_is_not() -> None:
    table = table4(RESULTS, ["3-Phase", "No Imb.", "CL+FT"], "3-Phase", TITLES, PUBLISHED)
    assert [line.split("|")[4].strip() for line in table.to_markdown().splitlines()[-1:]] == ["="]
    assert table.cells[0][2] is not None
    assert not table.cells[0][2].same


def test_table_4_takes_the_model_that_was_best_on_validation_not_on_test() -> None:
    assert set(best_models_on_validation(RESULTS, "3-Phase")["model"]) == {"m"}
    assert len(table4(RESULTS, ["3-Phase"], "3-Phase", TITLES, PUBLISHED).heads) == 1


def test_latex_is_escaped_and_has_booktabs_rules(tmp_path: Path) -> None:
    table3(RESULTS, ["3-Phase", "FT"], "3-Phase", TITLES, PUBLISHED).write(tmp_path / "table3_accuracy")
    tex = (tmp_path / "table3_accuracy.tex").read_text()
    assert r"D \& Co & m & \textbf{93.00 $\pm$ 3.61 (3)} & \textbf{93.00 (1)} \\" in tex
    assert tex.index(r"\toprule") < tex.index(r"\midrule") < tex.index(r"\bottomrule")
    assert r"Accuracy in \%" in tex
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".tex"}


def test_working_runs_have_no_faults() -> None:
    assert faults(RESULTS) == []


def test_a_run_at_chance_is_a_fault() -> None:
    # chance 0.5 of 200 rows: standard error 0.0354, so 0.606 is needed
    assert faults(rows(("m", "FT", 1, 0.607, 1.0, "x"))) == []
    (fault,) = faults(rows(("m", "FT", 1, 0.605, 1.0, "x")))
    assert "FT on d with m, seed 1: accuracy 0.605 does not clearly beat chance (0.500; 0.606 needed)" in fault


def test_a_variant_far_below_fine_tuning_is_a_fault() -> None:
    assert faults(rows(("m", "FT", 1, 0.90, 1.0, "x"), ("m", "3-Phase", 1, 0.76, 1.0, "y"))) == []
    (fault,) = faults(rows(("m", "FT", 1, 0.90, 1.0, "x"), ("m", "3-Phase", 1, 0.74, 1.0, "y")))
    assert fault.startswith("3-Phase on d with m: accuracy 0.740 is far below FT's 0.900")
