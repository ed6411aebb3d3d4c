"""Rows of the maps that only user space reads and writes: ``meta``, ``base`` and ``accounts``. Pure.

All integers host byte order. One row is written in one system call, so a reader sees it whole or not at all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Self

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.layout import MAX_CLASSES, SIZE, Layout, refused
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import Account, AccountKey, Slot

DIRECTIONS = {Direction.INGRESS: 1, Direction.EGRESS: 2}  # tg_if_stats.direction of an interface program's slot
OWN = 2  # added to it in a slot where a job's own program counts
_BY_NUMBER = {number: direction for direction, number in DIRECTIONS.items()}

META_SIZE = 128  # struct tg_layout at 0, start_ns at 120
_START = struct.Struct("=Q")
_START_AT = META_SIZE - 8

BASE_HEAD = struct.Struct("=II16sQII")  # ifindex, direction, name, start_ns, assigned, folded
KEY = struct.Struct("=64s16sII")  # job, name, direction, pad
_VALUE = struct.Struct(f"=16sIIQ{2 * MAX_CLASSES}Q")  # digest, slot, pad, start_ns, offsets
KEY_SIZE, VALUE_SIZE, MAX_ACCOUNTS = KEY.size, _VALUE.size, 65536
NO_OFFSETS = (0,) * (2 * MAX_CLASSES)


def pack_meta(layout: Layout, start_ns: int) -> bytes:
    """The one row of ``meta``: the layout of the counter maps, and since when the totals count (Unix ns)."""
    return layout.pack().ljust(_START_AT, b"\0") + _START.pack(start_ns)


def unpack_meta(raw: bytes, where: str) -> tuple[Layout, int]:
    """Layout and start time. Raises ``KernelError`` when it is none of ours."""
    layout = Layout.parse(raw[:SIZE], where)
    if len(raw) != META_SIZE:
        raise refused(where, f"the row has {len(raw)} bytes instead of {META_SIZE}")
    return layout, _START.unpack_from(raw, _START_AT)[0]


def base_size(layout: Layout) -> int:
    """Bytes of one row of ``base``."""
    return BASE_HEAD.size + 8 * layout.words


def is_assigned(raw: memoryview) -> bool:
    """Whether a row of ``base`` is an assigned slot's; most of 2,048 are not and need no unpacking."""
    return bool(BASE_HEAD.unpack_from(raw)[4])


@dataclass(frozen=True, slots=True)
class BaseRow:
    """Whose a slot is, and what earlier layouts had counted in it (``words`` of ``Layout``).

    Row 0 is the totals' (``stats_percpu``); its ``folded`` is the kernel id of the ``if_stats_percpu`` whose counters
    were added last: that map must not be added again. In a row where a program of a job counts it is the kernel id of
    the map of an earlier layout that is to be added when it is read (``prior.py``), 0 in all other rows.
    """

    words: tuple[int, ...]
    assigned: bool = False
    ifindex: int = 0
    name: str = ""
    direction: int = 0
    start_ns: int = 0
    folded: int = 0

    def pack(self) -> bytes:
        """The row's bytes, ``base_size`` of them."""
        name = _bytes(self.name)
        head = BASE_HEAD.pack(self.ifindex, self.direction, name, self.start_ns, self.assigned, self.folded)
        return head + struct.pack(f"={len(self.words)}Q", *self.words)

    @classmethod
    def unpack(cls, raw: bytes | bytearray | memoryview) -> Self:
        """Read a row of any layout."""
        ifindex, direction, name, start_ns, assigned, folded = BASE_HEAD.unpack_from(raw)
        words = struct.unpack_from(f"={(len(raw) - BASE_HEAD.size) // 8}Q", raw, BASE_HEAD.size)
        return cls(words, bool(assigned), ifindex, _text(name), direction, start_ns, folded)

    def slot(self, index: int) -> Slot:
        """The row as the model knows it."""
        own = self.direction > OWN
        return Slot(index, self.ifindex, self.name, _BY_NUMBER[self.direction - OWN * own], self.start_ns, own)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A job's account: its total is what ``slot`` counted plus ``offsets``, mod 2^64; in slot 0 the offsets alone.

    ``offsets``: packets and bytes for each of ``MAX_CLASSES`` classes.
    """

    digest: str
    slot: int
    start_ns: int
    offsets: tuple[int, ...] = NO_OFFSETS

    def pack(self) -> bytes:
        """The row's bytes."""
        return _VALUE.pack(self.digest.encode(), self.slot, 0, self.start_ns, *self.offsets)

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read a row."""
        digest, slot, _, start_ns, *offsets = _VALUE.unpack(raw)
        return cls(_text(digest), slot, start_ns, tuple(offsets))

    def frozen(self, total: tuple[int, ...]) -> AccountRow:
        """The row with its total kept and no slot."""
        return replace(self, slot=0, offsets=total)

    def account(self, key: AccountKey) -> Account:
        """The row as the model knows it."""
        return Account(key, self.digest, self.slot, self.start_ns)


def pack_key(key: AccountKey) -> bytes:
    """The key's bytes. Raises ``KernelError`` when a name is longer than the map's key allows."""
    job, name = key.job.encode(), _bytes(key.name)
    if len(job) > 64 or len(name) > 15:
        raise KernelError("open account", f"{key.job} on {key.name}", 0, "job id over 64 or netdev over 15 bytes")
    return KEY.pack(job, name, DIRECTIONS[key.direction], 0)


def unpack_key(raw: bytes) -> AccountKey:
    """Read a key."""
    job, name, direction, _ = KEY.unpack(raw)
    return AccountKey(_text(job), _text(name), _BY_NUMBER[direction])


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="surrogateescape")
