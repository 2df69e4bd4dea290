"""Answers for rows of every format, as they come, and how right they are."""

import csv
import gzip
import io
import json
import shutil
import sys
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_rows
from hypothesis import given
from hypothesis import strategies as st
from trainings import train

from threephase import ThreePhaseClassifier
from threephase.api.rows import reading, writing_rows
from threephase.artifacts.folders import sha256
from threephase.artifacts.inert import as_csv
from threephase.commands import predict as predicting
from threephase.commands.cli import main
from threephase.data.files import read_file
from threephase.method.calibration import expected_calibration_error
from threephase.phases.finetune import FT

# Any character but NUL, odd ones often.
WORDS = st.text(st.sampled_from("ab'\"\r\n\t,; \u2028\x85") | st.characters(codec="utf-8", exclude_characters="\0"))
ROWS = made_up_rows({"sport": 30, "money": 25, "music": 20})
NEW = made_up_rows({"sport": 5, "money": 4, "music": 3}, start=60).sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "saved"
    estimator = ThreePhaseClassifier(variant={"baseline": "tfidf_logreg"}, verbose=False)
    estimator.fit(ROWS["text"], ROWS["label"]).save(folder)
    return folder


@pytest.fixture
def expected(model: Path) -> list[str]:
    return list(ThreePhaseClassifier.load(model).predict(NEW["text"]))


def read(path: Path) -> pd.DataFrame:
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        return pd.read_parquet(io.BytesIO(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path)
    if kind == "jsonl":
        return pd.read_json(path, lines=True)
    return pd.read_csv(path, sep="\t" if kind == "tsv" else ",", keep_default_na=False)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8", "utf-8-sig"])
def test_the_mark_that_excel_writes_belongs_to_no_column_as_in_training(tmp_path: Path, encoding: str) -> None:
    for kind, content in {"csv": "text,n\n🙂,1\n", "jsonl": '{"text": "\\ud83d\\ude42", "n": "1"}\n'}.items():
        file = tmp_path / f"rows.{kind}"
        file.write_bytes(b"\xef\xbb\xbf" + content.encode())
        with reading(str(file), kind, encoding) as rows:
            assert [row.values for row in rows] == [{"text": "🙂", "n": "1"}]
        assert read_file(file, ["text"], [encoding]).values == [["🙂"]]


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@given(texts=st.lists(WORDS, min_size=1))
def test_odd_texts_are_read_again_as_they_were_by_csv_and_by_pandas(kind: str, texts: list[str]) -> None:
    separator = "\t" if kind == "tsv" else ","
    rows = [{"text": text, "n": str(place)} for place, text in enumerate(texts)]
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{kind}"
        with writing_rows(file, kind, "rows") as out:
            out.write(rows)
        with file.open(encoding="utf-8", newline="") as lines:
            assert list(csv.DictReader(lines, delimiter=separator)) == rows
        with reading(str(file), kind) as again:
            assert [row.values for row in again] == rows
        table = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
        assert table.to_dict("records") == rows
        assert file.read_bytes().startswith(f"text{separator}n\n".encode())


def write(rows: pd.DataFrame, path: Path) -> None:
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        path.write_bytes(gzip.compress(rows.to_parquet()) if path.suffix == ".gz" else rows.to_parquet())
    elif kind == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "parquet.gz"])
def test_every_format_comes_back_in_order_with_its_columns(
    kind: str, model: Path, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "PART", 5)
    given = NEW.assign(number=range(len(NEW)), note='a "quote",\nand a line')
    write(given, tmp_path / f"in.{kind}")
    arguments = ["predict", str(model), str(tmp_path / f"in.{kind}"), "--out", str(tmp_path / f"out.{kind}")]
    assert main([*arguments, "--all-classes"]) == 0
    found = read(tmp_path / f"out.{kind}")
    classes = ["probability_money", "probability_music", "probability_sport"]
    assert list(found) == ["text", "label", "number", "note", "predicted", "probability", *classes]
    assert found["number"].astype(int).tolist() == list(range(len(NEW)))
    assert found["note"].tolist() == given["note"].tolist()
    assert found["predicted"].tolist() == expected
    assert (found[classes].astype(float).sum(axis=1) - 1).abs().max() < 1e-5


