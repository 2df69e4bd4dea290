"""Tables from rows made by hand, and the check that comes before them."""

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from predicted import evidence, split_evidence
from scipy import stats

from threephase.evaluation.checks import at_chance, chosen_by_few, doubts, failed
from threephase.evaluation.results import failures
from threephase.tables.legend import PAPER, few_seeds, leaks, legend, marks, repeated, without_repeats, would_decide
from threephase.tables.scores import Basis, Table, baselines, best_models_on_validation, costs, table3, table4

TITLES = {"d": "D & Co"}
PUBLISHED = pd.DataFrame(
    [(3, "d", "n", "3-Phase", "accuracy", 98.5), (4, "d", "m", "FT", "accuracy", 12.34)],
    columns=["table", "dataset", "model", "variant", "score", "value"],
)


def rows(*runs: tuple[str, str, int, float, float, str]) -> pd.DataFrame:
    frame = pd.DataFrame(runs, columns=["model", "variant", "seed", "accuracy", "validation_loss", "effective"])
    frame["saw_test"], frame["failed"], frame["baseline"] = False, None, False
    frame["marks"] = [[] for _ in runs]
    return frame.assign(dataset="d", split="", n_test=200, largest_class_share=0.5, recipe="r", validation_score=0.5)


RESULTS = rows(
    ("m", "3-Phase", 1, 0.90, 0.3, "a1"),
    ("m", "3-Phase", 2, 0.92, 0.1, "a2"),
    ("m", "3-Phase", 3, 0.97, 0.2, "a3"),
    ("m", "No Imb.", 1, 0.90, 0.3, "a1"),
    ("m", "FT", 1, 0.93, 0.4, "b1"),
    ("m", "CL+FT", 1, 0.80, 0.4, "c1"),
    ("n", "3-Phase", 1, 0.99, 0.9, "e1"),
)


def shown(
    variants: list[str],
    results: pd.DataFrame = RESULTS,
    make: Callable[..., Table] = table3,
    titles: Any = TITLES,
    region: float = 0.5,
) -> Table:
    return make(results, Basis(variants, "3-Phase", titles, PUBLISHED, evidence(results, 200), region))


