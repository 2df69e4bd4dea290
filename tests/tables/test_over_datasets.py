"""Variants over datasets: which take part, and what table and diagram say."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from threephase.tables import over_datasets as module
from threephase.tables.over_datasets import compare_over_datasets, write_over_datasets


def rows(datasets: int) -> pd.DataFrame:
    """3-Phase is 10 points above FT and Joint, which are within a point of one another; two seeds each."""
    above = {"3-Phase": 0.1, "FT": 0.0, "Joint": 0.004}
    return pd.DataFrame(
        [
            {"dataset": f"d{number}", "model": "m", "variant": variant, "seed": seed, "recipe": "r",
             "accuracy": 0.7 + number / 100 + more + seed / 1000, "failed": None, "saw_test": False}
            for number in range(datasets)
            for variant, more in above.items()
            for seed in (1, 2)
        ]
    )  # fmt: skip


VARIANTS = ["3-Phase", "Joint", "FT", "no runs"]


def test_variants_are_compared_on_the_datasets_that_all_have() -> None:
    results = rows(6)
    results.loc[(results["dataset"] == "d5") & (results["variant"] == "FT"), "failed"] = "diverged"
    found = compare_over_datasets(results, VARIANTS, "FT", 0.005)["m"]
    assert found.n == 5
    assert found.ranks.to_dict() == {"3-Phase": 1, "Joint": 2, "FT": 3}
    assert found.chances["3-Phase"].better > 0.9
    assert found.chances["Joint"].equivalent > 0.9
    assert compare_over_datasets(rows(4), VARIANTS, "FT", 0.005) == {}


def test_table_and_diagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "collect", lambda *_: rows(6))
    given: dict[str, Any] = {
        "runs": [("d0", "m", "FT", 1, "ft")], "asked": {}, "missing": 0, "variants": VARIANTS, "reference": "FT",
        "titles": {"m": "M & Co"}, "region": 0.5, "stem": tmp_path / "over_datasets",
    }  # fmt: skip
    write_over_datasets(**given)
    reading = (tmp_path / "over_datasets.md").read_text()
    # 6 datasets: 2 / 2⁶ = 0.031 is the smallest p there is, 0.094 after the correction over 3 pairs
    assert "M & Co, 6 datasets, Friedman p 0.002, smallest p that a pair can reach 0.031, after Holm 0.094." in reading
    assert "no difference found is not no difference" in reading
    numbers = pd.read_csv(io.StringIO((tmp_path / "over_datasets.csv").read_text())).set_index("variant")
    assert numbers["rank"].to_dict() == {"3-Phase": 1.0, "Joint": 2.0, "FT": 3.0}
    assert numbers.loc["3-Phase", "p_holm"] == pytest.approx(3 * 2 / 64, abs=1e-5)
    assert r"M \& Co" in (tmp_path / "over_datasets.tex").read_text()
    assert (tmp_path / "over_datasets.png").read_bytes().startswith(b"\x89PNG")


def test_a_failed_variant_on_one_of_five_datasets_leaves_an_empty_table_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = rows(5)
    failed.loc[(failed["dataset"] == "d4") & (failed["variant"] == "Joint"), "failed"] = "the loss is nan"
    monkeypatch.setattr(module, "collect", lambda *_: failed.assign(split=""))
    given: dict[str, Any] = {
        "runs": [("d0", "m", "FT", 1, "ft")], "asked": {}, "missing": 0, "variants": VARIANTS, "region": 0.5,
        "titles": {"m": "M"}, "stem": tmp_path / "over_datasets",
    }  # fmt: skip
    assert write_over_datasets(**given, reference="3-Phase") == {}
    reading = (tmp_path / "over_datasets.md").read_text()
    assert "nothing to compare. It takes 3-Phase and another variant of one base model" in reading
    assert "on 5 datasets; M has 3-Phase, Joint, FT on 4." in reading
    assert "Joint on d4 with M, seed 1 (the loss is nan)" in reading
    assert pd.read_csv(tmp_path / "over_datasets.csv").empty
    assert (tmp_path / "over_datasets.png").read_bytes().startswith(b"\x89PNG")
    assert "nothing to compare" in (tmp_path / "over_datasets.svg").read_text()
    write_over_datasets(**given, reference="other")
    assert "M has 3-Phase, Joint, FT on 4, and no other." in (tmp_path / "over_datasets.md").read_text()
