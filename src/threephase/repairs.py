"""Which of our folders were found damaged, and how often: what makes the workflow build them again."""

from pathlib import Path

from threephase.checkpoint import read_json, write_json, writing_file


class Repairs:
    """A count for each folder that was found damaged, in a small file beside the results.

    Snakemake builds a missing file again only if something else needs it; a rule with a folder's count among its
    params builds a damaged folder again whatever has been made of it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._counts: dict[str, int] = read_json(file) if file.exists() else {}

    def mark(self, folder: Path) -> None:
        """Have a folder made again."""
        self._counts[folder.as_posix()] = self.of(folder) + 1
        with writing_file(self.file) as beside:
            write_json(beside, self._counts)

    def of(self, folder: Path) -> int:
        """How often a folder had to be made again."""
        return self._counts.get(folder.as_posix(), 0)