def cells(reading: str) -> list[list[str]]:
    """The rows of a table as texts."""
    lines = [line for line in reading.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_mean_interval_and_number_of_seeds_by_hand() -> None:
    # mean (90 + 92 + 97)/3 = 93; deviations -3, -1, 4: sd √13 = 3.6056
    table = shown(["3-Phase", "FT", "Joint"])
    cell = table.cells[0][0]
    assert cell is not None
    assert (cell.mean, cell.sd, cell.n) == (pytest.approx(93), pytest.approx(13**0.5), 3)
    # MS_seeds / (S n) = 13/3 points². By row, 180 of 200 are right in all seeds, 4 in two, 10 in one, 6 in none:
    # their shares deviate from 0.93 by 0.07, −0.263, −0.597, −0.93
    by_row = (180 * 0.07**2 + 4 * (2 / 3 - 0.93) ** 2 + 10 * (1 / 3 - 0.93) ** 2 + 6 * 0.93**2) / (199 * 200)
    assert cell.se_seeds == pytest.approx((13 / 3) ** 0.5)
    assert cell.se_rows == pytest.approx(100 * by_row**0.5)
    total = 186 * 3 - 600 * 0.93**2
    rest = (total - 400 * 13e-4 - 3 * 199 * 200 * by_row) / (2 * 199) / 600
    variance = 13e-4 / 3 + by_row - rest
    freedom = variance**2 / ((13e-4 / 3) ** 2 / 2 + by_row**2 / 199 + rest**2 / 398)
    reach = 100 * float(stats.t.isf(0.025, freedom)) * variance**0.5
    assert cell.interval.low == pytest.approx(93 - reach, rel=1e-3)
    assert cell.interval.high == pytest.approx(min(100, 93 + reach), rel=1e-3)
    assert cell.text.startswith("93.0 [8")
    assert cell.text.endswith("] (3)")
    assert "Test rows: D & Co 200." in table.caption


def test_the_reference_has_no_sign_and_others_the_sign_of_their_verdict() -> None:
    runs = [("m", "3-Phase", seed, 0.90, 0.3, f"a{seed}") for seed in range(1, 6)]
    runs += [("m", "FT", seed, 0.70, 0.3, f"b{seed}") for seed in range(1, 6)]
    runs += [("m", "Joint", seed, 0.98, 0.3, f"c{seed}") for seed in range(1, 6)]
    runs += [("m", "DAE+FT", seed, 0.90, 0.3, f"d{seed}") for seed in range(1, 6)]
    runs += [("m", "CL+FT", seed, 0.90 + 0.06 * (seed % 2), 0.3, f"e{seed}") for seed in range(1, 6)]
    table = shown(["3-Phase", "FT", "Joint", "DAE+FT", "CL+FT"], rows(*runs), region=2)
    assert [cell.text[-1] for cell in table.cells[0] if cell] == [")", "▼", "▲", "≈", "·"]
    (numbers,) = [pd.read_csv(io.StringIO(table.to_csv())).set_index("variant")]
    assert numbers["verdict"].to_dict() == {
        "3-Phase": pytest.approx(float("nan"), nan_ok=True), "FT": "worse", "Joint": "better",
        "DAE+FT": "equivalent", "CL+FT": "undecided",
    }  # fmt: skip
    assert numbers.loc["FT", "difference"] == pytest.approx(-20)
    joined = {
        cell.comparison.verdict: would_decide(cell.comparison) for cell in table.cells[0] if cell and cell.comparison
    }
    assert joined["better"] == joined["equivalent"] == ""
    # Third of four p, so tested at 2.5%: (2.241 + 0.842)² = 9.505. Five seeds have a variance of 0.000216, the rows one
    # of 0.000085: 9.505 · 5 · 0.000216 / (0.036² - 9.505 · 0.000085) = 21.0, and two more by t. Rows alone never get
    # there.
    assert joined["undecided"] == "23 seeds"
    assert [cell.best for cell in table.cells[0] if cell] == [False, False, True, False, False]


def test_all_that_are_not_worse_than_the_best_are_bold_and_fewer_seeds_never_are() -> None:
    (line, *_) = cells(shown(["3-Phase", "FT", "Joint", "CL+FT"], titles={}).to_markdown())
    assert line[2].startswith("**93.0 [")  # the best with three seeds, though FT has as much in one
    assert line[3].startswith("*93.0 [")
    assert line[3].endswith("(1) ▲*")
    assert line[4].startswith("*80.0 [")
    assert line[4].endswith("(1) ▼*")


def test_a_variant_without_runs_has_a_column_only_where_the_paper_or_another_row_has_it() -> None:
    table = shown(["3-Phase", "Joint", "Other", "FT"], RESULTS[RESULTS["model"] == "m"])
    assert table.variants == ["3-Phase", "FT"]
    assert table.notes == ("No run of Joint, Other is done yet, so no column.",)
    assert shown(["3-Phase", "FT"]).notes == ("",)
    paper = PUBLISHED[PUBLISHED["variant"] == "3-Phase"].assign(variant="Joint")
    papers = Basis(["3-Phase", "Joint", "FT"], "3-Phase", TITLES, paper, evidence(RESULTS, 200), 0.5)
    assert table3(RESULTS, papers).variants == ["3-Phase", "Joint", "FT"]
    (line, *_) = cells(shown(["3-Phase", "FT", "CL+FT"], titles={}).to_markdown())[1:]
    assert "–" in line


def test_the_csv_holds_the_numbers() -> None:
    numbers = pd.read_csv(io.StringIO(shown(["3-Phase", "FT", "Joint"], titles={}).to_csv()))
    assert numbers[["Base model", "variant", "n"]].values.tolist() == [
        ["m", "3-Phase", 3], ["m", "FT", 1], ["n", "3-Phase", 1]
    ]  # fmt: skip
    assert numbers["sd"].isna().tolist() == [False, True, True]
    assert numbers["se_seeds"].isna().tolist() == [False, True, True]
    assert {"low", "high", "se_rows", "p_holm", "level", "rows_needed"} <= set(numbers)


def test_the_papers_figures_stand_below_ours_where_it_has_any() -> None:
    table = shown(["3-Phase", "FT"])
    lines = cells(table.to_markdown())
    assert [line[:2] for line in lines] == [["D & Co", "m"], ["D & Co", "n"], ["", "in the paper"]]
    assert lines[2][2:] == ["98.50", ""]
    numbers = pd.read_csv(io.StringIO(table.to_csv()))
    assert numbers["published"].dropna().tolist() == [98.5]


def test_ones_own_data_have_captions_without_a_number_and_no_column_of_the_paper() -> None:
    papers, own = shown(["3-Phase", "FT"]), shown(["3-Phase", "FT"], RESULTS.assign(dataset="own"))
    assert papers.caption.startswith("Table 3. Accuracy in %, ")
    assert own.caption.startswith("Accuracy in %, ")
    assert "published" not in pd.read_csv(io.StringIO(own.to_csv()))
    assert PAPER not in own.to_markdown()


def test_a_variant_that_saw_the_same_is_marked_and_not_compared() -> None:
    table = shown(["3-Phase", "No Imb.", "CL+FT"], make=table4)
    assert cells(table.to_markdown())[0][3] == "="
    same, other = table.cells[0][1:]
    assert same is not None
    assert other is not None
    assert same.comparison is None
    assert other.comparison is not None
    assert other.comparison.p == other.comparison.adjusted  # the family is this one alone


def test_table_4_takes_the_model_that_was_best_on_validation_not_on_test() -> None:
    assert set(best_models_on_validation(RESULTS, "3-Phase")["model"]) == {"m"}
    assert len(shown(["3-Phase"], make=table4).heads) == 1


def test_latex_is_escaped_and_has_booktabs_rules(tmp_path: Path) -> None:
    shown(["3-Phase", "FT"]).write(tmp_path / "table3_accuracy")
    tex = (tmp_path / "table3_accuracy.tex").read_text()
    (row,) = [line for line in tex.splitlines() if line.startswith(r"D \& Co & m")]
    best, fewer = row.removesuffix(r" \\").split(" & ")[2:]
    assert re.fullmatch(r"\\textbf\{93\.0 \[.+\] \(3\)\}", best)
    assert re.fullmatch(r"\\textcolor\{gray\}\{93\.0 \[.+\] \(1\) \$\\blacktriangle\$\}", fewer)
    assert tex.splitlines()[1].startswith("% Legend. 89.0 [87.1, 90.9] (10): ")
    assert tex.index(r"\toprule") < tex.index(r"\midrule") < tex.index(r"\bottomrule")
    assert r"Accuracy in \%" in tex
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".tex"}


