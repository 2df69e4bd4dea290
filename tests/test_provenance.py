"""The digest of a rule's code: its own meaning, and nothing else."""

import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from threephase import __version__, provenance

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package and its scripts to edit."""
    shutil.copytree(PROJECT / "src/threephase", tmp_path / "threephase")
    shutil.copytree(PROJECT / "workflow/scripts", tmp_path / "scripts")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "threephase")
    return tmp_path


def changed_by(copied: Path, file: str, old: str, new: str) -> set[str]:
    """The scripts whose digest an edit changes."""

    def digests() -> dict[str, str]:
        provenance._imports.cache_clear()
        provenance._meaning.cache_clear()
        return {path.stem: provenance.code_digest(path) for path in (copied / "scripts").glob("*.py")}

    before = digests()
    text = (copied / file).read_text()
    assert old in text
    (copied / file).write_text(text.replace(old, new))
    after = digests()
    return {script for script in before if before[script] != after[script]}


STUDY = {"study", "study_worker"}


def test_an_edit_reaches_the_scripts_that_run_it(copied: Path) -> None:
    assert changed_by(copied, "threephase/phases/contrastive.py", "epochs=1", "epochs=2") == {"cl", "joint"} | STUDY
    assert changed_by(copied, "threephase/phases/dae.py", "add_dense(encoder)", "pass") == {"dae", "joint"} | STUDY
    assert changed_by(copied, "threephase/tables.py", '"–"', '"-"') == {
        "table3", "table4", "table6", "table7", "effects"
    }  # fmt: skip
    assert changed_by(copied, "threephase/training.py", '"linear"', '"cosine"') == {"dae", "cl", "joint", "ft"} | STUDY
    assert changed_by(copied, "threephase/phases/joint.py", "epochs=1", "epochs=2") == {"joint"} | STUDY
    assert changed_by(copied, "threephase/settings/dae.py", "0.6,", "0.5,") == {"dae", "joint"} | STUDY


def test_a_script_counts_itself(copied: Path) -> None:
    assert changed_by(copied, "scripts/results.py", 'outcome.says(f"{len(table)} runs")', "pass") == {"results"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("threephase/tables.py", '"""The paper\'s result tables', '"""These are the tables'),
        ("threephase/noise.py", "import numpy as np\n", "import numpy as np\n\n# a remark\n\n"),
        ("threephase/seeding.py", "seed, *place])", "(seed), *place,\n    ])"),
        ("threephase/__init__.py", '__version__ = "', '__version__ = "9'),
        ("threephase/cli.py", "return 0", "return 3"),
    ],
    ids=["docstring", "comment", "layout", "version", "unreached"],
)
def test_what_changes_no_meaning_changes_no_digest(copied: Path, file: str, old: str, new: str) -> None:
    assert changed_by(copied, file, old, new) == set()


def test_the_version_is_the_codes_own_installed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", absent)
    recorded = provenance.provenance(provenance.Clock())["versions"]
    assert (recorded["threephase"], recorded["numpy"]) == (__version__, "absent")
