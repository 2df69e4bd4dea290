"""Which of our folders were found damaged, and how often: what makes the workflow build them again."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from threephase.artifacts.folders import write_json, writing_file
from threephase.errors import CheckpointError

_COUNTS = TypeAdapter(dict[str, Annotated[int, Field(ge=0)]])


class Repairs:
    """A count for each folder that was found damaged, in a small file beside the results.

    Snakemake builds a missing file again only if something else needs it; a rule with a folder's count among its
    params builds a damaged folder again whatever has been made of it.

    Raises CheckpointError if the file is there and holds something else.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._counts = _COUNTS.validate_json(file.read_bytes(), strict=True) if file.exists() else {}
        except (ValueError, OSError):
            raise CheckpointError(
                f"{file}: not the counts that a run wrote; delete it, and what was repaired once is made again"
            ) from None

    def of(self, folder: Path) -> int:
        """How often a folder had to be made again."""
        return self._counts.get(folder.as_posix(), 0)

    def mark(self, folder: Path) -> None:
        """Have a folder made again; counts for later runs only once it is written."""
        self._counts[folder.as_posix()] = self.of(folder) + 1

    def write(self) -> None:
        """Keep the counts for later runs."""
        with writing_file(self.file) as beside:
            write_json(beside, self._counts)
