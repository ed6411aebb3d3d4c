"""Which kernel this is."""

from __future__ import annotations

import platform


def kernel_release() -> tuple[int, int]:
    """Major and minor number, to be compared with the release that began something."""
    major, minor = platform.release().split(".")[:2]
    return int(major), int(minor)
