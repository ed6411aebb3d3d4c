"""A ring of frames without a kernel: readable while there are any, as the real one is."""

from __future__ import annotations

import os
import threading

from sonic_telegen.errors import KernelError
from sonic_telegen.model.captured import Captured
from sonic_telegen.model.job import Direction


def frame(number: int, ifindex: int = 1, size: int = 60, length: int = 0) -> Captured:
    """A frame that can be told from others."""
    data = number.to_bytes(4, "big") * ((size + 3) // 4)
    return Captured(1_000 + number, ifindex, Direction.INGRESS, length or size, data[:size])


class FakeRing:
    """``sampled`` and ``lost`` as the job's program would count them; room for ``room`` frames."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.frames: list[Captured] = []
        self.sampled = self.lost = 0
        self.room = room
        self.broken: KernelError | None = None
        self.closed = 0
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()

    def come(self, *frames: Captured) -> None:
        with self._lock:
            for one in frames:
                self.sampled += 1
                if len(self.frames) >= self.room:
                    self.lost += 1
                else:
                    self.frames.append(one)
            if self.frames:
                os.eventfd_write(self._event, 1)

    def fileno(self) -> int:
        return self._event

    def read(self, most: int) -> list[Captured]:
        if self.broken:
            raise self.broken
        with self._lock:
            taken, self.frames = self.frames[:most], self.frames[most:]
            if not self.frames and taken:
                os.eventfd_read(self._event)
            return taken

    def counted(self) -> tuple[int, int]:
        return self.sampled, self.lost

    def close(self) -> None:
        self.closed += 1
        os.close(self._event)
