"""Paired differences from a baseline, by hand, and what table and figure say of them."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threephase import effects as module
from threephase.effects import effects, holm, write_effects
from threephase.tables import selection


def rows(**accuracies: list[float]) -> pd.DataFrame:
    """Runs of each variant with seeds 1, 2, …; accuracies in percent."""
    return pd.DataFrame(
        [
            {"dataset": "d", "model": "m", "variant": variant, "seed": seed, "accuracy": value / 100, "n_test": 50,
             "effective": f"{variant}{seed}", "saw_test": variant == "leaky", "failed": None}
            for variant, values in accuracies.items()
            for seed, value in enumerate(values, start=1)
        ]
    )  # fmt: skip


RESULTS = rows(base=[80, 82, 84, 90], better=[82, 84, 89], leaky=[81, 82, 84, 90], alone=[70])


def test_a_paired_difference_by_hand() -> None:
    # differences 2, 2, 5 over the seeds both have: mean 3, sd √3; t(0.975, 2) = 4.302653; reach 4.302653 · √3 / √3
    (effect,) = effects(RESULTS, {"base": ["better"]})
    assert (effect.n, effect.difference, effect.sd) == (3, pytest.approx(3), pytest.approx(math.sqrt(3)))
    assert (effect.baseline_accuracy, effect.accuracy) == (pytest.approx(82), pytest.approx(85))
    assert (effect.low, effect.high) == (pytest.approx(3 - 4.302653), pytest.approx(3 + 4.302653))
    # t = 3 / (√3 / √3) = 3 with 2 degrees of freedom: p = 1 − t / √(t² + 2) = 1 − 3 / √11
    assert effect.p == pytest.approx(1 - 3 / math.sqrt(11))


def test_one_seed_has_no_interval_and_the_same_run_no_test() -> None:
    results = RESULTS.copy()
    results.loc[results["variant"] == "leaky", "effective"] = [f"base{seed}" for seed in (1, 2, 3, 4)]
    same, alone = effects(results, {"base": ["leaky", "alone"]})
    assert same.same
    assert math.isnan(same.p)
    assert alone.n == 1
    assert math.isnan(alone.sd)
    assert math.isnan(alone.p)
    assert alone.difference == pytest.approx(-10)


def test_holm_by_hand() -> None:
    # sorted 0.01 · 3 = 0.03, 0.02 · 2 = 0.04, 0.5 · 1
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    assert holm([0.04, 0.03]) == pytest.approx([0.06, 0.06])  # never falling
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before and after <= 1 for before, after in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all() if p_values else corrected == []


def test_captions_say_which_variants_saw_the_test_split() -> None:
    assert selection(RESULTS[RESULTS["variant"] != "leaky"]).startswith("Settings and best epoch chosen on validation")
    assert selection(RESULTS) == "LEAK: test rows were trained on or chosen by in leaky; elsewhere validation chose."


def test_table_and_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "collect", lambda *_: RESULTS)
    params = SimpleNamespace(
        runs=[("d", "m", "base", 1, "ft")], asked={}, missing=2, against={"base": ["better", "leaky", "alone"]},
        title="What helps", titles={"d": "D & Co"},
    )  # fmt: skip
    write_effects(params, [str(tmp_path / "effects_x.csv")])
    reading = (tmp_path / "effects_x.md").read_text()
    assert "+3.00 [-1.30, +7.30]" in reading
    assert "0.095 (0.191)" in reading
    assert "LEAK: test rows were trained on or chosen by in leaky" in reading
    assert "Partial: 2 of 3 runs are missing." in reading
    numbers = pd.read_csv(tmp_path / "effects_x.csv")
    assert numbers["n"].tolist() == [3, 4, 1]
    assert r"D \& Co" in (tmp_path / "effects_x.tex").read_text()
    assert (tmp_path / "effects_x.png").read_bytes().startswith(b"\x89PNG")
    first = (tmp_path / "effects_x.svg").read_bytes()
    write_effects(params, [str(tmp_path / "effects_x.csv")])
    assert (tmp_path / "effects_x.svg").read_bytes() == first
