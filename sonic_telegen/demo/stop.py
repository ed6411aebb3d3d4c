"""Ctrl-C and SIGTERM as a fact to look at, so that a demo is taken down in order whenever it is asked to end."""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Counts requests to end, from ``install`` on; ``wait`` returns early when one comes. Main thread only.

    Not a threading.Event: its lock is not reentrant, and a handler runs in the very thread that waits.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)

    def install(self) -> None:
        """Take the signals over for the rest of the process."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._note)

    def wait(self, seconds: float, requests: int = 1) -> bool:
        """Until ``requests`` came in all, or the time is over; whether they came."""
        deadline = time.monotonic() + seconds
        while self.asked < requests and (left := deadline - time.monotonic()) > 0:
            if select.select([self._reader], [], [], left)[0]:
                os.read(self._reader, 64)
        return self.asked >= requests

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1
