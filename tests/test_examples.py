"""Every example runs as it is shown, here with a tiny base model."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "own_csv.py": "of 9 new tickets are in the right queue",
    "unlabelled_texts.py": "The bill of March has the wrong amount",
    "few_labels.py": "(seeds ",
    "custom_variant.py": "\nbilling    ",
    "cross_validation.py": "tfidf_logreg",
    "export.py": "\tMy card was charged two times",
}

pytestmark = pytest.mark.takes(seconds=30)


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_it_runs_and_says_what_came_out(
    name: str, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, str(tiny_bert)])
    runpy.run_path(str(tmp_path / "examples" / name), run_name="__main__")
    assert SAYS[name] in capsys.readouterr().out
