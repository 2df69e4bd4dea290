"""The end of a run on the terminal: everything is shown, what looks broken is named, and only failures fail."""

from pathlib import Path

import pandas as pd
import pytest

from threephase.artifacts import layout
from threephase.artifacts.inert import as_csv
from threephase.commands.cli import main

CAPTION = (
    "Accuracy in %, of 200 rows.\n\n| d | m |\n|---|---|\n| 1 | 2 |\n\nLegend. What signs mean."
    + "\n\n"
    + "Long words. " * 30
)
VERDICT = "FT is above all."


def finished(
    root: Path, name: str | None, *runs: tuple[str, float | None, str | None], split: str | None = None
) -> None:
    """Tables of some runs: variant, accuracy on 200 test rows of two equal classes, reason of a failure."""
    layout.tables(name, root).mkdir(parents=True)
    results = pd.DataFrame(runs, columns=["variant", "accuracy", "failed"])
    results = results.assign(
        dataset="d", split=split, model="m", seed=1, recipe="ft", n_test=200, largest_class_share=0.5, baseline=False
    )
    results.to_csv(layout.table("results", name, root).with_suffix(".csv"), index=False)
    cells = pd.DataFrame(runs, columns=["variant", "mean", "failed"]).assign(
        **{"Dataset": "d", "Base model": "m", "score": "accuracy", "n": 1, "low": 80, "high": 95, "same": False,
           "marked": [accuracy == 0.6 for _, accuracy, _ in runs], "verdict": [None, "worse", None][: len(runs)]}
    )  # fmt: skip
    cells["mean"] *= 100
    for table, text in {"table3": CAPTION, "table4": CAPTION, "table7": "F1 in %", "verdict": VERDICT}.items():
        cells.to_csv(layout.table(table, name, root).with_suffix(".csv"), index=False)
        layout.table(table, name, root).with_suffix(".md").write_text(f"{text}\n")


def test_the_tables_come_first_and_the_verdict_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, None, ("FT", 0.9, None))
    assert main(["summary", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[:2] == ["d, m: accuracy in % (table3)", "  FT  90.0 [80.0, 95.0] (1)"]
    assert lines[3].startswith("Accuracy in %, of 200 rows. Long words.")
    assert lines[-1] == VERDICT
    assert "F1 in %" not in said.out
    assert "Legend. " not in said.out
    assert said.out.count("▲ better than the reference") == 1
    assert max(len(line) for line in lines if "words" in line) <= 100
    assert f"Every run as a row     {tmp_path}/tables/results.csv" in lines
    assert "One page" not in said.out
    layout.table("report", None, tmp_path).with_suffix(".html").touch()
    main(["summary", str(tmp_path)])
    assert f"One page of it all     {tmp_path}/tables/report.html" in capsys.readouterr().out


def test_names_are_shown_as_they_are_though_they_look_like_numbers_or_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path, None, ("None", 0.51, None), ("+DAE", 0.51, None), ("1.50", None, "diverged"))
    for name, odd in {
        "results": {"dataset": "2024", "model": "NA"}, "table3": {"Dataset": "007", "Base model": "NA"},
    }.items():  # fmt: skip
        place = layout.table(name, None, tmp_path).with_suffix(".csv")
        table = pd.read_csv(place, dtype={"variant": str}, keep_default_na=False, na_values=[""])
        place.write_text(as_csv(table.assign(**odd)))
    layout.table("table4", None, tmp_path).with_suffix(".csv").unlink()
    assert main(["summary", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "007, NA: accuracy in % (table3)" in said.out
    assert "  None  51.0 [80.0, 95.0] (1)\n  +DAE  51.0 [80.0, 95.0] (1)" in said.out
    assert "† None on 2024 with NA, seed 1: accuracy 0.510" in said.out
    assert "† +DAE on 2024 with NA, seed 1: accuracy 0.510" in said.out
    assert said.err == "✗ 1.50 on 2024 with NA, seed 1: failed, diverged\n"


def test_what_two_tables_say_of_their_runs_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, None, ("FT", 0.9, None))
    for table in ("table3", "table4"):
        layout.table(table, None, tmp_path).with_suffix(".md").write_text(
            f"Caption of {table}.\n\n| d |\n|---|\n| 1 |\n\n†: dae: no DAE (FT).\n\nLegend. What signs mean.\n"
        )
    place = layout.table("table4", None, tmp_path).with_suffix(".csv")
    pd.read_csv(place).assign(variant="Joint").to_csv(place, index=False)
    assert main(["summary", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert [said.count(f"Caption of {table}.") for table in ("table3", "table4")] == [1, 1]
    assert said.count("†: dae: no DAE (FT).") == 1
    assert "Legend. " not in said


def test_a_table_that_compares_nothing_is_shown_and_junk_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path, None, ("FT", 0.9, None))
    place = layout.table("table3", None, tmp_path).with_suffix(".csv")
    pd.read_csv(place).drop(columns="verdict").to_csv(place, index=False)
    assert main(["summary", str(tmp_path)]) == 0
    assert "  FT  90.0 [80.0, 95.0] (1)\n" in capsys.readouterr().out
    place.write_text("junk\n1\n")
    assert main(["summary", str(tmp_path)]) == 2
    assert "not the tables that a run wrote" in capsys.readouterr().err


def test_a_run_at_chance_is_named_and_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, None, ("FT", 0.6, None))
    assert main(["summary", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "  FT  60.0 [80.0, 95.0] (1) †" in said
    assert "† FT on d with m, seed 1: accuracy 0.600 does not clearly beat chance (0.500; 0.606 needed)" in said


def test_a_run_that_failed_fails_and_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, None, ("FT", 0.9, None), ("hot", None, "cl: the loss is nan"))
    assert main(["summary", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.err == "✗ hot on d with m, seed 1: failed, cl: the loss is nan\n"
    assert "  FT   90.0 [80.0, 95.0] (1)\n  hot  –\n" in said.out
    assert said.out.endswith("FT is above all.\n")


def test_a_run_of_a_repeated_split_is_named_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, None, ("FT", 0.6, None), ("hot", None, "cl: the loss is nan"), split="r1f2")
    assert main(["summary", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "† FT on d@r1f2 with m, seed 1: accuracy 0.600" in said.out
    assert said.err == "✗ hot on d@r1f2 with m, seed 1: failed, cl: the loss is nan\n"


def test_a_config_with_a_name_has_tables_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    finished(Path("results"), "mine", ("FT", 0.9, None))
    Path("mine.yaml").write_text(
        "name: mine\ndatasets: {d: {source: {train: x.csv}, test_size: 9}}\nmodels: {m: {path: m}}\n"
        "variants: {FT: [ft]}\ngrid: [{seeds: [1]}]\n"
    )
    for named in (["--configfile", "mine.yaml"], ["mine.yaml"]):
        assert main(["summary", *named]) == 0
        assert "results/tables/mine/results.csv" in capsys.readouterr().out
    assert main(["summary"]) == 2
    assert capsys.readouterr().err == (
        "threephase: results/tables/results.csv: missing; run `threephase run` first, or name the config by "
        "--configfile (there are tables of: mine)\n"
    )
