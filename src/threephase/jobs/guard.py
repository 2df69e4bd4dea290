"""The guard of the test split: a job that trains, tunes or selects cannot open it, nor the downloads it came from."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from threephase.errors import GuardError

TEST_SPLIT = "test.parquet"
DOWNLOADS = Path("downloads") / "data"  # beside the datasets


@contextmanager
def refuse_test_split(data: Path) -> Iterator[None]:
    """Refuse to open any dataset's test split below `data` while the block runs, and any download of a dataset.

    Seen is what goes through Python's own `open` and the parquet files that pyarrow reads from a path, and with them
    pandas and Hugging Face datasets. A library that opens files in C on its own is not; the test over the workflow's
    graph stands beside this guard.

    Raises GuardError at the attempt and, should somebody swallow that, again at the end of the block.
    """
    import pyarrow.parquet as parquet

    datasets, downloads = (os.path.realpath(folder) + os.sep for folder in (data, data.parent / DOWNLOADS))
    faults: list[str] = []
    watching = True

    def refuse(path: str, what: str) -> NoReturn:
        faults.append(f"{path}: a job that trains or selects tried to open {what}")
        raise GuardError(faults[-1])

    def check(named: object) -> None:
        if watching and isinstance(named, str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(named))
            if path.startswith(datasets) and path.endswith(os.sep + TEST_SPLIT):
                refuse(path, "the test split; only `evaluate` may, and `embed` for the report")
            if path.startswith(downloads):
                refuse(path, "a dataset's download, which holds test rows; only `dataset` and `audit` may")

    def checked(opens: Callable[..., None]) -> Callable[..., None]:
        def first_check(self: object, source: object, *arguments: Any, **named: Any) -> None:
            for path in source if isinstance(source, list) else [source]:
                for file in _files(path):
                    check(file)
            opens(self, source, *arguments, **named)

        return first_check

    sys.addaudithook(lambda event, arguments: check(arguments[0]) if event == "open" else None)  # cannot be removed
    try:
        with (
            patch.object(parquet.ParquetFile, "__init__", checked(parquet.ParquetFile.__init__)),
            patch.object(parquet.ParquetDataset, "__init__", checked(parquet.ParquetDataset.__init__)),
        ):
            yield
        if faults:
            raise GuardError(faults[0])
    finally:
        watching = False


def _files(source: Any) -> list[Any]:
    """What pyarrow would open: a folder's files, or what is no folder itself."""
    folder = isinstance(source, str | os.PathLike) and Path(source).is_dir()
    return list(Path(source).rglob("*")) if folder else [source]
