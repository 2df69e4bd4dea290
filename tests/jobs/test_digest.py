"""The digest of a rule's code: its own meaning, and nothing else."""

import ast
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from threephase.jobs import digest

PROJECT = Path(__file__).parents[2]
PHASES, STUDY = {"dae", "cl", "joint", "ft"}, {"study", "study_worker"}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package and its scripts to edit."""
    monkeypatch.setattr(digest, "PACKAGE", tmp_path / "threephase")
    return copy_of_project(tmp_path)


def copy_of_project(folder: Path) -> Path:
    for place, name in (("src/threephase", "threephase"), ("workflow/scripts", "scripts")):
        shutil.copytree(PROJECT / place, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digests(copied: Path) -> dict[str, str]:
    for cached in (digest._imports, digest._parsed, digest._meaning):
        cached.cache_clear()
    scripts = copied / "scripts"
    steps = {path.stem for path in scripts.glob("*.py")} - {"phase"} | PHASES
    return {step: digest.code_of(step, scripts) for step in steps}


@cache
def unedited() -> dict[str, str]:
    """The digests of the project as it is, wherever it lies."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest, "PACKAGE", Path(folder) / "threephase")
        return digests(copy_of_project(Path(folder)))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def changed_by(copied: Path, file: str, old: str, new: str) -> set[str]:
    """The steps whose digest an edit changes, which is then taken back."""
    before = (copied / file).read_text()
    edit(copied / file, old, new)
    edited = digests(copied)
    (copied / file).write_text(before)
    return {step for step, code in unedited().items() if edited[step] != code}


def test_an_edit_reaches_the_scripts_that_run_it(copied: Path) -> None:
    assert changed_by(copied, "threephase/phases/contrastive.py", "passes(1,", "passes(2,") == {"cl", "joint"} | STUDY
    assert changed_by(copied, "threephase/phases/dae.py", "add_dense(", "print(") == {"dae", "joint"} | STUDY
    assert changed_by(copied, "threephase/tables/legend.py", '"–"', '"-"') == {
        "classes",
        "score_table",
        "table4",
        "effects",
        "claims",
        "over_datasets",
        "studies",
        "verdict",
        "pictures",
        "report",
    }
    assert changed_by(copied, "threephase/training/loop.py", "fused=True", "fused=False") == PHASES | STUDY
    assert changed_by(copied, "threephase/phases/joint.py", "epochs=1", "epochs=2") == {"joint"} | STUDY
    assert changed_by(copied, "threephase/settings/dae.py", "0.6,", "0.5,") == {"dae", "joint", "probe"} | STUDY


def test_the_noise_of_a_phase_is_code_of_that_phase(copied: Path) -> None:
    stop_words = changed_by(copied, "threephase/method/stop_words.py", '"not", "no", "nor"', '"not", "no"')
    assert stop_words == {"cl", "joint"} | STUDY
    deleted = changed_by(copied, "threephase/method/noise.py", ">= deletion_ratio", "> deletion_ratio")
    assert deleted == {"dae", "joint", "probe"} | STUDY


def test_what_keeps_jobs_alive_is_code_of_no_rule(copied: Path) -> None:
    edit(copied / "threephase/jobs/gpus.py", "WAIT = 0.5", "WAIT = 5")
    for path in (copied / "threephase/jobs").glob("[a-z]*.py"):
        edit(path, "import", "pass; import")
    assert digests(copied) == unedited()


def test_a_digest_is_the_same_under_every_python(copied: Path) -> None:
    """Each interpreter that is there reads all scripts; none of the libraries is needed for that."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from threephase.jobs.digest import code_digest\n"
        "for path in sorted(Path(sys.argv[2]).glob('*.py')): print(path.stem, code_digest(path))"
    )
    pythons = [sys.executable, *filter(None, (shutil.which(f"python3.{minor}") for minor in range(11, 15)))]
    digests = {}
    for python in pythons:
        command = [python, "-c", code, str(copied), str(copied / "scripts")]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:  # a version manager's name for a Python that is not chosen here starts nothing
            digests[python] = run.stdout
    assert "evaluate " in digests[sys.executable]
    assert len(set(digests.values())) == 1, digests.keys()


def test_a_tree_is_shown_without_what_versions_add() -> None:
    """By hand: empty lists and absent parts are left out, so a version that adds some changes nothing."""
    tree = ast.parse("def f(a=None):\n    return g(f'{a!r:>2}', -1.0)[:b], u'x'")
    shown = (
        "FunctionDef(name='f', args=arguments(args=[arg(arg='a')], defaults=[None]), body=[Return(value=Tuple(elts=["
        "Subscript(value=Call(func=Name(id='g', ctx=Load()), args=[JoinedStr(values=[FormattedValue(value=Name(id='a', "
        "ctx=Load()), conversion=114, format_spec=JoinedStr(values=['>2']))]), UnaryOp(op=USub(), operand=1.0)]), "
        "slice=Slice(upper=Name(id='b', ctx=Load())), ctx=Load()), 'x'], ctx=Load()))])"
    )
    assert digest.shown(tree) == f"Module(body=[{shown}])"
    tree.body[0]._fields = (*tree.body[0]._fields, "type_params", "more")
    tree.body[0].type_params, tree.body[0].more = [], None
    assert digest.shown(tree) == f"Module(body=[{shown}])"


def test_where_the_files_lie_does_not_count(copied: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = digest.code_of("cl", copied / "scripts")
    shutil.copytree(copied / "threephase", tmp_path / "zz" / "threephase")
    monkeypatch.setattr(digest, "PACKAGE", tmp_path / "zz" / "threephase")
    digest._imports.cache_clear()
    assert digest.code_of("cl", copied / "scripts") == here


def test_a_script_counts_itself(copied: Path) -> None:
    assert changed_by(copied, "scripts/results.py", 'outcome.says(f"{len(table)} runs")', "pass") == {"results"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("threephase/tables/scores.py", '"""The paper\'s result tables', '"""These are the tables'),
        ("threephase/method/noise.py", "import numpy as np\n", "import numpy as np\n\n# a remark\n\n"),
        ("threephase/seeding.py", "seed, *place])", "(seed), *place,\n    ])"),
        ("threephase/__init__.py", '__version__ = "', '__version__ = "9'),
        ("threephase/commands/cli.py", "return 0", "return 3"),
    ],
    ids=["docstring", "comment", "layout", "version", "unreached"],
)
def test_what_changes_no_meaning_changes_no_digest(copied: Path, file: str, old: str, new: str) -> None:
    assert changed_by(copied, file, old, new) == set()