def test_working_runs_have_no_doubts() -> None:
    assert doubts(RESULTS) == []


def test_a_run_at_chance_is_a_fault() -> None:
    # chance 0.5 of 200 rows: standard error 0.0354, so 0.606 is needed
    assert doubts(rows(("m", "FT", 1, 0.607, 1.0, "x"))) == []
    (fault,) = doubts(rows(("m", "FT", 1, 0.605, 1.0, "x")))
    assert "FT on d with m, seed 1: accuracy 0.605 does not clearly beat chance (0.500; 0.606 needed)" in fault


def test_a_run_with_every_row_right_is_never_at_chance() -> None:
    # chance 0.5 of 8 rows: 0.5 + 3 · 0.177 = 1.030, which no run can have
    given = rows(("m", "FT", 1, 1.0, 1.0, "x"), ("m", "FT", 2, 0.875, 1.0, "x")).assign(n_test=8)
    assert at_chance(given) == [False, True]
    assert "seed 2: accuracy 0.875 does not clearly beat chance (0.500; 1.000 needed)" in doubts(given)[0]


def test_a_state_that_fewer_than_thirty_validation_rows_chose_is_marked() -> None:
    given = pd.concat([RESULTS.iloc[:1]] * 7, ignore_index=True).assign(
        n_validation=[29, 30, 6, 6, 6, 6, None], kept=["best", "best", "last", "last", "best", "best", None],
        stopping=["patience", "patience", "none", "rises", "none", "patience", None],
        baseline=6 * [False] + [True], failed=5 * [None] + ["ft: the loss is nan", None],
    ).astype({"n_validation": "Int64"})  # fmt: skip
    assert chosen_by_few(given) == [True, False, False, True, True, False, False]


