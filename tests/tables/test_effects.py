"""Paired differences from a baseline, by hand, and what table and figure say of them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from predicted import evidence

from threephase.tables import effects as module
from threephase.tables.effects import Effect, effects, write_effects


def rows(**accuracies: list[float]) -> pd.DataFrame:
    """Runs of each variant with seeds 1, 2, …; accuracies in percent."""
    return pd.DataFrame(
        [
            {"dataset": "d", "split": "", "model": "m", "variant": variant, "seed": seed, "accuracy": value / 100,
             "n_test": 50, "effective": f"{variant}{seed}", "saw_test": variant == "leaky", "failed": None}
            for variant, values in accuracies.items()
            for seed, value in enumerate(values, start=1)
        ]
    )  # fmt: skip


RESULTS = rows(base=[80, 82, 84, 90], better=[82, 84, 90], leaky=[82, 84, 86, 90], alone=[70])


def found(against: dict[str, list[str]], results: pd.DataFrame = RESULTS) -> list[Effect]:
    return effects(results, against, evidence(results, 50), 0.005)


def test_a_paired_difference_over_the_seeds_that_both_have() -> None:
    # differences 2, 2, 6 over three seeds: mean 10/3, sample variance 16/3
    (effect,) = found({"base": ["better"]})
    assert (effect.n, effect.of_baseline, effect.of_variant) == (3, pytest.approx(82), pytest.approx(256 / 3))
    comparison = effect.comparison
    assert comparison is not None
    assert comparison.estimate.value == pytest.approx(0.1 / 3)
    assert comparison.estimate.se_seeds == pytest.approx((16 / 9) ** 0.5 / 100)
    assert comparison.p == comparison.adjusted  # alone in its family
    # 1, 1 and 3 of 50 rows differ
    assert comparison.estimate.variance_of_row == pytest.approx(5 / 150)


def test_all_comparisons_of_a_dataset_and_base_model_are_one_family() -> None:
    one, other = found({"base": ["better"], "better": ["alone"]})
    assert one.comparison is not None
    assert other.comparison is not None
    smaller, larger = sorted((one.comparison, other.comparison), key=lambda comparison: comparison.p)
    assert smaller.adjusted == pytest.approx(2 * smaller.p)
    assert larger.adjusted == pytest.approx(max(larger.p, smaller.adjusted))


def test_variants_that_saw_the_same_are_one_comparison_of_the_family() -> None:
    """Of base, better and better's twin there is one comparison, so that its p needs no correction."""
    twin = RESULTS[RESULTS["variant"] == "better"].assign(variant="twin")
    one, other = found({"base": ["better", "twin"]}, pd.concat([RESULTS, twin]))
    assert one.comparison == other.comparison
    assert one.comparison is not None
    assert one.comparison.adjusted == one.comparison.p


def test_one_seed_has_the_rows_interval_and_the_same_run_no_test() -> None:
    results = RESULTS.copy()
    results.loc[results["variant"] == "leaky", "effective"] = [f"base{seed}" for seed in (1, 2, 3, 4)]
    same, alone = found({"base": ["leaky", "alone"]}, results)
    assert same.comparison is None
    assert same.numbers()["same"]
    assert alone.n == 1
    assert alone.comparison is not None
    assert alone.comparison.p == pytest.approx(2 / 2**5)  # McNemar: 5 rows to none
    assert alone.comparison.p == alone.comparison.adjusted  # the family is this one
    low, high, _ = alone.comparison.interval
    assert low < -0.1 < high < 0


def test_table_and_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "marked_rows", lambda runs, *_: ([], RESULTS.assign(marks=[[]] * len(RESULTS))))
    monkeypatch.setattr(module, "evidence_of", lambda results, _: evidence(results, 50))
    given: dict[str, Any] = {
        "runs": [("d", "m", "base", 1, "ft")], "asked": {}, "missing": 2, "stem": tmp_path / "effects_x",
        "against": {"base": ["better", "leaky", "alone"]}, "title": "What helps", "titles": {"d": "D & Co"},
        "probed": [], "probe_code": "c", "region": 0.5,
    }  # fmt: skip
    write_effects(**given)
    reading = (tmp_path / "effects_x.md").read_text()
    assert "| 82.0         | 85.3        | +3.3 [" in reading
    assert "0.062 (" in reading  # McNemar: 5 rows to none
    assert "LEAK: test rows were trained on or chosen by in leaky" in reading
    assert "Fewer than 5 seeds, which say little of other seeds: base, leaky (4); better (3); alone (1)." in reading
    assert "Partial: 2 of 3 runs are missing." in reading
    assert "Legend. " in reading
    numbers = pd.read_csv(tmp_path / "effects_x.csv")
    assert numbers["n"].tolist() == [3, 4, 1]
    assert {"difference", "difference_low", "p_holm", "verdict", "f1", "f1_low", "rare_recall_high"} <= set(numbers)
    assert r"D \& Co" in (tmp_path / "effects_x.tex").read_text()
    assert (tmp_path / "effects_x.png").read_bytes().startswith(b"\x89PNG")
    first = (tmp_path / "effects_x.svg").read_bytes()
    write_effects(**given)
    assert (tmp_path / "effects_x.svg").read_bytes() == first
