"""Studies beside one another: with equal trials, and in equal time."""

from pathlib import Path

import pandas as pd
import pytest

from threephase.tables.studies import Study, best_of, study_table, within, write_studies

# Trials of 3-Phase take 100 s, those of FT 30 s; the second of 3-Phase diverged, and the last of each is its best.
SLOW = {
    "seconds": [100.0] * 4,
    "value": [0.80, None, 0.85, 0.90],
    "best_so_far": [0.80, None, 0.85, 0.90],
}
QUICK = {
    "seconds": [30.0] * 5,
    "value": [0.70, 0.84, 0.83, 0.86, 0.88],
    "best_so_far": [0.70, 0.84, 0.84, 0.86, 0.88],
}


@pytest.fixture
def studies(tmp_path: Path) -> list[Study]:
    found = []
    for name, trials in (("3-Phase", SLOW), ("FT (tuned)", QUICK)):
        file = tmp_path / f"{len(found)}.csv"
        pd.DataFrame(trials).to_csv(file, index=False)
        found.append(Study("topics", "tiny", name, str(file)))
    return found


def test_trials_that_had_ended_in_time_and_the_best_of_the_first() -> None:
    trials = pd.DataFrame(SLOW)
    assert [within(trials, seconds) for seconds in (99, 100, 250, 400)] == [0, 1, 2, 4]
    assert [best_of(trials, count) for count in (1, 2, 3)] == [0.80, 0.80, 0.85]
    assert pd.isna(best_of(trials, 0))


def test_equal_trials_are_those_of_the_smallest_and_equal_time_that_of_the_shortest(studies: list[Study]) -> None:
    slow, quick = study_table(studies).to_dict("records")
    assert (slow["seconds"], quick["seconds"]) == (400.0, 150.0)
    assert slow["equal_trials"] == quick["equal_trials"] == 4
    assert (slow["best_of_them"], quick["best_of_them"]) == (0.90, 0.86)
    assert slow["equal_seconds"] == quick["equal_seconds"] == 150.0
    assert (slow["trials_in_them"], quick["trials_in_them"]) == (1, 5)
    assert (slow["best_in_them"], quick["best_in_them"]) == (0.80, 0.88)  # whose order is another than of all trials


def test_studies_of_another_base_model_stand_beside_their_own_alone(studies: list[Study]) -> None:
    apart = [studies[0], studies[1]._replace(model="other")]
    table = study_table(apart)
    assert (table["best_of_them"] == table["best"]).all()
    assert (table["best_in_them"] == table["best"]).all()


def test_the_table_says_what_was_counted(studies: list[Study], tmp_path: Path) -> None:
    write_studies([tuple(study) for study in studies], "accuracy", {"topics": "Topics"}, tmp_path / "studies")
    text = (tmp_path / "studies.md").read_text()
    (row,) = [line for line in text.splitlines() if "3-Phase" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["Topics", "tiny", "3-Phase", "4", "6.7", "90.0 (of 4)", "80.0 (of 1 in 2.5 min)"]
    assert "by validation accuracy in percent" in text
    write_studies([tuple(study) for study in studies], "loss", {}, tmp_path / "by_loss")
    assert "0.9000 (of 4)" in (tmp_path / "by_loss.md").read_text()
