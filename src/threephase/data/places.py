"""Where the files of a dataset lie. Nothing is read here but what tells one state of a file from another."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from threephase.errors import ConfigError, DataError, looked_for
from threephase.settings.dataset import SPLITS, DatasetSettings, Source

FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx")
# Beside what begins with a dot: archives', systems' and libraries' own files among a user's.
TOOLS_OWN = {
    "__MACOSX", "_SUCCESS", "_metadata", "_common_metadata", "Thumbs.db", "desktop.ini", "dataset_info.json",
    "dataset_infos.json", "dataset_dict.json", "state.json",
}  # fmt: skip
# What people put beside data to say what it is.
_ABOUT = re.compile(r"(?i:readme)(\..*)?|(LICEN[CS]E|COPYING|NOTICE|CITATION|CHANGELOG)(\..*)?|.*\.(?i:md|rst|cff)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # what writers of partitions put where there is none
ENDINGS_SHOWN = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]} file (or one of these as .gz)"
ENDINGS = (*FORMATS, *(f"{ending}.gz" for ending in FORMATS))


def has_known_format(path: Path) -> bool:
    """Whether a file's name ends as one of the formats that can be read."""
    return path.name.lower().endswith(ENDINGS)


def local_copy(root: Path, name: str, settings: DatasetSettings) -> Source:
    """The source of a dataset in its folder below `data_root`: files named after the splits, in any known format.

    Raises ConfigError where there are no training rows, no test rows though none are held out, test rows beside
    repeated splits, or two files for one split.
    """
    folder = root / name
    if not folder.is_dir():
        there = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        raise ConfigError(
            f"config: data_root: {folder}: no such folder; copies there: {', '.join(there) or 'none'}. "
            f"Put one there, or drop data_root{looked_for(folder)}"
        )
    found: dict[str, str] = {}
    for split in SPLITS:
        files = [folder / f"{split}{ending}" for ending in ENDINGS if (folder / f"{split}{ending}").is_file()]
        if len(files) > 1:
            raise ConfigError(f"config: data_root: {files[0]} and {files[1].name} are both '{split}'; keep one")
        if files:
            found[split] = str(files[0])
    if "train" not in found:
        raise ConfigError(f"config: data_root: {folder}: holds no train file ({', '.join(ENDINGS)})")
    if "test" in found and settings.splits is not None:
        raise ConfigError(
            f"config: data_root: {found['test']}: test rows, where `splits` has folds of train; move it away, or drop "
            "`splits`"
        )
    if "test" not in found and settings.test_size is None and settings.splits is None:
        raise ConfigError(f"config: data_root: {folder}: holds no test file; add it, or give `test_size` or `splits`")
    columns = settings.source.copy_columns
    return Source(
        **found,
        text=columns.text,
        labels=columns.labels,
        label_map=settings.source.label_map,
        missing_labels=settings.source.missing_labels,
        encodings=settings.source.encodings,
        quotes=settings.source.quotes,
    )


def files_of(path: Path) -> list[Path]:
    """The files that a path of a local source stands for: itself, what a pattern matches, what a folder holds.

    What is hidden does not count, nor what is about the data (README.md, LICENSE); `~` is the home folder. Raises
    DataError where there is none, or one that cannot be read.
    """
    path = at_home(path)
    try:
        files = _files_of(path)
    except (OSError, ValueError) as error:  # a folder that may not be opened, a name with a NUL byte
        raise DataError(f"{str(path)!r}: cannot be looked at: {error}; name another path") from None
    if not files:
        raise DataError(f"{path}: no such file; check the dataset's `source` in the config{looked_for(path)}")
    for file in files:
        if not os.fsencode(file).isascii() and _is_undecodable(file):
            raise DataError(f"{os.fsencode(file)!r}: a name that is not UTF-8; rename the file")
    return files


def at_home(path: Path) -> Path:
    """The path with the home folder in place of `~`, as a shell has it."""
    try:
        return path.expanduser()
    except RuntimeError:  # nobody's home: the name of a file that begins so
        return path


def partition_of(file: Path, path: Path) -> dict[str, str | None]:
    """Columns that the folders between a source's path and one of its files name, as `label=sport/part-0.parquet`."""
    path = at_home(path)
    between = () if file == path else file.relative_to(_anchor(path)).parent.parts
    pairs = (part.partition("=") for part in between)
    return {
        unquote(name): None if value == _NO_VALUE else unquote(value) for name, sign, value in pairs if name and sign
    }


def class_files(folder: Path) -> list[Path]:
    """The texts of a folder with a folder for each class, `class/name.txt`, in the order of their paths."""
    return sorted(file for file in folder.glob("*/*.txt") if file.is_file() and not _is_hidden(file, folder))


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        texts = set(class_files(path))
        seen = [file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path)]
        return sorted(file for file in seen if file in texts or not _ABOUT.fullmatch(file.name))
    if path.is_file():
        return [path]
    if path.exists():
        raise OSError("it is a pipe, a socket or a device, which cannot be read twice")
    anchor = _anchor(path)
    pattern = path.relative_to(anchor)
    matching = anchor.glob(str(pattern)) if _is_pattern(pattern) else ()
    wanted = any(part.startswith(".") for part in pattern.parts)
    return sorted(
        file
        for file in matching
        if file.is_file() and (wanted or not (_is_hidden(file, anchor) or _ABOUT.fullmatch(file.name)))
    )


def _anchor(path: Path) -> Path:
    """The folder itself, or the deepest one above a pattern; a folder with brackets in its name is no pattern."""
    if path.is_dir():
        return path
    return next((place for place in path.parents if not _is_pattern(place) or place.is_dir()), Path())


def _is_hidden(file: Path, below: Path) -> bool:
    """Whether a file, or a folder on the way to it, is one that tools keep for themselves."""
    return any(map(is_hidden_name, file.relative_to(below).parts))


def is_hidden_name(name: str) -> bool:
    """Whether a file or folder of that name is one that tools keep for themselves."""
    return name.startswith(".") or name in TOOLS_OWN


def _is_undecodable(file: Path) -> bool:
    try:
        str(file).encode()
    except UnicodeEncodeError:
        return True
    return False


def local_paths(source: Source) -> list[Path]:
    """The paths of a local source's splits; none of a source of another kind."""
    return [Path(path) for path in source.named_splits.values()] if source.kind == "local" else []


def hash_of_files(paths: list[Path]) -> str | None:
    """Hash of the names and contents of the files of some paths; None for no paths.

    A name is a path below a folder: those of folders on the way may be classes. Raises DataError for a file that
    cannot be read.
    """
    if not paths:
        return None
    digest = hashlib.sha256()
    for path in paths:
        for each in files_of(path):
            below = each.relative_to(_anchor(at_home(path))) if each != at_home(path) else Path(each.name)
            try:
                with each.open("rb") as file:
                    digest.update(f"{below.as_posix()}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
            except OSError as error:
                raise DataError(f"{each}: cannot be read: {error.strerror or error}; name a file that can") from None
    return digest.hexdigest()


def _is_pattern(path: Path) -> bool:
    return any(character in str(path) for character in "*?[")
