"""Mirrored frames as switches send them, layer by layer, and what is to be found in any packet, worked out in Python.

The formats: RFC 2784 and 2890 (GRE), draft-foschiano-erspan (ERSPAN I, II, III), 0x8949 with 22 bytes of the vendor.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from tests.support import frames as f
from tests.support.reference import CLASSES, MOST_TAGS, TAG_TYPES, dissect

GRE = 47
CHECKSUM, ROUTING, KEY, SEQUENCE = 0x8000, 0x4000, 0x2000, 0x1000
ERSPAN, ERSPAN_3, VENDOR = 0x88BE, 0x22EB, 0x8949
VENDOR_HEADER = bytes(range(0xE0, 0xE0 + 22))
REMOTE, LOCAL = f.V4_ADDRESSES[:4], f.V4_ADDRESSES[4:]
_WINDOW, _JUMP = 64, 1 << 20


def gre(kind: int, payload: bytes, *, flags: int = 0, sequence: int = 0) -> bytes:
    """A GRE header with the words that ``flags`` announce, and what it carries."""
    words = b""
    if flags & CHECKSUM:
        words += bytes(4)
    if flags & KEY:
        words += struct.pack("!I", 0xA0B0C0D0)
    if flags & SEQUENCE:
        words += struct.pack("!I", sequence)
    return struct.pack("!HH", flags, kind) + words + payload


def type_1(frame: bytes, flags: int = 0) -> bytes:
    """The frame behind GRE alone."""
    return gre(ERSPAN, frame, flags=flags & ~SEQUENCE)


def type_2(frame: bytes, session: int = 1, sequence: int = 0, vlan: int = 0, flags: int = 0, taken: int = 3) -> bytes:
    """``taken`` is the encapsulation: 2: the tag of ``vlan`` was taken out of the frame, 3: it is in it."""
    header = struct.pack("!HHI", 1 << 12 | vlan, taken << 11 | session, 0x12345)
    return gre(ERSPAN, header + frame, flags=flags | SEQUENCE, sequence=sequence)


def type_3(
    frame: bytes, session: int = 1, sequence: int = 0, flags: int = SEQUENCE, kind: int = 0, more: bool = False
) -> bytes:
    """``kind`` 0 is Ethernet; ``more`` adds the platform's header."""
    last = 1 << 15 | kind << 10 | 17 << 4 | more
    header = struct.pack("!HHIHH", 2 << 12, session, 0xFEEDBEEF, 0, last) + bytes(8 * more)
    return gre(ERSPAN_3, header + frame, flags=flags, sequence=sequence)


def vendor(frame: bytes, flags: int = 0, sequence: int = 0) -> bytes:
    """The form of type 0x8949."""
    return gre(VENDOR, VENDOR_HEADER + frame, flags=flags, sequence=sequence)


def outer(
    inside: bytes, *, source: bytes = REMOTE, to: bytes = LOCAL, options: bytes = b"", tags: tuple[f.Tag, ...] = ()
) -> bytes:
    """What arrives: an IPv4 packet with a GRE header and more in it, as a frame of 60 bytes at least."""
    packet = f.ipv4(GRE, inside, options, addresses=source + to)
    return f.ether(f.IPV4, packet, tags).ljust(60, b"\0")


@dataclass(frozen=True)
class Inner:
    """``frame`` is None where there is none that can be looked at; ``taken`` the VLAN id of a tag that is not in it."""

    frame: bytes | None
    size: int
    source: IPv4Address
    dest: IPv4Address
    session: int = 0
    sequence: int | None = None
    taken: int | None = None


