"""Progress of a training: a bar on the terminal for the person in front of it, lines in the log for later."""

import logging
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from threephase import console

logger = logging.getLogger(__name__)


class ProgressBar(TrainerCallback):
    """A bar with the last losses, drawn only on a real terminal; each evaluation also goes to the log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=self.title,
            unit="step",
            file=console.terminal,
            disable=None,  # not a terminal: no bar
            leave=False,
            dynamic_ncols=True,
            mininterval=0.5,
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        shown = {name: logs[key] for name, key in (("loss", "loss"), ("validation", "eval_loss")) if key in logs}
        if shown:
            text = ", ".join(f"{name} {float(value):.4f}" for name, value in shown.items())
            self.bar.set_postfix_str(text, refresh=False)
            logger.info("step %d of %d: %s", state.global_step, state.max_steps, text)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar.close()
