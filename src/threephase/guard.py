"""The guard of the test split: a job that trains, tunes or selects cannot open it (DESIGN contract 5)."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from threephase.errors import GuardError

TEST_SPLIT = "test.parquet"


@contextmanager
def refuse_test_split(data: Path) -> Iterator[None]:
    """Refuse to open any dataset's test split below `data` while the block runs.

    Seen is what goes through Python's own `open` and what pyarrow reads from a path, and with them pandas and Hugging
    Face datasets. A library that opens files in C on its own is not; the test over the workflow's graph stands
    beside this guard.

    Raises GuardError at the attempt and, should somebody swallow that, again at the end of the block.
    """
    import pyarrow.parquet as parquet

    root = os.path.realpath(data)
    attempts: list[str] = []
    watching = True

    def check(named: object) -> None:
        if watching and isinstance(named, str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(named))
            if path.endswith(os.sep + TEST_SPLIT) and path.startswith(root + os.sep):
                attempts.append(path)
                raise GuardError(_fault(path))

    def checked(opens: Callable[..., None]) -> Callable[..., None]:
        def first_check(self: object, source: object, *arguments: Any, **named: Any) -> None:
            for path in source if isinstance(source, list) else [source]:
                check(path)
            opens(self, source, *arguments, **named)

        return first_check

    sys.addaudithook(lambda event, arguments: check(arguments[0]) if event == "open" else None)  # cannot be removed
    try:
        with (
            patch.object(parquet.ParquetFile, "__init__", checked(parquet.ParquetFile.__init__)),
            patch.object(parquet.ParquetDataset, "__init__", checked(parquet.ParquetDataset.__init__)),
        ):
            yield
        if attempts:
            raise GuardError(_fault(attempts[0]))
    finally:
        watching = False


def _fault(path: str) -> str:
    return f"{path}: a job that trains or selects tried to open the test split; only `evaluate` may"
