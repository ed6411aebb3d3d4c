"""Constant traffic in the background, counted as it is sent; the restart tests compare against it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sonic_telegen.demo.switch import Switch

BURST_SEC = 0.002


class Stream:
    """Sends ``frames`` to a port's ingress again and again inside ``with``; ``sent`` is how many frames went out."""

    def __init__(self, switch: Switch, port: str, frames: Sequence[bytes]) -> None:
        self._switch, self._port, self._frames = switch, port, frames
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream-{port}", daemon=True)
        self.sent = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End the stream; all frames sent so far have been through the port's ingress when this returns."""
        self._stop.set()
        self._thread.join()
        return self.sent

    def _run(self) -> None:
        while not self._stop.is_set():
            self.sent += self._switch.send(self._port, self._frames)
            time.sleep(BURST_SEC)  # the pace of the traffic, nothing waits for it
