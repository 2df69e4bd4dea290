"""Signals that ask a training to stop."""

import os
import signal
import threading

import pytest

from threephase.training.stopping import asked_to_stop


def test_the_first_signal_is_noted_and_the_second_does_what_it_usually_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background begins without it
    with asked_to_stop() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == ["SIGTERM"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
    assert asked == ["SIGTERM"]


def test_a_thread_that_gets_no_signals_listens_to_none() -> None:
    found = []

    def listen() -> None:
        with asked_to_stop() as asked:
            found.append(asked)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [[]]
