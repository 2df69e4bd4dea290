"""Where the files of a dataset lie. Nothing is read here but what tells one state of a file from another."""

import hashlib
from pathlib import Path

from threephase.errors import ConfigError, DataError
from threephase.settings.dataset import SPLITS, DatasetSettings, Source

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
ENDINGS = (*FORMATS, *(f"{ending}.gz" for ending in FORMATS))


def has_known_format(path: Path) -> bool:
    """Whether a file's name ends as one of the formats that can be read."""
    return path.name.lower().endswith(ENDINGS)


def local_copy(root: Path, name: str, settings: DatasetSettings) -> Source:
    """The source of a dataset in its folder below `data_root`: files named after the splits, in any known format.

    Raises ConfigError where there are no training rows, no test rows though none are held out, or two files for
    one split.
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
    if "test" not in found and settings.test_size is None:
        raise ConfigError(f"config: data_root: {folder}: holds no test file; add it, or give `test_size`")
    columns = settings.source.copy_columns
    return Source(
        **found,
        text=columns.text,
        labels=columns.labels,
        label_map=settings.source.label_map,
        encodings=settings.source.encodings,
    )


def files_of(path: Path) -> list[Path]:
    """The files that a path of a local source stands for: itself, what a pattern matches, what a folder holds.

    Raises DataError where there is none.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    elif path.exists():
        files = [path]
    else:
        anchor = next((place for place in path.parents if not _is_pattern(place)), Path())
        files = sorted(anchor.glob(str(path.relative_to(anchor)))) if _is_pattern(path) else []
    if not files:
        raise DataError(f"{path}: no such file; check the dataset's `source` in the config")
    return files


def local_files(source: Source) -> list[Path]:
    """Every file of a local source, in order; none of a source of another kind."""
    if source.kind != "local":
        return []
    return [file for path in source.named_splits.values() for file in files_of(Path(path))]


def fingerprint(files: list[Path]) -> str | None:
    """Hash of the names and contents of files; None for no files."""
    if not files:
        return None
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_pattern(path: Path) -> bool:
    return any(character in str(path) for character in "*?[")
