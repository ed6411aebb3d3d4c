"""A reader of pcapng that shares nothing with the writer: the draft's own words, every byte of a file accounted for."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Packet:
    interface: str
    time_ns: int
    length: int
    data: bytes
    flags: int


@dataclass
class Capture:
    """One section: its comment, its interfaces (name, snaplen), its packets, and (received, dropped) as it is told."""

    comment: str
    interfaces: list[tuple[str, int]] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    statistics: list[tuple[str, int, int, str]] = field(default_factory=list)


def options(raw: bytes) -> dict[int, bytes]:
    """By code; the end must be marked and be the end."""
    found: dict[int, bytes] = {}
    while raw:
        code, length = struct.unpack("<HH", raw[:4])
        if code == 0:
            assert (length, raw[4:]) == (0, b"")
            return found
        value, raw = raw[4 : 4 + length], raw[4 + length + (4 - length % 4) % 4 :]
        assert len(value) == length
        assert code not in found
        found[code] = value
    assert found == {}, "options without an end"
    return found


def parse(raw: bytes) -> Capture:
    """The whole file."""
    made: Capture | None = None
    while raw:
        kind, length = struct.unpack("<II", raw[:8])
        assert length >= 12
        assert length % 4 == 0
        body, last = raw[8 : length - 4], raw[length - 4 : length]
        assert struct.unpack("<I", last) == (length,)
        raw = raw[length:]
        if kind == 0x0A0D0D0A:
            assert made is None, "a second section"
            magic, major, minor, size = struct.unpack("<IHHq", body[:16])
            assert (magic, major, minor, size) == (0x1A2B3C4D, 1, 0, -1)
            made = Capture(options(body[16:]).get(1, b"").decode())
            continue
        assert made is not None, "no section first"
        _block(made, kind, body)
    assert made is not None
    return made


def _block(made: Capture, kind: int, body: bytes) -> None:
    if kind == 1:
        link, reserved, snaplen = struct.unpack("<HHI", body[:8])
        found = options(body[8:])
        assert (link, reserved, found[9]) == (1, 0, b"\x09")
        made.interfaces.append((found[2].decode(), snaplen))
    elif kind == 6:
        number, high, low, caplen, length = struct.unpack("<5I", body[:20])
        padded = caplen + (4 - caplen % 4) % 4
        flags = options(body[20 + padded :]).get(2, bytes(4))
        name = made.interfaces[number][0]
        made.packets.append(
            Packet(name, high << 32 | low, length, body[20 : 20 + caplen], struct.unpack("<I", flags)[0])
        )
    elif kind == 5:
        number, _, _ = struct.unpack("<3I", body[:12])
        found = options(body[12:])
        received, dropped = (int.from_bytes(found[code], "little") for code in (4, 5))
        made.statistics.append((made.interfaces[number][0], received, dropped, found[1].decode()))
    else:
        raise AssertionError(f"block type {kind}")


def read(path: Path) -> Capture:
    """The file's section."""
    return parse(path.read_bytes())
