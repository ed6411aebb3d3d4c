"""A warm or fast boot: until it is over, the CPU belongs to those who restore the data plane."""

from __future__ import annotations

import time
from collections.abc import Callable

AGAIN_SEC = 1.0
LONGEST_SEC = 300.0  # of uptime; later the mark says that such a boot is prepared, or that nobody took it away


def hold(under_way: Callable[[], bool], uptime: Callable[[], float] | None = None) -> float:
    """Seconds to wait before asking again; 0 when passes may begin."""
    seconds = uptime() if uptime else time.clock_gettime(time.CLOCK_BOOTTIME)
    return AGAIN_SEC if seconds < LONGEST_SEC and under_way() else 0.0
