"""A config for one's own file: what is found, what is written, that it runs."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import made_up_rows

from threephase.commands.cli import main
from threephase.commands.own_data import TAKEN
from threephase.experiment.config import Config
from threephase.experiment.reading import read
from threephase.plan.budget import Budget
from threephase.settings.dataset import DatasetSettings, Limits


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
    assert "run it:              threephase run my-data.yaml" in said
    config = read([Path("my-data.yaml")])
    assert config.name == "my-data"
    settings = config.datasets["my-data"]
    assert (settings.source.train, settings.source.text, settings.source.labels) == (
        "my data.csv",
        "Review",
        ["Category"],
    )
    assert settings.drop_repeats
    baselines = {name for name in config.variants if config.is_baseline(name)}
    assert {run.variant for run in config.runs()} == {"3-Phase", "FT"} | baselines
    assert {config.recipe_of(name).baseline for name in baselines} == {
        "centroid", "tfidf_logreg", "tfidf_svm", "frozen_logreg"
    }  # fmt: skip
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
        ("text,label\nx,a\ny,b\n", [], "'label' has 2 classes, of which 0 have 3 rows or more; two are needed"),
        (
            "the match was lost,sport\n"
            + "".join(f"a match of {n} goals,sport\na price of {n},money\n" for n in range(9)),
            [],
            "my.csv: line 1 looks like a row, not a header, for 'sport' is a class too; put a line that names",
        ),
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


def wrote(name: str, rows: pd.DataFrame, *options: str, file: str | None = None) -> DatasetSettings:
    """What the config that init writes for rows says of them."""
    rows.to_csv(file or f"{name}.csv", index=False)
    assert main(["init", file or f"{name}.csv", "--out", "own.yaml", *options]) == 0
    (settings,) = read([Path("own.yaml")]).datasets.values()
    Path("own.yaml").unlink()
    return settings


def test_validation_has_two_texts_of_a_class_wherever_rows_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    classes = {f"class {number}": 6 for number in range(10)}
    rows = pd.DataFrame(
        [(f"text {number} of {name}", name) for name, count in classes.items() for number in range(count)],
        columns=["text", "label"],
    )
    assert wrote("few", rows).validation_size == 0.3  # of 48 rows 15; by 0.2 they are 10, one of each class
    assert (
        "note: no two texts of the validation split share a class by `validation_size: 0.2`" in capsys.readouterr().out
    )
    assert wrote("fewer", rows.groupby("label").head(3)).validation_size == 0.2
    assert "note: no two training texts share a class, as phase 2 needs" in capsys.readouterr().out
    assert wrote("enough", pd.concat([rows, rows.assign(text=rows["text"] + " more")])).validation_size == 0.2
    assert "share a class" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("dataset", "my-dataset"), ("all", "my-all"), ("results", "my-results"), ("table1", "my-table1"),
        ("FT", "my-FT"), ("ft", "my-ft"), ("3-Phase", "my-3-Phase"), ("_notes", "notes"), ("2024", "2024"),
        ("2024-05-01", "2024-05-01"), ("no", "no"), ("on", "on"), ("null", "null"), ("true", "true"),
        ("12_30", "12_30"), ("0x1F", "0x1F"), ("1e5", "1e5"), ("donn\u00e9es", "donn-es"), ("\u6570\u636e", "mine"),
        ("x" * 200, "x" * 60),
    ],
)  # fmt: skip
def test_any_files_name_gives_a_config_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made_up_rows({"sport": 20, "money": 20}).to_csv(f"{stem}.csv", index=False)
    assert main(["init", f"{stem}.csv"]) == 0
    assert list(read([Path(f"{name}.yaml")]).datasets) == [name]


def test_names_that_init_keeps_clear_of_are_those_of_the_workflows_rules() -> None:
    project = Path(__file__).parents[2]
    files = [project / "Snakefile", *(project / "rules").glob("*.smk")]
    rules = {
        name
        for file in files
        for name in re.findall(r"^(?:use rule \w+ as|rule) (\w+)", file.read_text(), re.MULTILINE)
    }
    assert rules | {"3-Phase", "FT"} == TAKEN


def test_a_name_may_be_given_and_a_bad_one_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_up_rows({"sport": 20, "money": 20}).to_csv("rows.csv", index=False)
    for given, said in {
        "audit": "--name audit: the workflow has a target of that name",
        "../x": "'../x' becomes part of a path: use letters, digits",
        "a b": "'a b' becomes part of a path: use letters, digits",
        "": "",
    }.items():
        code = main(["init", "rows.csv", "--out", "own.yaml", "--name", given])
        error = capsys.readouterr().err
        assert (code, error.count("\n")) == ((2, 1) if given else (0, 0))
        assert said in error
        assert Path("own.yaml").exists() == (not given)
    assert main(["init", "rows.csv", "--name", "a/b"]) == 2  # which would also name the config
    assert "'a/b' becomes part of a path" in capsys.readouterr().err
    Path("own.yaml").unlink()
    assert main(["init", "rows.csv", "--name", "Mine-1"]) == 0
    assert list(read([Path("Mine-1.yaml")]).datasets) == ["Mine-1"]
    for out, said in {"nodir/x.yaml": "nodir: no such folder", ".": "is there already", "x" * 300: "x"}.items():
        assert main(["init", "rows.csv", "--out", out]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    "label",
    [
        "two\nlines",
        "a\r\nb",
        "x\u0085model_root: /tmp",
        "x\u2028data_root: y",
        "\x1b[31mred",
        "# no",
        "'q\"",
        "\u00e9t\u00e9",
    ],
)
def test_a_label_stays_in_its_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], label: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = made_up_rows({"sport": 20, "money": 20})
    rows["label"] = rows["label"].replace("sport", label)
    column = "class\nmodel_root: /x" if "\n" in label else "label"
    rows.rename(columns={"label": column}).to_parquet("rows.parquet")
    assert main(["init", "rows.parquet", "--label", column]) == 0
    config = read([Path("rows.yaml")])
    assert (config.model_root, config.data_root) == (None, None)
    assert config.datasets["rows"].source.labels == [column]
    written = Path("rows.yaml").read_text()
    assert "\x1b" not in written + capsys.readouterr().out
    assert ("\u00e9t\u00e9" in written) == ("\u00e9" in label)


def test_init_chooses_for_rare_classes_empty_texts_and_quotes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = made_up_rows({"sport": 30, "money": 30, "music": 2})
    settings = wrote("rows", pd.concat([rows, pd.DataFrame({"text": ["", "<br>"], "label": "sport"})]))
    assert (settings.rare, settings.drop_empty) == ("keep_in_train", True)
    said = capsys.readouterr().out
    assert "note: rare classes: music (2); `rare` says what becomes of them" in said
    assert "note: 2 rows without text; `drop_empty` leaves them out" in said
    assert wrote("plain", made_up_rows({"sport": 30, "money": 30})).rare == "error"
    lines = [f"{label}\t{chr(34) * (n % 10 == 0)}{text}" for n, (text, label) in enumerate(rows.values[:60])]
    Path("rows.tsv").write_text("\n".join(["label\ttext", *lines]))
    assert main(["init", "rows.tsv"]) == 0
    assert "note: rows.tsv quotes nothing: its double quotes are read as they are" in capsys.readouterr().out
    assert read([Path("rows.yaml")]).datasets["rows"].source.quotes == "none"
    rows.iloc[:60].to_csv("semi.csv", index=False, sep=";")
    assert main(["init", "semi.csv"]) == 0
    assert "note: the columns of semi.csv are separated by ';', not by commas" in capsys.readouterr().out


def test_what_is_advised_is_an_option_of_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for encoding, option in {"cp1252": "--encoding cp1252", "utf-16": "--encoding utf-16"}.items():
        Path("my.csv").write_text("text,label\ncaf\u00e9,a\n", encoding=encoding)
        assert main(["init", "my.csv"]) == 2
        assert f"name its encoding, as {option}" in capsys.readouterr().err
    Path("my.csv").write_text("text,label\nx,a\n")
    assert main(["init", "my.csv", "--text", "body"]) == 2
    assert "no column 'body'; it has: text, label. Name yours with --text or --label" in capsys.readouterr().err
    assert main(["init", "my.csv", "--text", "text", "--label", "text"]) == 2
    assert "column 'text' cannot be text and label" in capsys.readouterr().err


def test_folders_of_classes_and_of_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = made_up_rows({"sport": 20, "money": 20})
    for number, (text, label) in enumerate(rows.values):
        file = tmp_path / "topics" / label / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert main(["init", "topics", "--label", "text"]) == 0
    assert read([Path("topics.yaml")]).datasets["topics"].source.labels == ["label"]
    columns = tmp_path / "columns"
    columns.mkdir()
    (columns / "seq.in").write_text("\n".join(rows["text"]))
    (columns / "label").write_text("\n".join(rows["label"]))
    assert main(["init", "columns", "--text", "seq.in"]) == 0
    assert read([Path("columns.yaml")]).datasets["columns"].source.text == "seq.in"


def test_lengths_of_texts_without_blanks_are_those_of_their_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pieces = ["\u5c0f\u72d7\u5728\u516c\u56ed\u91cc", "\u9762\u5305\u5976\u916a\u548c\u6d0b"]
    rows = pd.DataFrame(
        {"text": [pieces[n % 2] * 20 + str(n) for n in range(60)], "label": [f"c{n % 2}" for n in range(60)]}
    )
    rows.to_csv("zh.csv", index=False)
    assert main(["init", "zh.csv"]) == 0
    # 120 signs, a number of 1.4 tokens, two special ones: 124, in steps of 16
    assert read([Path("zh.yaml")]).hyperparameters.default.all.max_length == 128
    assert "note: texts without blanks between words: train 38, validation 10, test 12" in capsys.readouterr().out


ROWS = made_up_rows({"sport": 40, "money": 40}).sample(frac=1, random_state=0)


def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, pd.DataFrame]) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rows in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(name) if name.endswith(".parquet") else rows.to_csv(name, index=False)


@pytest.mark.parametrize(
    ("given", "source"),
    [
        (["data"], {"train": "data/train.csv", "validation": "data/dev.csv", "test": "data/my-test.csv"}),
        (["data/"], {"train": "data/train.csv", "validation": "data/dev.csv", "test": "data/my-test.csv"}),
        (["data/train.csv"], {"train": "data/train.csv"}),
        (["data/my-test.csv", "data/train.csv"], {"train": "data/train.csv", "test": "data/my-test.csv"}),
        (["rows.csv", "--test", "data/train.csv"], {"train": "rows.csv", "test": "data/train.csv"}),
        (["rows.csv", "data/dev.csv"], {"train": "rows.csv", "validation": "data/dev.csv"}),
        (
            ["rows.csv", "--unlabelled", "more.csv", "--validation", "data/dev.csv"],
            {"train": "rows.csv", "validation": "data/dev.csv", "unlabelled": "more.csv"},
        ),
        (["hub"], {"train": "hub/train[-_]*.parquet", "test": "hub/test-00000.parquet"}),
        (["by-folder"], {"train": "by-folder/train", "test": "by-folder/test"}),
    ],
)
def test_parts_are_known_by_their_names_or_as_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], source: dict[str, str]
) -> None:
    files = {"data/train.csv": ROWS[:50], "data/dev.csv": ROWS[50:60], "data/my-test.csv": ROWS[60:], "rows.csv": ROWS}
    files |= {"more.csv": ROWS[["text"]], "hub/train-00000.parquet": ROWS[:30], "hub/train-00001.parquet": ROWS[30:60]}
    files |= {
        "hub/test-00000.parquet": ROWS[60:],
        "by-folder/train/a.csv": ROWS[:60],
        "by-folder/test/a.csv": ROWS[60:],
    }
    in_folder(tmp_path, monkeypatch, files)
    for folder in ("data", "hub"):
        Path(folder, "README.md").write_text("What it is.")
    assert main(["init", *given, "--out", "own.yaml"]) == 0
    (settings,) = read([Path("own.yaml")]).datasets.values()
    assert settings.source.named_splits == source
    assert settings.test_size == (None if "test" in source else 0.2)
    assert not settings.drop_leaks or "rows.csv" in given


def test_parts_that_leave_a_choice_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_folder(tmp_path, monkeypatch, {f"data/{name}.csv": ROWS for name in ("a", "b", "test", "train", "train_2")})
    for given, said in {
        "data": "data/a.csv and b.csv: which of them are training rows? say which is which: init TRAIN --test FILE",
        "data/a.csv data/b.csv": "data/a.csv and b.csv: which of them are training rows?",
        "data/a.csv data/train.csv": "data/a.csv and train.csv: which of them are training rows?",
        "data/test.csv data/test.csv": "data/test.csv: which are the training rows? No file is called train",
        "data/a.csv --test data/none.csv": "data/none.csv: no such file; check the path",
    }.items():
        assert main(["init", *given.split(), "--out", "own.yaml"]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"threephase: {said}")
        assert error.count("\n") == 1
    assert not Path("own.yaml").exists()


def test_leaks_and_rows_without_a_label_are_counted_and_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = pd.concat([ROWS[:60], ROWS[:5].assign(text=lambda rows: rows["text"] + " more", label=None)])
    in_folder(tmp_path, monkeypatch, {"train.csv": train, "test.csv": ROWS[58:]})
    assert main(["init", "train.csv", "test.csv", "--out", "own.yaml"]) == 0
    said = capsys.readouterr().out
    assert "train.csv: 60 rows for train, text in 'text', labels in 'label'" in said
    assert "test.csv: 22 rows for test" in said
    assert "note: 5 rows without a label; `missing_labels` makes them texts for phase 1" in said
    assert "note: 2 rows outside of test have a test text; `drop_leaks` leaves them out" in said
    (settings,) = read([Path("own.yaml")]).datasets.values()
    assert (settings.drop_leaks, settings.source.missing_labels) == (True, "unlabelled")


def test_leaks_into_test_rows_that_init_holds_out_itself_are_counted_and_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = pd.concat([ROWS, ROWS.assign(text=ROWS["text"].str.upper() + " ")])
    in_folder(tmp_path, monkeypatch, {"own.csv": twice})
    assert main(["init", "own.csv"]) == 0
    assert "rows outside of test have a test text; `drop_leaks` leaves them out" in capsys.readouterr().out
    (settings,) = read([Path("own.yaml")]).datasets.values()
    assert settings.drop_leaks


def test_test_rows_that_repeat_one_another_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = pd.concat([ROWS[:60], ROWS[:1]]), pd.concat([ROWS[60:], ROWS[60:63]])
    in_folder(tmp_path, monkeypatch, {"train.csv": train, "test.csv": test})
    assert main(["init", "train.csv", "test.csv"]) == 0
    assert (
        "note: 3 rows of test repeat another one's text; `drop_repeats` leaves them out too" in capsys.readouterr().out
    )


def test_a_name_that_other_rows_here_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_folder(tmp_path, monkeypatch, {"a/own.csv": ROWS, "b/own.csv": ROWS[:40]})
    made = Path("results/data/own/dataset.json")
    made.parent.mkdir(parents=True)
    made.write_text(json.dumps({"settings": {"source": {"train": "a/own.csv"}}}))
    assert main(["init", "b/own.csv"]) == 2
    assert "results/data/own: has rows of a/own.csv, and a run would replace" in capsys.readouterr().err
    assert not Path("own.yaml").exists()
    assert main(["init", str(tmp_path / "a/own.csv")]) == 0  # the same rows
    assert main(["init", "b/own.csv", "--name", "other"]) == 0


@pytest.mark.parametrize(
    ("columns", "options", "text", "label"),
    [
        ({"subject": "text", "queue": "label"}, [], "subject", "queue"),
        ({"no": "number", "subject": "text", "queue": "label", "score": "fraction"}, [], "subject", "queue"),
        ({"subject": "text", "queue": "label", "team": "label"}, ["--label", "team"], "subject", "team"),
        ({"title": "label", "body": "text"}, [], "body", "title"),
    ],
)
def test_columns_are_guessed_by_what_they_hold_where_names_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    columns: dict[str, str], options: list[str], text: str, label: str,
) -> None:  # fmt: skip
    rows = ROWS.assign(number=range(80), fraction=[f"{place % 3}.5" for place in range(80)])
    in_folder(tmp_path, monkeypatch, {"rows.csv": pd.DataFrame({name: rows[kind] for name, kind in columns.items()})})
    assert main(["init", "rows.csv", *options]) == 0
    (settings,) = read([Path("rows.yaml")]).datasets.values()
    assert (settings.source.text, settings.source.labels) == (text, [label])
    if not options:
        assert f"note: '{label}' is taken for the label: it alone holds classes (--label)" in capsys.readouterr().out


def test_two_columns_that_could_be_the_label_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.DataFrame({"subject": ROWS["text"], "queue": ROWS["label"], "team": ROWS["label"]})
    in_folder(tmp_path, monkeypatch, {"rows.csv": rows})
    assert main(["init", "rows.csv"]) == 2
    assert "which column is the label? 'queue' and 'team' could be; name it with --label" in capsys.readouterr().err


def test_a_base_model_may_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_folder(tmp_path, monkeypatch, {"rows.csv": ROWS})
    Path("my model").mkdir()
    assert main(["init", "rows.csv", "--model", "my model"]) == 2
    assert "--model my model: holds no config.json" in capsys.readouterr().err
    Path("my model/config.json").write_text("{}")
    for given, name in {"my model": "my-model", "owner/name.1": "name.1"}.items():
        assert main(["init", "rows.csv", "--model", given, "--out", f"{name}.yaml"]) == 0
        assert {each: model.path or model.hub for each, model in read([Path(f"{name}.yaml")]).models.items()} == {
            name: given
        }
    assert main(["init", "rows.csv", "--model", "nowhere", "--out", "own.yaml"]) == 2
    assert "--model nowhere: no folder, and no `owner/name` of a hub" in capsys.readouterr().err


def test_minutes_choose_limits_that_the_config_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is measured is tested with the plan; here, what becomes of it."""
    in_folder(tmp_path, monkeypatch, {"rows.csv": ROWS})
    asked = []

    def within(config: Config, seconds: float, slots: int, least: int) -> Budget:
        asked.append((list(config.datasets), seconds, least))
        return Budget(Limits(train=20, test=8), 590.0)  # of seconds

    monkeypatch.setattr("threephase.plan.budget.within", within)
    assert main(["init", "rows.csv", "--minutes", "10"]) == 0
    assert asked == [(["rows"], 600.0, 16)]
    config = read([Path("rows.yaml")])
    assert config.limits == Limits(train=20, test=8)
    assert "note: about 9 min 50 s with" in capsys.readouterr().out
    assert main(["init", "rows.csv", "--minutes", "9.5", "--out", "own.yaml"]) == 2
    assert "--minutes 9.5: the fewest rows that say anything take 9 min 50 s here" in capsys.readouterr().err
    assert not Path("own.yaml").exists()
