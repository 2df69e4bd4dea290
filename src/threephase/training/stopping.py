"""Signals that ask a training to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """The signals that asked this process to stop, as they come; the second one ends it as if nobody listened."""
    asked: list[str] = []
    usual: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number).name)
        for each, handler in usual.items():
            signal.signal(each, handler)

    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for each, handler in usual.items():
            signal.signal(each, handler)
