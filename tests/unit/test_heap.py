"""Freed memory goes back to the kernel although a block above it is still in use."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import ctypes, os
from sonic_telegen import heap
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
heap.tune()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [libc.malloc(64 << 10) for _ in range(512)]  # 32 MiB, each below what glibc maps on its own
for block in blocks:
    ctypes.memset(block, 1, 64 << 10)
for block in blocks[:-1]:
    libc.free(block)
held = resident()
heap.trim()
print((held - resident()) >> 20)
"""


def test_pages_below_a_block_in_use_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) >= 28
