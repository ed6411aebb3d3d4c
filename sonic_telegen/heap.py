"""The C library's heap, kept small: what an export or a pass needs for milliseconds is given back after it.

glibc else makes a heap for each thread that allocates, and keeps what was freed below a block that is still in use.
"""

from __future__ import annotations

import ctypes
from functools import cache

_ONE_HEAP = (-8, 1)  # M_ARENA_MAX
_GIVE_BACK = ((-1, 128 << 10), (-3, 128 << 10))  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: as at first, but never growing


def tune() -> None:
    """One heap for all threads, and large blocks outside of it; before the first thread. Nothing without glibc."""
    if (mallopt := getattr(_libc(), "mallopt", None)) is not None:
        for parameter, value in (_ONE_HEAP, *_GIVE_BACK):
            mallopt(parameter, value)


def trim() -> None:
    """Give every free page back to the kernel (0.1 ms, measured); from any thread. Nothing without glibc."""
    if (malloc_trim := getattr(_libc(), "malloc_trim", None)) is not None:
        malloc_trim(ctypes.c_size_t(0))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
