"""The figure of Table 4: which comparisons it shows, and that it is there where there are none."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from predicted import evidence, split_evidence
from test_scores import PUBLISHED, rows

from threephase.tables import ablation as module
from threephase.tables.ablation import effects_of, write_table4
from threephase.tables.legend import would_decide
from threephase.tables.scores import Basis, Table, table4

RUNS = [("m", "3-Phase", seed, 0.90, 0.3, f"a{seed}") for seed in (1, 2, 3)]
RUNS += [("m", "FT", seed, 0.70, 0.3, f"b{seed}") for seed in (1, 2, 3)]
RUNS += [("m", "No Imb.", seed, 0.90, 0.3, f"a{seed}") for seed in (1, 2, 3)]
RUNS += [("m", "Centroid", 0, 0.95, 0.3, "c")]


def shown(runs: list[tuple]) -> Table:
    results = rows(*runs)
    results["baseline"] = results["variant"] == "Centroid"
    variants = list(dict.fromkeys(results["variant"]))
    basis = Basis([*variants, "no run"], "3-Phase", {"d": "D"}, PUBLISHED, evidence(results, 200), 0.5)
    return table4(results, basis)


def test_the_figure_has_the_comparisons_of_the_table_and_what_saw_the_same_but_no_baseline() -> None:
    table = shown(RUNS)
    of_ft, same = effects_of(table, "3-Phase")
    assert (of_ft.variant, of_ft.dataset, of_ft.baseline) == ("FT", "D", "3-Phase")
    assert of_ft.comparison is table.cells[0][1].comparison
    assert (same.variant, same.comparison) == ("No Imb.", None)


def test_a_table_without_a_column_of_the_reference_has_no_comparison() -> None:
    others = replace(shown(RUNS), variants=["FT", "No Imb."], cells=[shown(RUNS).cells[0][1:3]])
    assert effects_of(others, "3-Phase") == []


@pytest.mark.parametrize("runs", [RUNS, RUNS[:1]])
def test_the_figure_stands_beside_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[tuple]) -> None:
    monkeypatch.setattr(module, "write_table", lambda *_, **__: shown(runs))
    found = write_table4(stem=tmp_path / "table4", reference="3-Phase", region=0.5)
    assert len(found) == (2 if len(runs) > 1 else 0)
    assert (tmp_path / "table4.png").read_bytes().startswith(b"\x89PNG")
    reading = pd.Series((tmp_path / "table4.svg").read_text().splitlines())
    assert reading.str.contains("nothing to compare").any() == (len(runs) == 1)


@pytest.mark.parametrize("splits", [["r1f1", "r1f2", "r1f3"], ["r1f1"]])
def test_repeated_splits_are_one_comparison_also_where_one_split_has_no_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, splits: list[str]
) -> None:
    accuracies = {"3-Phase": 0.9, "FT": 0.7}
    runs = [("m", variant, 1, accuracy, 0.3, variant) for variant, accuracy in accuracies.items() for _ in splits]
    results = rows(*runs).assign(split=splits * 2)
    basis = Basis(["3-Phase", "FT"], "3-Phase", {"d": "D"}, PUBLISHED, split_evidence(results, 200, 3), 0.5)
    monkeypatch.setattr(module, "write_table", lambda *_, **__: table4(results, basis))
    (effect,) = write_table4(stem=tmp_path / "table4", reference="3-Phase", region=0.5)
    assert (effect.dataset, effect.variant, effect.n) == ("D", "FT", len(splits))
    assert effect.comparison is not None
    # on several splits both differ by the same 20 points; one alone tells nothing
    assert would_decide(effect.comparison) == ("more splits" if len(splits) == 1 else "")
    assert (tmp_path / "table4.png").exists()