def test_a_run_that_failed_is_a_failure_and_neither_at_chance_nor_in_any_mean() -> None:
    given = rows(("m", "FT", 1, 0.9, 1.0, "x"), ("m", "hot", 1, math.nan, 1.0, "y"))
    given["failed"] = [None, "cl: the loss is nan"]
    assert failed(given) == ["hot on d with m, seed 1: failed, cl: the loss is nan"]
    assert (failed(RESULTS), doubts(given), at_chance(given)) == ([], [], [False, False])


def test_a_variant_far_below_fine_tuning_is_a_fault() -> None:
    near = rows(("m", "Plain", 1, 0.90, 1.0, "x"), ("m", "3-Phase", 1, 0.76, 1.0, "y"))
    assert doubts(near.assign(recipe=["ft", "dae.cl.ft"])) == []
    given = rows(("m", "Plain", 1, 0.90, 1.0, "x"), ("m", "3-Phase", 1, 0.74, 1.0, "y"))
    (fault,) = doubts(given.assign(recipe=["ft", "dae.cl.ft"]))  # by the recipe, whatever the variant is called
    assert fault.startswith("3-Phase on d with m: accuracy 0.740 is far below plain fine-tuning's 0.900")
    assert doubts(given.assign(recipe=["cl.ft", "dae.cl.ft"])) == []


def test_a_dataset_without_the_reference_chooses_its_base_model_by_its_first_variant() -> None:
    """By hand: without 3-Phase, FT's mean losses 0.4 (m) and 0.3 (n) choose n."""
    rows = RESULTS[RESULTS["variant"] == "FT"].assign(dataset="other", variant="FT")
    better = rows.assign(model="n", validation_loss=rows["validation_loss"] - 0.1)
    chosen = best_models_on_validation(pd.concat([RESULTS, rows, better]), "3-Phase")
    assert set(chosen[chosen["dataset"] == "other"]["model"]) == {"n"}


def test_the_best_base_model_is_that_of_the_highest_validation_score() -> None:
    """By hand: mean scores 0.85 (m) and 0.86 (n), though n's loss is far higher; of equal scores the lower loss."""
    given = rows(*(("m", "3-Phase", seed, 0.9, 0.3, "a") for seed in (1, 2)), ("n", "3-Phase", 1, 0.9, 0.9, "b"))
    for scores, best in (((0.8, 0.9, 0.86), "n"), ((0.8, 0.9, 0.84), "m"), ((0.75, 1.0, 0.875), "m")):
        chosen = best_models_on_validation(given.assign(validation_score=scores), "3-Phase")
        assert set(chosen["model"]) == {best}


def test_baselines_are_compared_as_a_family_of_their_own() -> None:
    runs = [("m", "3-Phase", seed, 0.90, 0.3, f"a{seed}") for seed in range(1, 6)]
    runs += [("m", "FT", seed, 0.87, 0.3, f"b{seed}") for seed in range(1, 6)]
    given = rows(*runs, ("m", "Centroid", 0, 0.70, 0.3, "c"))
    alone = shown(["3-Phase", "FT"], rows(*runs)).cells[0]
    beside = shown(["3-Phase", "FT", "Centroid"], given.assign(baseline=given["variant"] == "Centroid")).cells[0]
    assert alone[1].comparison == beside[1].comparison
    assert str(beside[2].comparison.verdict) == "worse"
    assert beside[2].comparison.estimate.n_seeds == 5


