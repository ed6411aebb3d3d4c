"""A job's table of ERSPAN sessions as records: what came of each, and what the sequence numbers say never did."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Self

from sonic_telegen.kernel.libbpf_hash import read_hash
from sonic_telegen.model.sample import CLASSES, Counters, Session, SessionRecord

SESSIONS = 256  # entries of job_sessions in the object
_KEY = struct.Struct("=4s4sI")
_VALUE = struct.Struct(f"=4xI6Q{2 * len(CLASSES)}Q")
KEY_SIZE, VALUE_SIZE = _KEY.size, _VALUE.size


@dataclass(frozen=True, slots=True)
class Value:
    """A value of ``job_sessions``; bits of ``seen`` are those of the sequence numbers from ``last`` down."""

    last: int
    seen: int
    lost: int
    repeated: int
    restarts: int
    first: int  # jiffies64
    at: int
    classes: tuple[Counters, ...]

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> Self:
        """One value of the map."""
        last, seen, lost, repeated, restarts, first, at, *counted = _VALUE.unpack(raw)
        classes = tuple(map(Counters, counted[::2], counted[1::2]))
        return cls(last, seen, lost, repeated, restarts, first, at, classes)

    @property
    def open(self) -> int:
        """How many of the last 64 have not come yet; they may still."""
        return 64 - self.seen.bit_count() if self.seen else 0


def parse_key(raw: bytes | memoryview) -> Session:
    """A key of ``job_sessions``."""
    source, dest, session = _KEY.unpack(raw)
    return Session(str(IPv4Address(source)), str(IPv4Address(dest)), session)


class SessionReader:
    """Reads one job's sessions again and again: what was told as lost is not taken back when it comes late."""

    def __init__(self) -> None:
        self._lost: dict[Session, int] = {}

    def read(self, fd: int, unix_ns: Callable[[int], int]) -> tuple[SessionRecord, ...]:
        """The table behind ``fd``, most packets first; ``unix_ns`` tells when a tick of the kernel was.

        Raises ``KernelError``.
        """
        entries = read_hash(fd, KEY_SIZE, VALUE_SIZE)
        found = []
        for index in range(entries.count):
            session = parse_key(entries.keys[index * KEY_SIZE : (index + 1) * KEY_SIZE])
            value = Value.parse(entries.values[index * VALUE_SIZE : (index + 1) * VALUE_SIZE])
            lost = self._lost[session] = max(self._lost.get(session, 0), value.lost + value.open)
            times = unix_ns(value.first), unix_ns(value.at)
            found.append(
                SessionRecord(session, value.classes, lost, value.repeated, value.restarts, *times, value.first)
            )
        return tuple(sorted(found, key=lambda record: (-record.packets, record.session)))
