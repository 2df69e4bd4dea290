"""Which of somebody's files hold the training, validation, test and unlabelled rows."""

import re
from pathlib import Path

from threephase.data.places import at_home, class_files, files_of, has_known_format, is_hidden_name
from threephase.errors import DataError
from threephase.settings.dataset import SPLITS

_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("unlabelled", "unlabeled", "unsupervised", "unsup"), "unlabelled"),
}
_REMEDY = "say which is which: init TRAIN --test FILE --validation FILE --unlabelled FILE"


def parts_of(paths: list[Path], named: dict[str, Path]) -> dict[str, Path]:
    """The path of each part of the data, `train` among them.

    One path is all the labelled rows, unless it is a folder with parts in files or folders of their own
    (`train.csv`, `test.csv`; `train-00000.parquet` …). Of several paths the names tell, and the one that tells
    nothing holds the training rows. `named` are those that were given a part. Raises DataError where that leaves a
    choice.
    """
    alone = len(paths) == 1
    found = ((_parts_within(paths[0]) or {"train": paths[0]}) if alone else _told_apart(paths)) | named
    return {split: found[split] for split in SPLITS if split in found}


def part_named(name: str) -> str | None:
    """The part that a file's or folder's name tells: its first word, or else its last."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold().partition(".")[0]) if word]
    told = (_NAMES.get(word) for word in (*words[:1], *words[-1:]))
    return next((part for part in told if part), None)


def _parts_within(folder: Path) -> dict[str, Path]:
    """The parts in a folder; none where nothing in it is called so, and it is the data as a whole."""
    place = at_home(folder)
    if not place.is_dir():
        return {}
    children = [child for child in sorted(place.iterdir()) if not is_hidden_name(child.name)]
    children = [child for child in children if child.is_dir() or has_known_format(child)]
    parts = {part for child in children if (part := part_named(child.name))}
    if not parts & {"train", "test"} or (len(parts) == 1 and all(child.is_dir() for child in children)):
        return {}  # one class of several may be called `test`
    if class_files(place) and any(not part_named(child.name) for child in children if child.is_dir()):
        return {}
    # As they were named, so that the config says `data/train.csv`.
    return _told_apart([folder / child.name for child in children])


def _told_apart(paths: list[Path]) -> dict[str, Path]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(part_named(path.name) or "", []).append(path)
    if "" in found:
        nameless = found.pop("")
        if len(nameless) > 1 or "train" in found:
            rest = [*nameless, *found.get("train", [])]
            raise DataError(f"{rest[0]} and {rest[1].name}: which of them are training rows? {_REMEDY}")
        found["train"] = nameless
    if "train" not in found:
        raise DataError(f"{paths[0]}: which are the training rows? No file is called train; {_REMEDY}")
    return {part: _one(part, paths) for part, paths in found.items()}


def _one(part: str, paths: list[Path]) -> Path:
    """One path for a part: a pattern where its rows lie in several files, as `train-*.parquet`."""
    if len(paths) == 1:
        return paths[0]
    first = paths[0]
    if len({path.parent for path in paths}) == 1 and len({path.suffix for path in paths}) == 1:
        pattern = first.with_name(f"{re.split(r'[-_.0-9]', first.name)[0]}[-_]*{first.suffix}")
        if sorted(path.name for path in files_of(pattern)) == sorted(path.name for path in paths):
            return pattern
    raise DataError(f"{first} and {paths[1].name} are both called {part}; {_REMEDY}")