def test_a_baseline_is_never_bold_nor_a_fault_and_the_caption_tells_what_all_cost() -> None:
    seconds = {"3-Phase": 50.0, "FT": 20.0, "Centroid": 3.0}
    given = rows(
        ("m", "3-Phase", 1, 0.90, 0.3, "a"), ("m", "FT", 1, 0.89, 0.3, "b"), ("m", "Centroid", 0, 0.95, 0.3, "c")
    )
    results = given.assign(
        baseline=given["variant"] == "Centroid", recipe="baseline-centroid", seconds=given["variant"].map(seconds)
    )
    (cells,) = shown(list(seconds), results).cells
    assert [(cell.best, cell.fewer, cell.comparison is None) for cell in cells[:2]] == [
        (True, False, True), (cells[1].best, False, False)
    ]  # fmt: skip
    baseline = cells[2]
    assert (baseline.mean, baseline.best, baseline.fewer) == (pytest.approx(95.0), False, False)
    assert baselines(results, TITLES) == (
        "Baselines, none of the paper's methods and never bold: Centroid. They are tuned on validation, and trained "
        "once for all seeds where they draw nothing. Seconds of a run's trainings, mean: 3-Phase 50, FT 20, Centroid 3."
    )
    assert "TF-IDF reads whole texts." in baselines(results.assign(recipe="baseline-tfidf_svm-chars"), TITLES)
    assert baselines(RESULTS, TITLES) == ""
    assert doubts(results.assign(accuracy=[0.9, 0.89, 0.5])) == []  # at chance, and far below FT


def test_costs_are_means_over_the_datasets_that_most_variants_share() -> None:
    """3-Phase alone is on the dear dataset, and seems no dearer for it."""
    given = rows(*(("m", name, seed, 0.9, 0.3, "a") for name in ("3-Phase", "FT") for seed in (1, 2)))
    cheap = given.assign(seconds=[50.0, 70.0, 20.0, 30.0])
    dear = given[given["variant"] == "3-Phase"].assign(dataset="e", seconds=900.0)
    assert costs(cheap, TITLES) == "Seconds of a run's trainings, mean: 3-Phase 60, FT 25."
    assert costs(pd.concat([dear, cheap]), TITLES) == (
        "Seconds of a run's trainings, mean over D & Co: 3-Phase 60, FT 25."
    )


def test_a_run_that_rests_on_a_marked_checkpoint_is_marked_and_the_caption_says_why() -> None:
    of = {("3-Phase", 2): ["dae: no DAE", "ft: under-trained"], ("FT", 1): ["ft: under-trained"]}
    runs = zip(RESULTS["variant"], RESULTS["seed"], strict=True)
    results = RESULTS.assign(marks=[of.get(run, []) for run in runs])
    (line, *_) = cells(shown(["3-Phase", "No Imb.", "FT"], results, titles={}).to_markdown())
    assert [cell.rstrip("*").endswith("†") for cell in line[2:]] == [True, False, True]
    assert marks(results) == (
        "†: dae: no DAE (3-Phase: 1 of 4 runs); ft: under-trained (3-Phase: 1 of 4 runs, FT: 1 of 1 runs)."
    )
    assert marks(RESULTS) == ""


def test_one_legend_explains_every_sign_and_stands_below_each_table() -> None:
    reading = shown(["3-Phase", "FT"]).to_markdown()
    assert reading.endswith(f"\n\n{legend(0.5)}\n")
    assert "within ±2 points" in legend(2)
    for sign in "▲▼≈·=†–":
        assert sign in legend(0.5)


def test_notes_stand_below_a_table_for_reading_and_end_its_caption_in_a_paper() -> None:
    table = replace(shown(["3-Phase", "FT"]), notes=("Costs.", "", "Few seeds."))
    _, below = table.to_markdown().rsplit(" |\n", 1)
    assert below == f"\nCosts.\n\nFew seeds.\n\n{legend(0.5)}\n"
    assert " Costs. Few seeds.}" in table.to_latex()


