"""States of trainings: a folder for each, the newest whole one counts, and nothing stays of one that is done."""

from itertools import combinations
from pathlib import Path

import pytest

from threephase.artifacts.layout import states as states_of
from threephase.artifacts.layout import states_of_worker, unfinished
from threephase.training.states import Unfinished, forget

ROOT = unfinished()


def test_no_two_trainings_share_a_folder() -> None:
    """Names may have dashes, and a dataset may be called like a study."""
    places = [
        states_of("a--b", "c", "1", "dae"),
        states_of("a", "b--c", "1", "dae"),
        states_of("a", "b", "1", "dae"),
        states_of("a", "b", "1", "dae.cl"),
        states_of("study", "a", "1", "dae"),
        states_of_worker("a", "b", "main", 1),
        states_of_worker("a", "b", "main", 2),
        states_of_worker("a--b", "c", "main", 1),
        states_of_worker("a", "b--c", "main", 1),
    ]
    for one, other in combinations(places, 2):
        assert one != other
        assert one not in other.parents
        assert other not in one.parents
    assert all(ROOT in place.parents for place in places)


def test_what_is_forgotten_leaves_no_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, other = (
        states_of("a", "b", "1", "dae"),
        states_of("a", "b", "2", "dae"),
        states_of("a", "c", "1", "ft"),
    )
    for states in (first, second, other):
        with Unfinished(states, "key", every=0).saving(3) as folder:
            (folder / "state").write_text("")
    forget(first)
    assert not first.parent.exists()
    assert second.exists()
    forget(second)
    assert not (ROOT / "a/b").exists()
    forget(other)
    forget(other)
    assert list(ROOT.iterdir()) == []


def test_only_states_are_forgotten_outside_of_the_results(tmp_path: Path) -> None:
    states = tmp_path / "unfinished/dae"
    states.mkdir(parents=True)
    forget(states)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished"]


def test_the_newest_whole_state_counts(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path, "key", every=0)
    assert unfinished.latest() is None
    with unfinished.saving(9) as folder:
        (folder / "state").write_text("9")
    with Unfinished(tmp_path, "key", every=0).saving(10) as folder:
        (folder / "state").write_text("10")
        kept = unfinished.latest()
    assert kept is not None
    assert kept.name == "step9"  # while the next one is being written
    newest = unfinished.latest()
    assert newest is not None
    assert newest.name == "step10"
    assert [path.name for path in newest.parent.iterdir()] == ["step10"]
    (newest / "state").write_text("11")
    assert unfinished.latest() is None
    assert Unfinished(tmp_path, "another key", every=0).latest() is None


def test_a_state_is_due_after_its_seconds(tmp_path: Path) -> None:
    assert Unfinished(tmp_path, "key", every=0).due
    assert not Unfinished(tmp_path, "key", every=60).due
