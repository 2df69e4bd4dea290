"""What a training needs to go on after it was killed, saved now and then beside the results.

It goes when something starts from the finished training: only then is it sure that the workflow took note of the end.
"""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from threephase import console
from threephase.artifacts import layout
from threephase.artifacts.folders import verify, writing
from threephase.errors import CheckpointError

logger = logging.getLogger(__name__)

STEP = "step"


def forget(states: Path) -> None:
    """Remove the states of a training that is done, and the folders above that are empty without them."""
    shutil.rmtree(states, ignore_errors=True)
    for above in states.parents:
        if layout.unfinished() not in above.parents:
            break
        with suppress(OSError):  # another training has states there
            above.rmdir()


class Unfinished:
    """The saved states of one training (DESIGN contract 3), of which the newest counts.

    Args:
        folder: a place for this training, outside of what Snakemake deletes before it runs a job again.
        key: hash of all that the training depends on; states under another key are not its own.
        every: seconds between two states; 0 saves one after every step.
    """

    def __init__(self, folder: Path, key: str, every: float) -> None:
        self.folder = folder / key[:16]
        self.every = every
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save a state."""
        return time.monotonic() - self._saved >= self.every

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """A folder to write the state after `step` into; older states go once it is complete.

        Where it cannot be written, the training goes on without: a full disk must not end it here.
        """
        try:
            with writing(self.folder / f"{STEP}{step}") as folder:
                yield folder
            for older in self._steps()[:-1]:
                shutil.rmtree(self.folder / f"{STEP}{older}", ignore_errors=True)
        except (CheckpointError, OSError) as error:
            logger.warning("state of step %d not saved: %s", step, error)
            print(f"! state of a training not saved, it goes on: {error}", file=console.terminal, flush=True)
        self._saved = time.monotonic()

    def latest(self) -> Path | None:
        """The newest state that is whole; None if there is none."""
        for step in reversed(self._steps()):
            folder = self.folder / f"{STEP}{step}"
            try:
                verify(folder)
                return folder
            except CheckpointError as error:
                logger.warning("%s; not used", error)
        return None

    def _steps(self) -> list[int]:
        found = self.folder.glob(f"{STEP}*") if self.folder.is_dir() else ()
        return sorted(int(path.name.removeprefix(STEP)) for path in found)
