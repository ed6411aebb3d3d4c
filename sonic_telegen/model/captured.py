"""COUNTED: frames as a job's program captured them, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sonic_telegen.model.job import Direction


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame as it was on the wire: ``data`` is its beginning with every tag, ``length`` the whole frame's.

    An aggregate of several packets is one frame. ``at_ns`` is of the kernel's monotonic clock.
    """

    at_ns: int
    ifindex: int
    direction: Direction | None
    length: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A pcapng file as far as it may be read: the first ``size`` bytes; ``over``: there will be no more.

    ``inode`` tells it from another file that comes in its place.
    """

    path: Path
    inode: int
    size: int
    over: bool


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """Of the sampled frames: those in the file and those that never will be; what waits in the ring is in neither.

    ``problem`` is why the file ended before the job did; empty when it did not.
    """

    captured: int
    lost: int
    problem: str = ""