def test_what_several_tables_say_is_said_once_and_what_one_says_stays_there() -> None:
    texts = ["First\n\n| a |\n\nCosts.\n\nMine.\n\nLegend. x", "Second\n\n| a |\n\nFew.\n\nCosts.\n\nFew.\n\nLegend. x"]
    parts, shared = without_repeats(texts)
    assert [[line for line in part.splitlines() if line] for part in parts] == [
        ["First", "| a |", "Mine."], ["Second", "| a |", "Few.", "Few."]
    ]  # fmt: skip
    assert shared == ["Costs.", "Legend. x"]
    (alone,), legends = without_repeats(texts[:1])
    assert "Costs." in alone
    assert legends == ["Legend. x"]


def test_a_dataset_with_repeated_splits_is_one_row_over_all_its_runs() -> None:
    """Differences by split 0.1, 0, 0.1, 0: mean 5 points, variance (1/4 + 1/(2−1)) · 0.01/3 = 1/240."""
    runs = [
        ("m", variant, seed, accuracy, 0.3, f"{variant}{split}{seed}")
        for variant, accuracies in {"3-Phase": [0.9, 0.8, 0.9, 0.8], "FT": [0.8] * 4}.items()
        for split, accuracy in enumerate(accuracies)
        for seed in (1, 2)
    ]
    splits = [name for _ in range(2) for name in ("r1f1", "r1f2", "r2f1", "r2f2") for _ in range(2)]
    results = rows(*runs).assign(split=splits)
    basis = Basis(["3-Phase", "FT"], "FT", TITLES, PUBLISHED, split_evidence(results, 200, 2), 0.5)
    table = table3(results, basis)
    ((ours, plain),) = table.cells
    assert ours is not None
    assert plain is not None
    assert (ours.mean, ours.n, plain.mean) == (pytest.approx(85), 8, pytest.approx(80))
    assert ours.comparison is not None
    assert ours.comparison.p == pytest.approx(2 * stats.t.sf(0.05 / math.sqrt(1 / 240), 3))
    assert str(ours.comparison.verdict) == "undecided"
    assert repeated(results, TITLES).startswith("Repeated splits: D & Co (2 folds × 2 repeats × 2 seeds).")
    assert "Test rows: D & Co 200 (mean of 4 splits)." in table.caption
    assert few_seeds(results, TITLES) == repeated(RESULTS, TITLES) == ""
    failed = results.assign(failed=["diverged", *[None] * 15])
    assert "3-Phase on D & Co (r1f1) with m, seed 1 (diverged)" in failures(failed, TITLES)


def test_captions_say_which_variants_have_few_seeds_and_which_saw_the_test_split() -> None:
    assert few_seeds(RESULTS, TITLES) == (
        "Fewer than 5 seeds, which say little of other seeds: all (1)."  # 3-Phase has one with n
    )
    assert few_seeds(RESULTS[RESULTS["model"] == "m"], TITLES) == (
        "Fewer than 5 seeds, which say little of other seeds: 3-Phase (3); No Imb., FT, CL+FT (1)."
    )
    more = RESULTS[RESULTS["variant"] == "FT"].assign(dataset="e")
    elsewhere = pd.concat([RESULTS, *(more.assign(seed=seed) for seed in range(5))])
    assert few_seeds(elsewhere, TITLES).endswith(": 3-Phase, No Imb., CL+FT (1); FT (1 on D & Co).")
    enough = [("m", "FT", seed, 0.9, 0.3, "x") for seed in range(5)]
    assert few_seeds(rows(*enough), TITLES) == ""
    assert leaks(RESULTS) == ""
    leaky = RESULTS.assign(saw_test=RESULTS["variant"] == "FT")
    assert leaks(leaky) == "LEAK: test rows were trained on or chosen by in FT."