def test_a_pipe_goes_in_and_out(
    model: Path, expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = NEW.to_csv(index=False).encode()
    for content in (rows, gzip.compress(rows)):
        monkeypatch.setattr("sys.stdin", piped(content))
        assert main(["predict", str(model), "-", "--out", "-", "--out-format", "jsonl"]) == 0
        said = capsys.readouterr()
        assert [json.loads(line)["predicted"] for line in said.out.splitlines()] == expected
        assert said.err == "12 rows\n"
    monkeypatch.setattr("sys.stdin", piped(BAD.encode()))
    assert main(["predict", str(model), "-", "--out", "-"]) == 2
    assert "what was piped in: line 3: no text in column 'text'" in capsys.readouterr().err


def piped(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]


def test_the_rows_themselves_are_never_written_over(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, link = tmp_path / "in.csv", tmp_path / "link.csv"
    rows.write_text(BAD)
    link.symlink_to(rows)
    for out, said in ((rows, "is the file of the rows themselves"), (link, "is the file of"), (tmp_path, "a folder")):
        command = ["predict", str(model), str(rows), "--skip-bad", "--out", str(out), "--out-format", "csv"]
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert rows.read_text() == BAD


def test_memory_does_not_grow_with_the_rows(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "PART", 60)
    command, peaks = ["predict", str(model), str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")], []
    for rows in (300, 300, 6000):  # the first time loads what is loaded once
        write(pd.concat([NEW] * (rows // len(NEW))), tmp_path / "in.csv")
        tracemalloc.start()
        assert main(command) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(read(tmp_path / "out.csv")) == rows
    texts_alone = sum(map(sys.getsizeof, NEW["text"])) / len(NEW) * (6000 - 300)
    assert peaks[2] - peaks[1] < texts_alone / 2


def rows_of(values: list[dict[str, Any]], path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in values))
    return path


def test_rows_of_different_columns_come_back_whole_or_are_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(predicting, "PART", 2)
    given = [
        {"text": "goal", "note": None, "size": 1},
        {"text": "bank", "more": {"a": 1}},
        {"text": "team", "note": "late"},
    ]
    place = str(rows_of(given, tmp_path / "in.jsonl"))
    for kind in ("csv", "tsv", "jsonl", "parquet"):
        assert main(["predict", str(model), place, "--out", str(tmp_path / f"out.{kind}")]) == 0
        found = read(tmp_path / f"out.{kind}")
        assert found["text"].tolist() == ["goal", "bank", "team"]
        assert found["note"].tolist()[2] == "late"
        assert "1" in str(found["more"].tolist()[1])
    capsys.readouterr()
    faults: list[tuple[dict[str, Any], str]] = [
        ({"n": 1}, "column 'n' begins after"),
        ({"note": 5}, "column 'note' holds values of several kinds"),
        ({"size": 2.5}, "column 'size' holds values of several kinds"),
    ]
    for late, said in faults:
        rows_of([*given, {"text": "song"} | late], tmp_path / "in.jsonl")
        assert main(["predict", str(model), place, "--out", str(tmp_path / "late.parquet")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"in.jsonl: {said}" in line
        assert "write the answers as .jsonl, which takes any row" in line
        assert not (tmp_path / "late.parquet").exists()


def test_kinds_of_a_parquets_columns_stay(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "PART", 2)
    given = pd.DataFrame({"text": ["goal", "bank", "team"], "small": np.array([1, 2, 3], dtype=np.int8)})
    given = given.assign(
        late=[None, None, 2.5], day=pd.to_datetime(["2020-01-01"] * 3), kind=pd.Categorical(list("xyx"))
    )
    write(given, tmp_path / "in.parquet")
    assert main(["predict", str(model), str(tmp_path / "in.parquet"), "--out", str(tmp_path / "out.parquet")]) == 0
    pd.testing.assert_frame_equal(read(tmp_path / "out.parquet")[list(given)], given)


BAD = "text,note\na goal,1\n,2\na bank,3\na song,4,5\nthe band,6\n"


def test_a_bad_row_is_named_and_can_be_left_out(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(BAD)
    out = tmp_path / "out.csv"
    command = ["predict", str(model), str(tmp_path / "in.csv"), "--out", str(out)]
    assert main(command) == 2
    assert f"{tmp_path}/in.csv: line 3: no text in column 'text'; correct it, or leave" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "in.csv"]
    assert main([*command, "--skip-bad"]) == 0
    assert read(out)["note"].tolist() == [1, 3, 6]
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "3 rows · 2 bad ones left out"
    assert said[1] == f"left out: {tmp_path}/in.csv: line 5: 3 fields where the header has 2"


def test_a_row_that_is_not_sure_enough_stays_undecided(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(NEW, tmp_path / "in.csv")
    command = ["predict", str(model), str(tmp_path / "in.csv"), "--out"]
    main([*command, str(tmp_path / "all.csv")])
    sure = read(tmp_path / "all.csv")["probability"].median()
    assert main([*command, str(tmp_path / "some.csv"), "--min-confidence", str(sure)]) == 0
    some = read(tmp_path / "some.csv")
    undecided = some["predicted"] == ""
    assert (some["probability"][undecided] < sure).all()
    assert f"12 rows · {undecided.sum()} undecided" in capsys.readouterr().err
    assert 0 < undecided.sum() < 12


@pytest.fixture(scope="module")
def encoder_model(dataset: Path, base_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of phase 3, which has a temperature."""
    return train(FT, dataset, base_models["bert"], tmp_path_factory.mktemp("run") / "ft")


def test_calibrated_probabilities_decide_what_is_sure_enough(
    encoder_model: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(NEW, tmp_path / "in.csv")
    out = str(tmp_path / "out.csv")
    command = ["predict", str(encoder_model), str(tmp_path / "in.csv"), "--out", out, "--calibrated"]
    expected = ThreePhaseClassifier.load(encoder_model).predict_proba(NEW["text"], calibrated=True).max(axis=1)
    least = str(float(np.median(expected)))
    assert main([*command, "--min-confidence", least]) == 0
    found = read(tmp_path / "out.csv")
    np.testing.assert_allclose(found["probability"], expected, atol=1e-6)
    assert ((found["predicted"] == "") == (expected < float(least))).all()
    assert main(["evaluate", str(encoder_model), str(tmp_path / "in.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["calibration"]
    truth = NEW["label"].map({"money": 0, "music": 1, "sport": 2}).to_numpy()
    assert told["error_scaled"] == pytest.approx(
        expected_calibration_error(ThreePhaseClassifier.load(encoder_model).predict_proba(NEW["text"], True), truth)
    )
    assert main(["evaluate", str(encoder_model), str(tmp_path / "in.csv")]) == 0
    line = f"expected calibration error {100 * told['error']:.1f} points, calibrated {100 * told['error_scaled']:.1f}"
    assert line in capsys.readouterr().out
    command[1] = str(model)
    assert main(command) == 2
    assert "a baseline, which has no temperature" in capsys.readouterr().err


FAULTS: dict[str, tuple[str, bytes, str]] = {
    "no such column": ("in.csv", b"a,b\n1,2\n", "which column is the text? None has a usual name; name it with --text"),
    "a column that is taken": ("in.csv", b"text,predicted\na,b\n", "has a column 'predicted' already; rename it"),
    "an open quote": ("in.csv", b'text\n"a\nb\nc\n', "line 2: unexpected end of data; is a quote never closed?"),
    "two columns alike": ("in.csv", b"text,text\na,b\n", "two columns are called 'text'; rename one"),
    "no rows": ("in.csv", b"text\n", "holds no row; add rows"),
    "nothing": ("in.csv", b"", "empty; put rows in it"),
    "another encoding": ("in.csv", "text\nété\n".encode("cp1252"), "not utf-8; name its encoding, as --encoding"),
    "no json": ("in.jsonl", b'{"text": "a"}\n{"text"\n', "line 2: no JSON ("),
    "no object": ("in.jsonl", b"[1]\n", "line 1: no object of JSON"),
    "a number for a text": ("in.jsonl", b'{"text": 3}\n', "line 1: no text in column 'text'"),
    "half a character": ("in.jsonl", b'{"text": "a"}\n{"text": "\\ud83d"}\n', "line 2: half of a character"),
    "half a parquet": ("in.parquet", b"PAR1xx", "cannot be read"),
    "half a gzip": ("in.csv.gz", gzip.compress(b"text\n" + b"abc " * 999)[:-9], "cannot be read"),
    "a pointer": ("in.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
    "a web page": ("in.jsonl", b"<!DOCTYPE html><p>Sign in", "is a web page; fetch the file itself"),
    "a line for Excel": ("in.csv", b"sep=;\ntext;b\na;b\n", "'sep=;' is for Excel alone; delete that line"),
    "an unknown ending": ("in.txt", b"text\na\n", "say which by --format"),
}


JUNK: list[Any] = [
    [], None, "x", {"baseline": "os"}, {"baseline": {"a": 1}}, {"baseline": 5}, {"phase": "ft"},
    {"phase": "ft", "cleaning": "../x"}, {"phase": "ft", "cleaning": []},
]  # fmt: skip


@pytest.mark.parametrize("settings", JUNK, ids=json.dumps)
def test_a_folder_that_no_run_wrote_is_one_line(
    settings: Any, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where its hashes are right, as whoever handed it over may have made them."""
    folder = Path(shutil.copytree(model, tmp_path / "theirs"))
    cleaning = {"cleaning": "paper"} if isinstance(settings, dict) and "baseline" in settings else {}
    (folder / "settings.json").write_text(json.dumps(settings | cleaning if cleaning else settings))
    complete = json.loads((folder / "complete.json").read_text())
    complete["files"]["settings.json"] = sha256(folder / "settings.json")
    (folder / "complete.json").write_text(json.dumps(complete))
    NEW.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folder) in line


@pytest.mark.parametrize(("name", "content", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_one_line_and_leaves_nothing(
    name: str, content: bytes, said: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["predict", str(model), str(tmp_path / name), "--out", str(tmp_path / "out.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out.csv").exists()


def test_evaluate_gives_the_grids_metrics_and_an_interval(
    model: Path, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = NEW.assign(label=[*NEW["label"][:11], "weather"])
    write(rows, tmp_path / "in.csv")
    assert main(["evaluate", str(model), str(tmp_path / "in.csv"), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    right = sum(a == b for a, b in zip(rows["label"], expected, strict=True))
    assert found["accuracy"] == pytest.approx(right / 12)
    assert found["unknown"] == {"weather": 1}
    # Wilson's interval by hand
    z, n, p = 1.959964, 12, right / 12
    half = z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
    low, high = ((p + z * z / 2 / n + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    assert found["accuracy_95"] == pytest.approx([low, high], abs=1e-5)
    assert main(["evaluate", str(model), str(tmp_path / "in.csv")]) == 0
    assert "Classes that the model does not know, all mistakes: weather" in capsys.readouterr().out


def test_evaluate_reads_labels_as_training_does(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(NEW.assign(label=[f" {label} " for label in NEW["label"]]), tmp_path / "in.csv")
    assert main(["evaluate", str(model), str(tmp_path / "in.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown"] == {}
    pd.DataFrame({"text": ["a goal"], "label": [True]}).to_parquet(tmp_path / "in.parquet")
    assert main(["evaluate", str(model), str(tmp_path / "in.parquet"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown"] == {"true": 1}  # as the classes of such a column are called


def test_an_index_without_a_name_is_a_column(model: Path, expected: list[str], tmp_path: Path) -> None:
    NEW.to_csv(tmp_path / "in.csv")  # as pandas does by itself
    assert (tmp_path / "in.csv").read_text().startswith(",text,")
    assert main(["predict", str(model), str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    assert read(tmp_path / "out.csv")["predicted"].tolist() == expected


def test_columns_that_are_as_likely_are_named(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(NEW.assign(body="x", topic="y"), tmp_path / "in.csv")
    assert main(["evaluate", str(model), str(tmp_path / "in.csv")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert "the text is read from 'text'; if it is 'body', say --text" in said
    assert "the label is read from 'label'; if it is 'topic', say --label" in said


def test_evaluate_leaves_a_bad_first_row_out(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text("text,label\na goal,sport,1\na bank,money\n")
    assert main(["evaluate", str(model), str(tmp_path / "in.csv"), "--skip-bad", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bad"] == 1


RESULTS = {
    "dataset": "bbc", "model": "m", "variant": ["FT", "3-Phase", "FT"], "seed": [1, 1, 2], "split": None,
    "recipe": ["ft", "dae.cl.ft", "ft"], "failed": None, "saw_test": False, "criterion": "accuracy",
    "n_validation": 200, "validation_score": [0.91, 0.92, 0.92], "validation_loss": [0.1, 0.3, 0.2],
    "accuracy": [0.99, 0.9, 0.8], "seconds": [5.0, 50.0, 5.0], "baseline": False,
}  # fmt: skip


def test_best_is_chosen_by_validation_and_never_by_the_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tables").mkdir()
    pd.DataFrame(RESULTS).to_csv(tmp_path / "tables/results.csv", index=False)
    assert main(["best", "--results", str(tmp_path), "--path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/checkpoints/bbc/m/seed2/ft\n"
    assert main(["best", "bbc", "--results", str(tmp_path)]) == 0
    assert "FT, m, seed 2. Validation rows alone chose it: of 3 runs none" in capsys.readouterr().out
    assert main(["best", "bcc", "--results", str(tmp_path)]) == 2
    assert "unknown dataset 'bcc'; did you mean 'bbc'?" in capsys.readouterr().err


def test_best_takes_names_as_they_are_though_they_look_like_numbers_or_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tables").mkdir()
    odd = {"dataset": ["2024", "NA", "007"], "model": "1.50", "variant": ["None", "+DAE", "1e3"], "recipe": "ft"}
    (tmp_path / "tables/results.csv").write_text(as_csv(pd.DataFrame(RESULTS | odd)))
    assert main(["best", "--results", str(tmp_path), "--path"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/checkpoints/{place}/ft" for place in ("2024/1.50/seed1", "NA/1.50/seed1", "007/1.50/seed2")
    ]
    for dataset, run in {"2024": "None, 1.50", "NA": "+DAE, 1.50", "007": "1e3, 1.50"}.items():
        assert main(["best", dataset, "--results", str(tmp_path)]) == 0
        assert f"{dataset}: {run}, seed" in capsys.readouterr().out
