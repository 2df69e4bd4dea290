"""A config for one's own file: what is found, what is written, that it runs."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import made_up_rows

from threephase.cli import main
from threephase.config import read


def test_init_finds_columns_writes_a_config_and_says_how_to_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = made_up_rows({"sport": 60, "money": 30}).rename(columns={"text": "Review", "label": "Category"})
    pd.concat([rows, rows.head(2)]).assign(id=range(92)).to_csv("my data.csv", index=False)
    assert main(["init", "my data.csv"]) == 0
    said = capsys.readouterr().out
    assert "my data.csv: 92 rows, text in 'Review', labels in 'Category'" in said
    assert "     62  sport" in said
    assert "run it:              snakemake --cores all --configfile my-data.yaml" in said
    config = read([Path("my-data.yaml")])
    settings = config.datasets["my-data"]
    assert (settings.source.train, settings.source.text, settings.source.labels) == (
        "my data.csv",
        "Review",
        ["Category"],
    )
    assert settings.drop_repeats
    assert {run.variant for run in config.runs()} == {"3-Phase", "FT"}
    # nine or ten words a text: 1.4 × 10 + 2 = 16 tokens
    assert config.hyperparameters.default.all.max_length == 16
    assert main(["init", "my data.csv"]) == 2
    assert "my-data.yaml: is there already; name another file with --out, or delete it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("a,b\n1,2\n", [], "which column is the text? None has a usual name; name it with --text (columns: a, b)"),
        ("text,b\n1,2\n", [], "which column is the label? None has a usual name; name it with --label (columns: b)"),
        ("text,label\nx,a\n", ["--label", "intent"], "my.csv: no column 'intent'; it has: text, label"),
        ("text,label\n", [], "my.csv: a header and no rows"),
        ("", [], "my.csv: empty file"),
        ("text,label\nx,a\ny,b\n", [], "my.csv: line 2: the only row of class 'a' cannot be in train and in test"),
        ("text,label\nx,0.5\ny,b\n", [], "my.csv: line 2: label '0.5' in 'label' is a number with a fraction"),
    ],
)
def test_bad_data_is_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    content: str, options: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("my.csv").write_text(content)
    assert main(["init", "my.csv", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"threephase: {said}")
    assert error.count("\n") == 1
    assert not Path("my.yaml").exists()


def test_other_encodings_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "parts"
    folder.mkdir()
    rows = made_up_rows({"sport": 20, "money": 20})
    for part in range(2):
        rows.iloc[part::2].assign(text=lambda given: given["text"] + " café").to_csv(
            folder / f"{part}.csv", index=False, encoding="cp1252"
        )
    assert main(["init", str(folder)]) == 2
    assert main(["init", str(folder), "--encoding", "cp1252", "--out", "own.yaml"]) == 0
    assert read([Path("own.yaml")]).datasets["parts"].source.encodings == ["cp1252"]
