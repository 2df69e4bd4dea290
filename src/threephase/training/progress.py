"""Progress of a training: a bar for the person in front of the terminal, lines in the log for later."""

import logging
from types import TracebackType

from threephase import console

logger = logging.getLogger(__name__)


class Progress:
    """A bar with the last losses; each loss also goes to the log.

    Args:
        title: what to call the training.
        steps: how many it has.
        done: how many of them were taken before.
    """

    def __init__(self, title: str, steps: int, done: int = 0) -> None:
        self.steps = steps
        self.step = done
        self.bar = console.bar(title, steps, done)

    def __enter__(self) -> "Progress":
        return self

    def to(self, step: int) -> None:
        """So many steps are taken."""
        self.bar.to(step)
        self.step = step

    def tell(self, **losses: float) -> None:
        """Show losses, each by its name."""
        self.bar.tell(losses)
        text = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        logger.info("step %d of %d: %s", self.step, self.steps, text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
