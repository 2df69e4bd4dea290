"""`threephase run`: what it refuses, what it becomes, and that it runs from any folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import made_up_rows

from threephase.commands.cli import main
from threephase.commands.run import OWN_CONFIG, SNAKEFILE, command, own_name
from threephase.errors import ConfigError, UserError

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
    assert command(["--cores", "2"]) == [*started, str(OWN_CONFIG), "--cores", "2", *VIEW]
    assert command(["--json"]) == [*started, str(OWN_CONFIG), "--logger-threephase-json", *VIEW]
    assert command(["--logger", "other"]) == [*started, str(OWN_CONFIG), "--logger", "other"]
    assert command([config, "--", "--configfile"])[-2:] == ["--", "--configfile"]  # a target, however odd


@pytest.mark.parametrize("option", [["--configfile", "x"], ["--configfile=x"], ["--configfiles", "x"]])
def test_a_second_way_to_name_config_files_is_refused(config: str, option: list[str]) -> None:
    with pytest.raises(UserError, match="config files come first"):
        command([config, *option])


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


def test_the_commands_that_init_prints_run_as_printed(tmp_path: Path) -> None:
    folder = tmp_path / "un été"
    folder.mkdir()
    made_up_rows({"sport": 60, "money": 30}).to_csv(folder / "my data.csv", index=False)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | {k: v for k, v in os.environ.items() if "PYTHON" in k}
    said = subprocess.run(
        [Path(sys.executable).parent / "threephase", "init", "my data.csv"],
        cwd=folder, env=bare, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (line,) = [line for line in said.splitlines() if line.startswith("see what would run:")]
    done = subprocess.run(
        line.split(":", 1)[1], shell=True, cwd=folder, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "evaluate" in done.stdout
    assert {path.name for path in folder.iterdir()} - {".snakemake"} == {"my data.csv", "my-data.yaml"}
    assert yaml.safe_load((folder / "my-data.yaml").read_text())["name"] == "my-data"
