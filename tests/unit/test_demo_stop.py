"""Ctrl-C as a fact: it ends a wait at once, is never lost, and a second one is another."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from sonic_telegen.demo.stop import SIGNALS, Stop


@pytest.fixture
def stop() -> Iterator[Stop]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(-1)
    made = Stop()
    made.install()
    yield made
    signal.set_wakeup_fd(wakeup)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_the_wait_is_not_lost(stop: Stop, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    began = time.monotonic()
    assert stop.wait(30.0)
    assert time.monotonic() - began < 5.0


def test_a_signal_ends_a_wait(stop: Stop) -> None:
    sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    sender.start()
    began = time.monotonic()
    assert stop.wait(30.0)
    sender.join()
    assert time.monotonic() - began < 5.0


def test_a_wait_for_the_second_request_outlasts_the_first(stop: Stop) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    assert not stop.wait(0.05, requests=2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.wait(30.0, requests=2)
    assert stop.asked == 2


def test_without_a_signal_a_wait_takes_its_time(stop: Stop) -> None:
    began = time.monotonic()
    assert not stop.wait(0.05)
    assert time.monotonic() - began >= 0.05
