"""Folders that are complete or absent."""

import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threephase.artifacts.folders import ABANDONED, MACHINE, damage, read_json, remove, verify, writing, writing_file
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
    ("spoil", "said"),
    [
        (lambda file: file.write_text("othex"), r"file\.txt: altered"),
        (lambda file: file.unlink(), r"file\.txt: missing"),
        (lambda file: (file.parents[1] / "complete.json").unlink(), r"complete\.json: missing"),
        (lambda file: (file.parents[1] / "complete.json").write_text('{"fil'), r"complete\.json: not valid JSON"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path: Path, spoil: object, said: str) -> None:
    write(tmp_path / "out", "other")
    spoil(tmp_path / "out/deep/file.txt")  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=said):
        verify(tmp_path / "out")


JUNK = [
    "",
    "[]",
    "null",
    "7",
    "{}",
    '{"files": []}',
    '{"files": null}',
    '{"files": {}}',
    '{"files": {"a": 1}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_junk_in_place_of_the_hashes_is_damage_and_one_line(tmp_path: Path, content: str) -> None:
    write(tmp_path / "out", "other")
    (tmp_path / "out/complete.json").write_text(content)
    assert damage(tmp_path / "out") == f"{tmp_path}/out/complete.json: not as it was written"
    with pytest.raises(CheckpointError, match=r"^[^\n]*complete\.json: not [^\n]*; delete that file and run again$"):
        verify(tmp_path / "out")


@pytest.mark.parametrize(("mask", "modes"), [(0o022, (0o755, 0o644)), (0o077, (0o700, 0o600)), (0o002, (0o775, 0o664))])
def test_who_may_read_results_is_as_the_umask_says(tmp_path: Path, mask: int, modes: tuple[int, int]) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "out", "text")
        with writing_file(tmp_path / "table.csv") as beside:
            beside.write_text("text")
    finally:
        os.umask(before)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*"), tmp_path / "table.csv"):
        assert path.stat().st_mode & 0o777 == modes[path.is_file()], path


FORK = multiprocessing.get_context("fork")
ROUNDS, TEXT = 60, 1000 * "text "


def complete_together(root: Path, both: Any) -> None:
    """Write folder after folder, each of which another process is about to complete at the same moment."""
    for number in range(ROUNDS):
        with writing(root / f"out{number}") as partial:
            (partial / "file.txt").write_text(TEXT)
            both.wait(60)


def replace_often(root: Path, both: Any) -> None:
    both.wait(60)
    for _ in range(ROUNDS):
        with writing(root / "out") as partial:
            (partial / "file.txt").write_text(TEXT)


def by_two_processes(work: Callable[[Path, Any], None], root: Path, look: Callable[[], None]) -> None:
    both = FORK.Barrier(2)
    writers = [FORK.Process(target=work, args=(root, both)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        look()
    assert [writer.exitcode for writer in writers] == [0, 0]


def test_a_folder_that_two_processes_complete_is_never_half_there_nor_goes_again(tmp_path: Path) -> None:
    seen: dict[Path, int] = {}

    def look() -> None:
        for folder in tmp_path.glob("out*"):
            closed = (folder / "complete.json").stat().st_ino
            assert seen.setdefault(folder, closed) == closed
            assert (folder / "file.txt").read_text() == TEXT

    by_two_processes(complete_together, tmp_path, look)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"out{number}" for number in range(ROUNDS))
    for folder in tmp_path.iterdir():
        verify(folder)


def test_a_folder_that_two_processes_replace_is_whole_or_for_an_instant_absent(tmp_path: Path) -> None:
    with writing(tmp_path / "out") as partial:
        (partial / "file.txt").write_text(TEXT)
    missed: list[float] = []

    def look() -> None:
        try:
            assert (tmp_path / "out/file.txt").read_text() == TEXT
            missed.clear()
        except FileNotFoundError:
            missed.append(time.monotonic())
            assert missed[-1] - missed[0] < 5

    by_two_processes(replace_often, tmp_path, look)
    verify(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_somebody_still_writes_stays(tmp_path: Path) -> None:
    with writing(tmp_path / "imdb.10k") as large, writing(tmp_path / "imdb") as other:
        (large / "file.txt").write_text("half")
        write(tmp_path / "imdb", "whole")
        assert other.exists()
    assert (tmp_path / "imdb.10k/file.txt").read_text() == "half"
    assert (tmp_path / "imdb/deep/file.txt").read_text() == "whole"


def test_what_dead_processes_left_goes(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    old = time.time() - ABANDONED - 60
    left = {
        f".a.b.{MACHINE}.{gone.pid}.0123abcd.partial": (time.time(), False),
        f".table.{MACHINE}.{gone.pid}.0123abcd.partial.csv": (time.time(), False),
        f".a.{MACHINE}.{os.getpid()}.0123abcd.partial": (old, True),
        f".a.elsewhere.{gone.pid}.0123abcd.partial": (time.time(), True),
        f".a.elsewhere.{gone.pid}.4567abcd.partial": (old, False),
        ".a.partial": (old, True),  # a file that somebody else calls so
    }

    def put() -> None:
        for name, (date, _) in left.items():
            path = tmp_path / name
            path.touch() if path.suffix == ".csv" else path.mkdir(exist_ok=True)
            os.utime(path, (date, date))

    stays = {name for name, (_, stays) in left.items() if stays}
    put()
    write(tmp_path / "out", "text")
    assert {path.name for path in tmp_path.iterdir()} == stays | {"out"}
    put()
    with writing_file(tmp_path / "file.txt") as beside:
        beside.write_text("text")
    assert {path.name for path in tmp_path.iterdir()} == stays | {"out", "file.txt"}


def test_two_writers_of_a_file_do_not_meet(tmp_path: Path) -> None:
    with writing_file(tmp_path / "table.csv") as first:
        first.write_text("first")
        with writing_file(tmp_path / "table.csv") as second:
            second.write_text("second")
        assert (tmp_path / "table.csv").read_text() == "second"
    assert (tmp_path / "table.csv").read_text() == "first"
    assert first.suffix == ".csv"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_is_removed_once(tmp_path: Path) -> None:
    write(tmp_path / "out", "text")
    remove(tmp_path / "out")
    remove(tmp_path / "out")
    assert not list(tmp_path.iterdir())
