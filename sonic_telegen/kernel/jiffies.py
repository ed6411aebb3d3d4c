"""A moment of the clock as the kernel's programs know it: in jiffies, which no system call tells.

A program of seven instructions reads them, run once for each question. What is converted is right to a jiffy, as long
as nobody sets the clock: a program counts its jiffies on, so its deadline is then put right by the next look.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable

from sonic_telegen.kernel import libbpf

_CB = 48  # offset of cb[] in struct __sk_buff
_SKB_SIZE = 192
_CLOCK_MONOTONIC_COARSE = 6  # moves with the timer tick; Python has no name for it
_FRAME = bytes(64)


def _insn(code: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("=BBhi", code, src << 4 | dst, off, imm)


_READ = b"".join(
    (
        _insn(0xBF, dst=6, src=1),  # r6 = ctx
        _insn(0x85, imm=118),  # r0 = bpf_jiffies64()
        _insn(0x63, dst=6, src=0, off=_CB),  # cb[0] = low half
        _insn(0x77, dst=0, imm=32),
        _insn(0x63, dst=6, src=0, off=_CB + 4),  # cb[1] = high half
        _insn(0xB7, dst=0, imm=0),
        _insn(0x95),
    )
)


class Jiffies:
    """Converts between Unix ns and jiffies64; loads its program when it is first asked."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock, self._fd = clock, -1
        self.tick_ns = round(time.clock_getres(_CLOCK_MONOTONIC_COARSE) * 1e9)  # one jiffy

    def close(self) -> None:
        """Close the program; it is loaded again when it is needed again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def now(self) -> int:
        """jiffies64."""
        if self._fd < 0:
            self._fd, _ = libbpf.prog_load(_READ, "telegen_clock")
        low, high = struct.unpack_from("=II", libbpf.prog_test_run(self._fd, _FRAME, bytes(_SKB_SIZE)).ctx_out, _CB)
        return int(high << 32 | low)

    def at(self, unix_ns: int) -> int:
        """The first jiffy that is not before that moment; never 0."""
        now = self.now()
        return max(1, now - (self._clock() - unix_ns) // self.tick_ns)

    def unix_ns(self, jiffies: int) -> int:
        """When that jiffy is, or was, as the clock stands now."""
        return max(1, self._clock() + (jiffies - self.now()) * self.tick_ns)
