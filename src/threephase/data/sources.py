"""Raw rows from where they lie: tables or class folders, on their own or inside an installed package."""

from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from threephase.errors import DataError
from threephase.settings.dataset import Source

SPLITS = ("train", "validation", "test", "unlabelled")


class RawRows(NamedTuple):
    """Rows as they were found, by split: columns `text` and the source's label columns, all strings."""

    splits: dict[str, pd.DataFrame]
    origin: dict[str, object]  # package and version, or folder; rows that needed a later encoding


def read_source(source: Source) -> RawRows:
    """Read every split that the source names. Raises DataError where a file or column is missing."""
    root = package_folder(source.package) if source.package else Path()
    origin: dict[str, object] = {"later_encoding_rows": 0}
    if source.package:
        origin |= package_version(source.package)
    splits = {}
    for split in SPLITS:
        where = getattr(source, split)
        if where is not None:
            labels = [] if split == "unlabelled" else source.labels
            splits[split] = _read(root / where, source, labels, origin)
            origin[split] = where
    return RawRows(splits, origin)


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}' is not installed; for the demo: pip install 'threephase[demo]'")
    return Path(spec.submodule_search_locations[0])


def package_version(package: str) -> dict[str, object]:
    """Name and version of the distribution that an installed package came with."""
    distributions = packages_distributions().get(package, [])
    return {"package": package, "version": version(distributions[0]) if distributions else "unknown"}


def _read(path: Path, source: Source, labels: list[str], origin: dict[str, object]) -> pd.DataFrame:
    if path.is_dir():
        return _read_class_folders(path, source, labels, origin)
    if not path.exists():
        raise DataError(f"{path}: no such file; check the dataset's `source` in the config")
    if path.suffix != ".csv":
        raise DataError(f"{path}: a source is a .csv file or a folder of class folders")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=source.encodings[0])
    for column in [source.text, *labels]:
        if column not in rows.columns:
            raise DataError(f"{path}: no column '{column}'; it has: {', '.join(rows.columns)}")
    return rows[[source.text, *labels]].rename(columns={source.text: "text"})


def _read_class_folders(path: Path, source: Source, labels: list[str], origin: dict[str, object]) -> pd.DataFrame:
    """One row for each file `class/name.txt`, in the order of their paths."""
    rows = []
    for file in sorted(path.glob("*/*.txt")):
        text, place = _decode(file, source.encodings)
        origin["later_encoding_rows"] = int(str(origin["later_encoding_rows"])) + (place > 0)
        rows.append([text, file.parent.name][: 1 + len(labels)])
    if not rows:
        raise DataError(f"{path}: holds no class folder with .txt files")
    return pd.DataFrame(rows, columns=["text", *labels], dtype="str")


def _decode(file: Path, encodings: list[str]) -> tuple[str, int]:
    content = file.read_bytes()
    for place, encoding in enumerate(encodings):
        try:
            return content.decode(encoding), place
        except UnicodeDecodeError:
            continue
    raise DataError(f"{file}: not {' nor '.join(encodings)}; name its encoding under `source.encodings`")
