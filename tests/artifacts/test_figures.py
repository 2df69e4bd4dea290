"""The same figure gives the same bytes."""

import time
from pathlib import Path

from threephase.artifacts.figures import save_figure, without_screen


def drawn(folder: Path, name: str = "figure") -> dict[str, bytes]:
    """A figure with what an svg names by hashes: marks, and a line that its axes cut."""
    pyplot = without_screen()
    figure, axes = pyplot.subplots()
    axes.plot([0, 1, 2], [2, 0, 1], marker="o")
    save_figure(figure, folder / name)
    pyplot.close(figure)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_figure_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = drawn(tmp_path / "first")
    assert set(first) == {"figure.svg", "figure.png"}
    assert first["figure.png"].startswith(b"\x89PNG")
    time.sleep(1.1)  # dates of files have seconds
    assert drawn(tmp_path / "second") == first


def test_names_that_differ_behind_a_dot_are_files_of_their_own(tmp_path: Path) -> None:
    drawn(tmp_path, "effects_v1.0")
    assert set(drawn(tmp_path, "effects_v1.1")) == {
        f"effects_{name}.{ending}" for name in ("v1.0", "v1.1") for ending in ("svg", "png")
    }
