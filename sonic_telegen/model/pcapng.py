"""Blocks of a pcapng file (draft-ietf-opsawg-pcapng): packed, and found again in a stream of bytes. Pure.

Files are little endian, of Ethernet frames, with times in ns.
"""

from __future__ import annotations

import struct

from sonic_telegen.model.job import Direction

MEDIA_TYPE = "application/x-pcapng"
SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6
LARGEST = 1 << 20  # bytes of a block; ours are far smaller

_MAGIC = 0x1A2B3C4D
_END_OF_OPTIONS, _COMMENT = 0, 1
_APPLICATION = 4  # of a section
_NAME, _RESOLUTION = 2, 9  # of an interface
_FLAGS = 2  # of a packet
_RECEIVED, _DROPPED = 4, 5  # of statistics
_NANOSECONDS = 9  # 10 to the power of -9
_ETHERNET = 1
_WORD, _HEAD, _OPTION = struct.Struct("<I"), struct.Struct("<II"), struct.Struct("<HH")
_SECTION = struct.Struct("<IHHq")
_INTERFACE = struct.Struct("<HHI")
_PACKET = struct.Struct("<5I")
_STATISTICS = struct.Struct("<3I")
_FLAG = {Direction.INGRESS: 1, Direction.EGRESS: 2}


def section(comment: str) -> bytes:
    """The beginning of a file; the comment says whose it is."""
    options = _option(_COMMENT, comment.encode()) + _option(_APPLICATION, b"telegen-sonic")
    return _block(SECTION, _SECTION.pack(_MAGIC, 1, 0, -1), options)


def interface(name: str, snaplen: int) -> bytes:
    """A netdev; its number is how many came before. ``snaplen`` 0: frames are whole."""
    options = _option(_NAME, name.encode(errors="backslashreplace")) + _option(_RESOLUTION, bytes([_NANOSECONDS]))
    return _block(INTERFACE, _INTERFACE.pack(_ETHERNET, 0, snaplen), options)


def packet(number: int, time_ns: int, length: int, data: bytes, direction: Direction | None) -> bytes:
    """A frame on interface ``number``; ``length`` is the whole frame's, ``data`` its beginning."""
    options = _option(_FLAGS, _WORD.pack(_FLAG[direction])) if direction else b""
    head = _PACKET.pack(number, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), length)
    return _block(PACKET, head + _padded(data), options)


def statistics(number: int, time_ns: int, received: int, dropped: int, comment: str) -> bytes:
    """What an interface received, and how much of that is not in the file."""
    options = _option(_COMMENT, comment.encode())
    options += _option(_RECEIVED, received.to_bytes(8, "little")) + _option(_DROPPED, dropped.to_bytes(8, "little"))
    return _block(STATISTICS, _STATISTICS.pack(number, time_ns >> 32, time_ns & 0xFFFFFFFF), options)


def comment_of(kind: int, block: bytes) -> str:
    """The comment of a section or of statistics; empty when it has none."""
    fixed = {SECTION: _SECTION, STATISTICS: _STATISTICS}[kind]
    return _find(block, _HEAD.size + fixed.size, _COMMENT).decode(errors="replace")


def name_of(block: bytes) -> str:
    """The netdev's name of an interface; empty when it has none."""
    return _find(block, _HEAD.size + _INTERFACE.size, _NAME).decode(errors="replace")


def counts_of(block: bytes) -> tuple[int, int]:
    """What statistics say was received, and dropped."""
    at = _HEAD.size + _STATISTICS.size
    received, dropped = (int.from_bytes(_find(block, at, code), "little") for code in (_RECEIVED, _DROPPED))
    return received, dropped


class Blocks:
    """Cuts a stream into whole blocks; ``left`` are the bytes of one that is not whole yet."""

    def __init__(self) -> None:
        self.left = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Type and bytes of the blocks that ``data`` completes. Raises ValueError on what is no block."""
        data, at, found = self.left + data, 0, []
        while len(data) - at >= _HEAD.size:
            kind, length = _HEAD.unpack_from(data, at)
            if length < 12 or length % 4 or length > LARGEST:
                raise ValueError(f"a block of {length} bytes")
            if len(data) - at < length:
                break
            if _WORD.unpack_from(data, at + length - _WORD.size)[0] != length:
                raise ValueError("a block that ends with another length than it begins with")
            found.append((kind, data[at : at + length]))
            at += length
        self.left = data[at:]
        return found


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + _padded(value)


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    if options:
        options += _OPTION.pack(_END_OF_OPTIONS, 0)
    length = _HEAD.size + len(body) + len(options) + _WORD.size
    return _HEAD.pack(kind, length) + body + options + _WORD.pack(length)


def _find(block: bytes, at: int, wanted: int) -> bytes:
    while at + _OPTION.size <= len(block) - _WORD.size:
        code, length = _OPTION.unpack_from(block, at)
        at += _OPTION.size
        if code == wanted:
            return block[at : at + length]
        if code == _END_OF_OPTIONS:
            break
        at += length + -length % 4
    return b""
