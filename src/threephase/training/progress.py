"""Progress of a training: a bar on the terminal for the person in front of it, lines in the log for later."""

import logging
from types import TracebackType

from tqdm import tqdm

from threephase import console

logger = logging.getLogger(__name__)


class Progress:
    """A bar with the last losses, drawn only on a real terminal; each loss also goes to the log.

    Args:
        title: what to call the training.
        steps: how many it has.
        done: how many of them were taken before.
    """

    def __init__(self, title: str, steps: int, done: int = 0) -> None:
        self.steps = steps
        self.bar = tqdm(
            total=steps,
            initial=done,
            desc=title,
            unit="step",
            file=console.terminal,
            disable=None,  # not a terminal: no bar
            leave=False,
            dynamic_ncols=True,
            mininterval=0.5,
        )
        self.step = done

    def __enter__(self) -> "Progress":
        return self

    def to(self, step: int) -> None:
        """So many steps are taken."""
        self.bar.update(step - self.step)
        self.step = step

    def tell(self, **losses: float) -> None:
        """Show losses, each by its name."""
        text = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        self.bar.set_postfix_str(text, refresh=False)
        logger.info("step %d of %d: %s", self.step, self.steps, text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
