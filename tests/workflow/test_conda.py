"""Snakemake's conda deployment, as far as it goes without conda: a stand-in is asked to make the environment."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import fake_conda
import pytest
import yaml
from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet
from running import PROJECT, write_config

pytestmark = pytest.mark.takes(seconds=40)

TARGETS = ["results/data/topics/dataset.json", "audit_published"]


def in_conda(folder: Path, *arguments: str) -> str:
    """What the workflow says when its jobs run in conda environments."""
    home = folder / "conda"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    command = f"exec '{sys.executable}' '{fake_conda.__file__}' '{home}' \"$@\""
    (home / "bin/conda").write_text(f"#!/bin/sh\n{command}\n")
    (home / "bin/conda").chmod(0o755)
    (home / "bin/activate").write_text('export PATH="$1/bin:$PATH" CONDA_PREFIX="$1"\n')
    path = f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [
            "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder), "--cores", "1",
            "--configfile", str(folder / "config.yaml"), "--software-deployment-method", "conda", *arguments,
        ],
        env=os.environ | {"PATH": path, "THREEPHASE_COLD": "1"},
        capture_output=True, text=True, cwd=PROJECT, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, source_csv: Path) -> Path:
    """Where two small jobs have run in conda's environment."""
    folder = tmp_path_factory.mktemp("conda")
    write_config(folder, source_csv, folder / "no-model")
    in_conda(folder, "--", *TARGETS)
    return folder


def environment(ran: Path) -> Path:
    """The one environment that there is."""
    (flag,) = (ran / ".snakemake/conda").glob("*.env_setup_done")
    return flag.with_suffix("")


def test_jobs_run_in_the_environment_with_its_libraries_alone(ran: Path) -> None:
    seen = [json.loads(line) for line in (environment(ran) / fake_conda.RAN).read_text().splitlines()]
    jobs = {Path(job["command"][-1]).suffixes[0]: job for job in seen if job["command"][-1].endswith(".py")}
    assert set(jobs) == {".dataset", ".audit_published"}
    assert {name for job in jobs.values() for name in job["strangers"]} <= {"threephase"}


def test_the_project_reaches_jobs_though_the_environment_lacks_it(ran: Path) -> None:
    python = [str(environment(ran) / "bin/python"), "-E", "-c"]
    alone = subprocess.run([*python, "import threephase"], capture_output=True, text=True)
    assert "No module named 'threephase'" in alone.stderr
    assert (ran / TARGETS[0]).exists()


def test_conda_is_given_the_file_as_it_is_with_channels_and_a_python_for_the_package(ran: Path) -> None:
    given = environment(ran).with_suffix(".yaml").read_text()
    assert given == (PROJECT / "environment.yml").read_text()
    channels, dependencies = (yaml.safe_load(given)[name] for name in ("channels", "dependencies"))
    assert channels == ["conda-forge", "nodefaults"]
    (python,) = (part.removeprefix("python=") for part in dependencies if str(part).startswith("python="))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert python in SpecifierSet(project["requires-python"])


def test_nothing_runs_again_in_the_same_environment(ran: Path) -> None:
    assert "Nothing to be done" in in_conda(ran, "--dry-run", "--", *TARGETS)


@pytest.mark.parametrize(
    ("change", "stumbles"),
    [
        ({"dependencies": ["python=3.11", "pip", {"pip": ["--editable ."]}]}, InvalidRequirement),
        ({"dependencies": ["python=3.11", "pip", {"pip": ["--requirement requirements.lock"]}]}, InvalidRequirement),
        ({"dependencies": ["python=3.11", "pip", {"pip": ["pandas @ file:../pandas"]}]}, SystemExit),
        ({"dependencies": ["python=3.11", "pip", {"pip": ["pandas==0.1"]}]}, SystemExit),
        ({"dependencies": ["python=3.11", {"pip": ["pandas"]}]}, SystemExit),
        ({"requirements": ["pandas"]}, SystemExit),
    ],
    ids=["editable", "requirements", "path", "version", "no pip", "section"],
)
def test_a_fault_of_the_file_would_be_seen(
    tmp_path: Path, change: dict[str, Any], stumbles: type[BaseException]
) -> None:
    given = yaml.safe_load((PROJECT / "environment.yml").read_text()) | change
    (tmp_path / "environment.yml").write_text(yaml.safe_dump(given))
    with pytest.raises(stumbles):
        fake_conda.create(tmp_path / "environment.yml", tmp_path / "made")
