"""Folders that are complete or absent."""

from pathlib import Path

import pytest

from threephase.checkpoint import read_json, verify, writing
from threephase.errors import CheckpointError


def write(folder: Path, text: str) -> None:
    with writing(folder) as partial:
        (partial / "deep").mkdir()
        (partial / "deep" / "file.txt").write_text(text)
        assert not (folder / "deep").exists() or (folder / "deep/file.txt").read_text() != text


def test_a_folder_appears_whole_with_the_hashes_of_its_files(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    assert list(read_json(tmp_path / "out/complete.json")["files"]) == ["deep/file.txt"]
    first = verify(tmp_path / "out")
    write(tmp_path / "out", "second")
    assert (tmp_path / "out/deep/file.txt").read_text() == "second"
    assert verify(tmp_path / "out") != first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_the_older_folder_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    with pytest.raises(IsADirectoryError), writing(tmp_path / "out") as partial:
        (partial / "half").write_text("x") and partial.write_text("a folder is no file")
    assert (tmp_path / "out/deep/file.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_text("othex"), r"file\.txt: altered"),
        (lambda file: file.unlink(), r"file\.txt: missing"),
        (lambda file: (file.parents[1] / "complete.json").unlink(), r"complete\.json: missing"),
        (lambda file: (file.parents[1] / "complete.json").write_text('{"fil'), r"complete\.json: not valid JSON"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path: Path, damage: object, said: str) -> None:
    write(tmp_path / "out", "other")
    damage(tmp_path / "out/deep/file.txt")  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=said):
        verify(tmp_path / "out")
