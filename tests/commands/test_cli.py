"""Odd arguments end in one line that says what is wrong, never in a traceback."""

import io
import json
from pathlib import Path

import pytest

from threephase import __version__
from threephase.commands.cli import main

CONFIG, PAPER = (str(Path(__file__).parents[2] / f"config/{name}.yaml") for name in ("config", "paper"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a graph on standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("flowchart TB"))
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code, and the last line on standard error."""
    try:
        code = main(list(arguments))
    except SystemExit as end:
        code = int(end.code or 0)
    lines = capsys.readouterr().err.splitlines()
    return code, lines[-1] if lines else ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("plan --cores -2", "argument --cores: '-2' is no number from 1 up"),
        ("plan --cores 0", "'0' is no number from 1 up"),
        ("plan --cores many", "'many' is no number"),
        ("plan --cores 1_0", "'1_0' is no number"),
        (f"plan --cores {'9' * 5000}", "is no number from 1 up"),
        ("plan --gpus 0 --gpu h100", "argument --gpus: '0' is no number"),
        ("plan --gpus -3 --gpu h100", "argument --gpus: '-3' is no number"),
        ("plan --config foo", "'foo' is no KEY=VALUE"),
        ("plan --config =1", "'=1' is no KEY=VALUE"),
        ("plan --config limits={train:", "is no KEY=VALUE with a value of YAML"),
        ("plan --config save_every=!!python/name:os.system", "is no KEY=VALUE with a value of YAML"),
        ("train bbc m dae --seed -1", "argument --seed: '-1' is no whole number"),
        ("train bbc m dae --seed 4294967296", "is no whole number from 0 to 2**32 - 1"),
        ("train bbc m dae --threads 0", "argument --threads: '0' is no number"),
        (f"dag taken --configfile {CONFIG}", "taken: is a file; name a folder"),
        (f"dag taken/below --configfile {CONFIG}", "taken/below: Not a directory"),
        ("config docs", "run it in the project's folder"),
        ("summary", "results/tables/results.csv: missing"),
        ("summary taken", "taken/tables/results.csv: missing"),
        ("study show", "holds no study"),
    ],
)
def test_a_wrong_argument_is_one_line(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    (elsewhere / "taken").write_text("a file")
    code, line = answer(capsys, *arguments.split())
    assert (code, said in line) == (2, True), line


@pytest.mark.parametrize(
    "command", [["init"], ["summary"], ["study", "show"], ["config", "check"], ["plan", "--cores"]]
)
def test_a_line_end_in_an_argument_ends_no_line(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    code, line = answer(capsys, *command, "two\nlines")
    assert code == 2
    assert r"two\nlines" in line


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"nonsense", b'"', b"failed\n" + b"x," * 5000])
def test_results_that_no_run_wrote_are_one_line(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (elsewhere / "results/tables").mkdir(parents=True)
    (elsewhere / "results/tables/results.csv").write_bytes(content)
    code, line = answer(capsys, "summary")
    assert code == 2
    assert line.startswith("threephase: results/tables/results.csv: not the rows that a run wrote")


RECORD = {"name": "x", "title": "t", "trials": 1, "storage": None, "objective": "loss", "space": {}}


@pytest.mark.parametrize("record", [{}, [], None, 7, "x", RECORD | {"space": []}, RECORD | {"trials": "many"}])
def test_a_damaged_record_of_a_study_is_one_line(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], record: object
) -> None:
    folder = elsewhere / "results/studies/a/b/c/d"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps(record))
    code, line = answer(capsys, "study", "show")
    assert (code, "study.json: not what a study wrote" in line) == (2, True), line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("config show bbc all-MiniLM-L6-v2 FT", "hyperparameters.default"),  # the demo's, where none is named
        (f"config show sst5 roberta-base FT --configfile {PAPER}", "Table 5"),
    ],
)
def test_the_projects_own_config_files_are_found_from_any_folder(
    capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    assert main(arguments.split()) == 0
    assert said in capsys.readouterr().out


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"threephase {__version__}\n"
