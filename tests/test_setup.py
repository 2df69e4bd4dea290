"""Set-up that travels: the locks, the conda environment and the package agree."""

import os
import re
import subprocess
import tomllib
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from conftest import seconds_of
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]
UNLOCKED = {"trackio", "mlflow"}  # extras


def blocks_of(lock: str) -> list[str]:
    """What a lock says of each package: its requirement, then a hash a line."""
    lines = (PROJECT / lock).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return text.replace(" \\\n", "").splitlines()


def locked(lock: str = "requirements.lock") -> list[Requirement]:
    return [Requirement(block.partition(" --hash")[0].strip()) for block in blocks_of(lock)]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-cpu.lock", "requirements-cuda.lock"])
def test_every_package_of_a_lock_is_known_by_its_hash(lock: str) -> None:
    assert blocks_of(lock)
    for block in blocks_of(lock):
        assert re.fullmatch(r"[^=]+==[^ ]+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+", block), block


def test_what_torch_needs_for_cuda_is_in_a_lock_of_its_own() -> None:
    """A machine without a GPU installs no gigabytes for one."""

    def is_cuda(pin: Requirement) -> bool:
        return pin.name.startswith(("nvidia", "cuda", "triton"))

    assert all(map(is_cuda, locked("requirements-cuda.lock")))
    assert not any(map(is_cuda, locked()))


def test_torch_for_cpus_is_the_same_torch() -> None:
    """Else the lock would take it away again, for gigabytes for CUDA."""
    ((cpu,), (torch,)) = locked("requirements-cpu.lock"), [pin for pin in locked() if pin.name == "torch"]
    assert torch.specifier.contains(next(iter(cpu.specifier)).version)


def test_everything_the_package_asks_for_is_locked_within_its_bounds() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = {name: asked for name, asked in project["optional-dependencies"].items() if name not in UNLOCKED}
    asked = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    assert f"\nEXTRAS := {' '.join(extras)}\n" in (PROJECT / "Makefile").read_text()
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


def test_what_is_compiled_is_kept_where_the_environment_asks_python_to_keep_nothing() -> None:
    """As many containers do. Each job would compile torch anew."""
    shows = f'include {PROJECT / "Makefile"}\nshows:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["make", "-s", "-f", "-", "shows"],
        input=shows, env=environment, cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
