"""Which kernel this is."""

from __future__ import annotations

import platform

MEMCG = (5, 11)  # from this kernel on maps are charged to the memory cgroup instead of RLIMIT_MEMLOCK


def kernel_release() -> tuple[int, int]:
    """Major and minor number, to be compared with the release that began something."""
    major, minor = platform.release().split(".")[:2]
    return int(major), int(minor)
