"""`threephase run`: what it refuses, what it becomes, and that it runs from any folder."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import made_up_rows

from threephase.commands.cli import main
from threephase.commands.run import SNAKEFILE, command
from threephase.console import own_name
from threephase.errors import ConfigError, UserError
from threephase.experiment.shipped import DEMO

VIEW = ["--logger", "threephase"]
GOOD = (
    "datasets: {d: {source: {train: x.csv}, test_size: 9}}\nmodels: {m: {path: m}}\nvariants: {FT: [ft]}\n"
    "grid: [{seeds: [1]}]\n"
)


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text(GOOD)
    return str(tmp_path / "mine.yaml")


def test_config_files_stand_first_and_the_rest_is_snakemakes(config: str) -> None:
    started = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--configfile"]
    assert command([config, config, "-n", "--cores", "2", "--", "table3"]) == [
        *started, config, config, "-n", "--cores", "2", *VIEW, "--", "table3"
    ]  # fmt: skip
    assert command(["--cores", "2"]) == [*started, str(DEMO), "--cores", "2", *VIEW]
    assert command(["--json"]) == [*started, str(DEMO), "--logger-threephase-json", *VIEW]
    assert command(["--logger", "other"]) == [*started, str(DEMO), "--logger", "other"]
    assert command([config, "--", "--configfile"])[-2:] == ["--", "--configfile"]  # a target, however odd


@pytest.mark.parametrize("option", [["--configfile", "x"], ["--configfile=x"], ["--configfiles", "x"]])
def test_a_second_way_to_name_config_files_is_refused(config: str, option: list[str]) -> None:
    with pytest.raises(UserError, match="config files come first"):
        command([config, *option])


def test_a_config_file_behind_options_is_named(config: str) -> None:
    for options in (["-n", config], ["--cores", "1", config]):
        with pytest.raises(UserError, match=f"config files come first: threephase run {config} …"):
            command(options)
    assert command([config, "-n", "results/studies/a/best.yaml"])[-1] == "threephase"  # a target


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "__use_yte__: true\n" + GOOD,
        "a: !!python/object/apply:os.system ['true']\n",
        "? [a, b]\n: c\n",
        GOOD + "grid: [{seeds: [2]}]\n",
        "\x00\x01",
    ],
)
def test_what_would_halt_snakemakes_reader_never_reaches_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ConfigError):
        command([str(tmp_path / "odd.yaml"), "-n"])


def test_a_place_where_nothing_can_be_written_is_a_line(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*options: str) -> str:
        assert main(["run", config, *options]) == 2
        return capsys.readouterr().err

    started = []
    monkeypatch.setattr("os.execv", lambda path, arguments: started.append(arguments))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "results").symlink_to("nowhere")
    assert "results: is no folder, but where results go; move it away" in said()
    assert "file: is a file, not a folder to work in" in said("--directory", "file")
    assert "file: is a file, not a folder to work in" in said("-d=file/below", "-n")
    assert started == []
    main(["run", config, "--directory", "elsewhere", "-n"])  # which Snakemake makes
    (tmp_path / "nowhere").mkdir()
    main(["run", config, "-n", "--", "--directory"])  # a target, however odd
    main(["run"])
    assert len(started) == 3
    monkeypatch.setattr("os.access", lambda place, how: False)  # as on a disk that is mounted for reading
    assert f"run: {tmp_path}: cannot be written to; work in another folder (--directory FOLDER)" in said()
    assert len(started) == 3


def test_help_is_this_commands_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    assert "usage: threephase run [CONFIG …]" in capsys.readouterr().out


def test_a_person_is_told_the_name_that_they_can_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "a b/threephase"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert own_name() == f"'{script}'"
    monkeypatch.setenv("PATH", str(script.parent))
    assert own_name() == "threephase"


def test_streams_that_are_closed_are_nobodys_file(tmp_path: Path) -> None:
    """What is opened first would take the place of a closed stream, and get what is meant for a person."""
    script = (
        "from threephase.console import open_closed_streams as open_them; import sys, threephase.console as console; "
        "open_them(); file = open('made', 'w'); print('said'); print('told', file=console.terminal); "
        "file.write(f'{file.fileno()} {sys.stdin.read()!r}')"
    )
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, script], cwd=tmp_path, check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "made").read_text() == "3 ''"


def test_the_commands_that_init_prints_run_as_printed_in_a_poor_environment(tmp_path: Path) -> None:
    """A home that is none, no temporary folder, ASCII, nothing for others, few file handles, nothing to read from."""

    def poor() -> None:
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        os.close(0)

    folder = tmp_path / "un été"
    folder.mkdir()
    made_up_rows({"sport": 60, "money": 30}).to_csv(folder / "my data.csv", index=False)
    (tmp_path / "file").touch()
    bare = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path / "none"), "LC_ALL": "C", "HOME": f"{tmp_path}/file/home"}
    bare |= {name: value for name, value in os.environ.items() if "PYTHON" in name}
    said = subprocess.run(
        [Path(sys.executable).parent / "threephase", "init", "my data.csv"],
        cwd=folder, env=bare, capture_output=True, text=True, check=True, preexec_fn=poor,
    ).stdout  # fmt: skip
    (line,) = [line for line in said.splitlines() if line.startswith("see what would run:")]
    done = subprocess.run(
        line.split(":", 1)[1], shell=True, cwd=folder, env=bare, capture_output=True, text=True, check=False,
        preexec_fn=poor,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "evaluate" in done.stdout
    assert {path.name for path in folder.iterdir()} - {".snakemake"} == {"my data.csv", "my-data.yaml"}
    assert (folder / "my-data.yaml").stat().st_mode & 0o077 == 0
    assert yaml.safe_load((folder / "my-data.yaml").read_text())["name"] == "my-data"
