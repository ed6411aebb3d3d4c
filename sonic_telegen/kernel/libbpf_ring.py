"""``RingBuffer``: records of a BPF ring buffer, taken out a bounded number at a time."""

from __future__ import annotations

import ctypes as c
import errno

from sonic_telegen.kernel.capability import denied
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.libbpf_c import RING_CALLBACK, lib

_ENOUGH = -errno.ECANCELED


class RingBuffer:
    """The reader of one map, of which there may be one at a time; ``fd`` stays the caller's, and can be polled."""

    def __init__(self, fd: int) -> None:
        self._records: list[bytes] = []
        self._most = 0
        self._callback = RING_CALLBACK(self._take)  # kept referenced: libbpf calls it
        self._handle = lib().ring_buffer__new(fd, self._callback, None, None)
        if not self._handle:
            code = c.get_errno()
            refused = code in (errno.EPERM, errno.EACCES)
            raise (denied if refused else kernel_error)("open ring buffer", f"map fd {fd}", code)

    def _take(self, _: int, record: int, size: int) -> int:
        self._records.append(c.string_at(record, size))
        return _ENOUGH if len(self._records) >= self._most else 0

    def read(self, most: int) -> list[bytes]:
        """The next records, ``most`` at most (1 or more), and their room given back; empty when there are none."""
        self._records, self._most = [], most
        result = lib().ring_buffer__consume(self._handle)
        if result < 0 and result != _ENOUGH:
            raise kernel_error("read", "ring buffer", -result)
        return self._records

    def close(self) -> None:
        """Unmap it; records that were not read stay for the next reader."""
        if self._handle:
            lib().ring_buffer__free(self._handle)
            self._handle = 0
