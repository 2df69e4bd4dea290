"""The audit of the published figures: small tables worked out by hand, and what is known of the paper's own."""

from pathlib import Path

import pandas as pd
import pytest

from threephase.tables.published import audit, write_audit

PUBLISHED = Path(__file__).parents[2] / "config/published"
SIZES = pd.DataFrame(
    {"dataset": ["d", "b"], "test": [8, 8], "test_positives": [None, 4.0], "test_balanced": [True, False]}
)


def results(**figures: list[tuple[int, str, float]]) -> pd.DataFrame:
    rows = [
        (table, dataset, "m", "FT", score, value) for dataset, given in figures.items() for table, score, value in given
    ]
    return pd.DataFrame(rows, columns=["table", "dataset", "model", "variant", "score", "value"])


def holds(given: pd.DataFrame, check: str) -> list[bool]:
    return [found.holds for found in audit(given, SIZES) if found.check == check]


@pytest.mark.parametrize(
    ("accuracy", "possible"), [(62.5, True), (62.4, False), (37.5, True), (100.0, True), (12.51, False)]
)
def test_an_accuracy_on_eight_rows_is_a_number_of_eighths(accuracy: float, possible: bool) -> None:
    assert holds(results(d=[(3, "accuracy", accuracy)]), "accuracy is k / n") == [possible]


def test_rounded_and_cut_figures_both_pass() -> None:
    sizes = SIZES.assign(test=3)  # 2 / 3 = 66.666…
    for accuracy, possible in ((66.67, True), (66.66, True), (66.68, False), (66.65, False)):
        found = audit(results(d=[(3, "accuracy", accuracy)]), sizes)
        assert [check.holds for check in found] == [possible]


def test_f1_against_the_harmonic_mean_by_hand() -> None:
    # 2 · 60 · 40 / 100 = 48
    macro, binary = "macro F1 is at most the harmonic mean", "binary F1 is the harmonic mean"
    for f1, as_macro, as_binary in ((48.0, True, True), (47.0, True, False), (48.1, False, False)):
        scores = [(3, "accuracy", 50.0), (6, "precision", 60.0), (6, "recall", 40.0), (7, "f1", f1)]
        assert holds(results(d=scores), macro) == [as_macro]
        assert holds(results(b=scores), binary) == [as_binary]


def test_a_confusion_matrix_by_hand() -> None:
    # 3 of 4 positives found with 1 false alarm: precision 75, recall 75, accuracy (3 + 3) / 8 = 75
    name = "precision, recall and accuracy have a confusion matrix"
    for p, r, accuracy, possible in (
        (75, 75, 75, True),
        (75, 75, 62.5, False),
        (75, 70, 75, False),
        (60, 75, 62.5, True),
    ):
        scores = [(3, "accuracy", accuracy), (6, "precision", p), (6, "recall", r)]
        assert holds(results(b=scores), name) == [possible]


def test_balanced_recall_and_figures_printed_twice() -> None:
    scores = [(3, "accuracy", 50.0), (4, "accuracy", 50.0), (6, "precision", 50.0), (6, "recall", 49.9)]
    assert holds(results(d=scores), "macro recall is accuracy on balanced rows") == [False]
    assert holds(results(d=scores), "Tables 3 and 4 agree") == [True]


def test_what_is_known_of_the_papers_figures(tmp_path: Path) -> None:
    checks = audit(pd.read_csv(PUBLISHED / "results.csv"), pd.read_csv(PUBLISHED / "datasets.csv"))
    failed = pd.DataFrame([vars(check) for check in checks if not check.holds])
    of = {
        name: list(zip(part["dataset"], part["model"], part["variant"], strict=True))
        for name, part in failed.groupby("check")
    }
    assert sum(check.check == "accuracy is k / n" for check in checks) == 57
    assert sum(dataset == "snips" for dataset, *_ in of["accuracy is k / n"]) == 9
    assert len(of["macro F1 is at most the harmonic mean"]) == 5
    assert ("sst5", "all-MiniLM-L12-v2", "3-Phase") in of["macro F1 is at most the harmonic mean"]
    assert len(of["binary F1 is the harmonic mean"]) == 4
    assert of["macro recall is accuracy on balanced rows"] == [("agnews", "roberta-base", "FT")]
    assert of["Tables 3 and 4 agree"] == [("imdb", "roberta-base", "FT")]
    matrices = [check for check in checks if check.check.endswith("confusion matrix")]
    assert sum("444 positive of 872: 0 matrices" in check.arithmetic for check in matrices) == 6
    implied = [check.arithmetic.split()[-1] for check in matrices if check.dataset == "imdb"]
    assert implied == ["99.02", "96.12", "91.47"]
    write_audit(checks, {"imdb": "IMDB"}, tmp_path / "audit_published")
    assert len(pd.read_csv(tmp_path / "audit_published.csv")) == len(checks)
    assert "a fault may be the transcription's" in (tmp_path / "audit_published.md").read_text().lower()
