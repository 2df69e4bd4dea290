"""How a run that is to end asks its trainings to save their state and end."""

import os
import signal
from collections.abc import Iterator

import pytest

from threephase.jobs.asking import ASKS, heed_run
from threephase.training.stopping import asked_to_stop


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = signal.getsignal(ASKS)
    yield
    signal.signal(ASKS, before)


def test_a_training_that_listens_hears_its_run_once() -> None:
    heed_run()
    with asked_to_stop() as asked:
        for _ in range(3):
            os.kill(os.getpid(), ASKS)
        assert asked == ["SIGTERM"]


def test_a_training_that_was_asked_by_a_terminal_is_not_ended_by_its_run() -> None:
    heed_run()
    with asked_to_stop() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), ASKS)
        assert asked == ["SIGINT"]


def test_what_does_not_listen_takes_no_notice() -> None:
    heed_run()
    os.kill(os.getpid(), ASKS)
