"""``Ring``: the frames that one job's program captured, and its count of those that found no room."""

from __future__ import annotations

import os
import struct

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.jobabi import PERCPU_SIZE, Frame, PerCpu
from sonic_telegen.kernel.libbpf_ring import RingBuffer
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.captured import Captured
from sonic_telegen.model.job import BOTH

_MACS = 12  # bytes in front of a VLAN tag


class Ring:
    """Reads maps of its own descriptors, so it outlives pins and program; one thread at a time."""

    def __init__(self, ring: int, percpu: int) -> None:
        """``ring`` and ``percpu`` are descriptors of job_ring and job_percpu, which stay the caller's."""
        self._fds = (os.dup(ring), os.dup(percpu))
        try:
            self._buffer = RingBuffer(self._fds[0])
        except BaseException:
            self._close()
            raise

    def fileno(self) -> int:
        """Readable when there are frames."""
        return self._fds[0]

    def read(self, most: int) -> list[Captured]:
        """The next frames, ``most`` at most; empty when there are none now."""
        return [captured(Frame.parse(record)) for record in self._buffer.read(most)]

    def counted(self) -> tuple[int, int]:
        """How many frames were sampled, and how many of those found no room in the ring."""
        found = PerCpu.parse(libbpf.lookup(self._fds[1], index_key(0), libbpf.percpu_size(PERCPU_SIZE)) or b"")
        return found.sampled_frames, found.capture_lost

    def close(self) -> None:
        """Frames that were not read stay for the next reader, as long as the maps are there."""
        self._buffer.close()
        self._close()

    def _close(self) -> None:
        for fd in self._fds:
            os.close(fd)


def captured(frame: Frame) -> Captured:
    """The frame as it was on the wire: with the tag that the kernel keeps beside it."""
    data = frame.data
    if frame.vlan_proto and len(data) >= _MACS:
        data = data[:_MACS] + struct.pack("!HH", frame.vlan_proto, frame.vlan_tci) + data[_MACS:]
    # Slots of interfaces have directions 1 and 2, those of jobs 3 and 4.
    direction = BOTH[(frame.direction - 1) % 2] if frame.direction else None
    return Captured(frame.at_ns, frame.ifindex, direction, frame.length, data)
