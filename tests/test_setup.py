"""Set-up that travels: the lock, the conda environment and the package agree."""

import tomllib
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from conftest import seconds_of
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]
UNLOCKED = {"trackio", "mlflow"}  # extras


def locked() -> list[Requirement]:
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_everything_the_package_asks_for_is_locked_within_its_bounds() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = {name: asked for name, asked in project["optional-dependencies"].items() if name not in UNLOCKED}
    asked = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    assert f"\nLOCKED := {' '.join(extras)}\n" in (PROJECT / "Makefile").read_text()
    for requirement in map(Requirement, asked):
        versions = [next(iter(pin.specifier)).version for pin in locked() if pin.name == requirement.name]
        assert versions, f"{requirement.name} is not locked"
        assert all(requirement.specifier.contains(version) for version in versions), requirement.name
    assert "torch==2.13.0" in map(str, locked())


def test_conda_users_get_the_same_pins() -> None:
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    (pip,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert list(map(str, map(Requirement, pip))) == list(map(str, locked()))


def test_the_longest_files_begin_first_and_each_in_one_piece(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    seconds = list(map(seconds_of, items))
    assert seconds == sorted(seconds, reverse=True)
    files = [file for file, _ in groupby(item.path for item in items)]
    assert len(files) == len(set(files))
    assert "--no-loadscope-reorder" in (PROJECT / "Makefile").read_text()  # xdist's own order: many tests first