def decapsulate(packet: bytes) -> Inner | None:
    """What is mirrored in a packet; None when it is no ERSPAN."""
    ip = _ipv4(packet)
    if ip is None:
        return None
    size = (ip[0] & 0xF) * 4
    rest = ip[size:]
    about = IPv4Address(ip[12:16]), IPv4Address(ip[16:20])
    if len(rest) < 4:
        return None
    flags, kind = struct.unpack_from("!HH", rest)
    if flags & (ROUTING | 7) or kind not in (ERSPAN, ERSPAN_3, VENDOR):
        return None
    words = [bit for bit in (CHECKSUM, KEY, SEQUENCE) if flags & bit]
    if len(rest) < 4 + 4 * len(words):
        return Inner(None, len(rest), *about)
    payload = rest[4 + 4 * len(words) :]
    sequence = int.from_bytes(rest[4 * len(words) :][:4], "big") if flags & SEQUENCE else None
    found = _session(payload, kind, sequence is not None)
    if found is None:
        return Inner(None, len(payload), *about)
    header, session, taken, ethernet = found
    frame = payload[header:]
    return Inner(frame if ethernet else None, len(frame), *about, session, sequence, taken)


def _ipv4(packet: bytes) -> bytes | None:
    at = 12
    for tags in range(MOST_TAGS + 1):
        kind = int.from_bytes(packet[at : at + 2], "big")
        if kind not in TAG_TYPES or tags == MOST_TAGS:
            break
        at += 4
    ip = packet[at + 2 :]
    if kind != f.IPV4 or len(ip) < 20:
        return None
    later, total = int.from_bytes(ip[6:8], "big") & 0x1FFF, int.from_bytes(ip[2:4], "big")
    size = (ip[0] & 0xF) * 4
    if ip[0] >> 4 != 4 or size < 20 or ip[9] != GRE or later or min(total, len(ip)) < size:
        return None
    return ip[:total]


def _session(payload: bytes, kind: int, sequenced: bool) -> tuple[int, int, int | None, bool] | None:
    """Length of the header, session, VLAN that was taken out, and whether Ethernet follows; None: cut or unknown."""
    if kind == VENDOR:
        return (22, 0, None, True) if len(payload) >= 22 else None
    if kind == ERSPAN and not sequenced:
        return 0, 0, None, True
    least = 12 if kind == ERSPAN_3 else 8
    if len(payload) < least or payload[0] >> 4 != (2 if kind == ERSPAN_3 else 1):
        return None
    first, second = struct.unpack_from("!HH", payload)
    if kind == ERSPAN:
        return 8, second & 0x3FF, first & 0xFFF if second >> 11 & 3 == 2 else None, True
    (last,) = struct.unpack_from("!H", payload, 10)
    size = 12 + 8 * (last & 1)
    return (size, second & 0x3FF, None, last >> 10 & 0x1F == 0) if len(payload) >= size else None


@dataclass
class Session:
    """What is known of a sender's session; ``seen`` are all sequence numbers since it began (anew)."""

    classes: dict[str, tuple[int, int]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    highest: int | None = None
    lowest: int = 0
    lost: int = 0
    repeated: int = 0
    restarts: int = 0

    def count(self, name: str, size: int) -> None:
        packets, octets = self.classes.get(name, (0, 0))
        self.classes[name] = packets + 1, octets + size

    def number(self, value: int) -> None:
        """Take the next number; 64 are remembered one by one."""
        if self.highest is None:
            self._begin(value)
            return
        ahead = (value - self.highest + 2**31) % 2**32 - 2**31
        place = self.highest + ahead  # without the wrap
        if ahead >= _JUMP or ahead <= -_WINDOW:
            self.lost += self._missing(self.highest)
            self.restarts += 1
            self._begin(value)
        elif ahead <= 0:
            self.repeated += place in self.seen or place < self.lowest
            self.seen.add(place)
        else:
            self.lost += self._missing(place - _WINDOW)
            self.seen.add(place)
            self.highest = place

    @property
    def open(self) -> int:
        """How many of the last 64 have not come yet."""
        return self._missing(self.highest) if self.highest is not None else 0

    def _begin(self, value: int) -> None:
        self.seen, self.highest, self.lowest = {value}, value, value

    def _missing(self, last: int) -> int:
        """How many of those up to ``last`` that were in the window, or are behind it, never came."""
        assert self.highest is not None
        first = max(self.lowest, self.highest - _WINDOW + 1)
        return max(0, last - first + 1) - sum(first <= number <= last for number in self.seen)


def class_of(inner: Inner) -> str:
    """The class that a mirrored frame counts in."""
    return CLASSES[-1] if inner.frame is None else dissect(inner.frame, inner.taken is not None).name
