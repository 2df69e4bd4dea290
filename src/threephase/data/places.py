"""Where the files of a dataset lie. Nothing is read here but what tells one state of a file from another."""

import hashlib
import os
from pathlib import Path

from threephase.errors import ConfigError, DataError
from threephase.settings.dataset import SPLITS, DatasetSettings, Source

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
# Beside what begins with a dot: archives' and systems' own files among a user's.
TOOLS_OWN = {"__MACOSX", "_SUCCESS", "Thumbs.db", "desktop.ini"}
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
            "Put one there, or drop data_root"
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
        encodings=settings.source.encodings,
        quotes=settings.source.quotes,
    )


def files_of(path: Path) -> list[Path]:
    """The files that a path of a local source stands for: itself, what a pattern matches, what a folder holds.

    What is hidden does not count. Raises DataError where there is none, or one that cannot be read.
    """
    try:
        files = _files_of(path)
    except (OSError, ValueError) as error:  # a folder that may not be opened, a name with a NUL byte
        raise DataError(f"{str(path)!r}: cannot be looked at: {error}; name another path") from None
    if not files:
        raise DataError(f"{path}: no such file; check the dataset's `source` in the config")
    for file in files:
        if not os.fsencode(file).isascii() and _is_undecodable(file):
            raise DataError(f"{os.fsencode(file)!r}: a name that is not UTF-8; rename the file")
    return files


def class_files(folder: Path) -> list[Path]:
    """The texts of a folder with a folder for each class, `class/name.txt`, in the order of their paths."""
    return sorted(file for file in folder.glob("*/*.txt") if file.is_file() and not _is_hidden(file, folder))


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
    if path.is_file():
        return [path]
    if path.exists():
        raise OSError("it is a pipe, a socket or a device, which cannot be read twice")
    anchor = next((place for place in path.parents if not _is_pattern(place)), Path())
    pattern = path.relative_to(anchor)
    matching = anchor.glob(str(pattern)) if _is_pattern(path) else ()
    wanted = any(part.startswith(".") for part in pattern.parts)
    return sorted(file for file in matching if file.is_file() and (wanted or not _is_hidden(file, anchor)))


def _is_hidden(file: Path, below: Path) -> bool:
    """Whether a file, or a folder on the way to it, is one that tools keep for themselves."""
    return any(part.startswith(".") or part in TOOLS_OWN for part in file.relative_to(below).parts)


def _is_undecodable(file: Path) -> bool:
    try:
        str(file).encode()
    except UnicodeEncodeError:
        return True
    return False


def local_files(source: Source) -> list[Path]:
    """Every file of a local source, in order; none of a source of another kind."""
    if source.kind != "local":
        return []
    return [file for path in source.named_splits.values() for file in files_of(Path(path))]


def hash_of_files(files: list[Path]) -> str | None:
    """Hash of the names and contents of files; None for no files. Raises DataError for one that cannot be read."""
    if not files:
        return None
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}; name a file that can") from None
    return digest.hexdigest()


def _is_pattern(path: Path) -> bool:
    return any(character in str(path) for character in "*?[")
