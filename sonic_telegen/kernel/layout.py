"""The layout of a build's counter maps (``struct tg_layout`` of bpf/telegen_abi.h), and values read by it.

Pure. Everything goes by the numbers in the layout, so that a newer agent reads what an older build's program counted.
A slot's counters are handled as *words*: for each class packets, bytes and the buckets, one list for all classes.
"""

from __future__ import annotations

import functools
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sonic_telegen.errors import KernelError
from sonic_telegen.model.sample import Counters

MAGIC = 0x74656C67
SIZE = 100  # bytes of struct tg_layout
MAX_CLASSES = 8  # accounts keep an offset for each; see rows.py
MAX_SLOTS = 65536  # a classid reaches the program as 16 bits
MASK = 2**64 - 1
_FORM = struct.Struct("=10I15I")
_INFINITE = 2**64  # upper edge of the last bucket


def refused(where: str, problem: str) -> KernelError:
    """The error for a layout that cannot be used."""
    remedy = "if it is a pin, remove it (`sonic-telegen detach --all`); if an object, use the one of this version"
    return KernelError("read layout", where, 0, problem, remedy)


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes and offsets in bytes; ``bounds`` are inclusive upper edges of all buckets but the last."""

    version: int
    slots: int
    classes: int
    buckets: int
    total_size: int
    slot_size: int
    classes_offset: int
    class_size: int
    histogram_offset: int
    bounds: tuple[int, ...]

    @classmethod
    def parse(cls, raw: bytes, where: str = "layout") -> Self:
        """Read and check the 100 bytes; ``where`` names their origin in the ``KernelError``."""
        if len(raw) < SIZE:
            raise refused(where, f"it has {len(raw)} bytes instead of {SIZE}")
        magic, version, slots, classes, buckets, *rest = _FORM.unpack_from(raw)
        if magic != MAGIC:
            raise refused(where, f"it begins with {magic:#010x} instead of {MAGIC:#010x}: no counters of ours")
        total_size, slot_size, classes_offset, class_size, histogram_offset, *edges = rest
        bounds = tuple(edges[: max(buckets - 1, 0)])
        sizes = (total_size, slot_size, classes_offset, class_size, histogram_offset)
        found = cls(version, slots, classes, buckets, *sizes, bounds)
        problem = found._problem()
        if problem:
            raise refused(where, problem)
        return found

    def _problem(self) -> str:
        sizes = (self.total_size, self.slot_size, self.classes_offset, self.class_size, self.histogram_offset)
        if not 2 <= self.slots <= MAX_SLOTS:
            return f"{self.slots} slots (2 to {MAX_SLOTS})"
        if not 1 <= self.classes <= MAX_CLASSES:
            return f"{self.classes} classes (1 to {MAX_CLASSES})"
        if not 1 <= self.buckets <= 16:
            return f"{self.buckets} buckets (1 to 16)"
        if any(size % 8 for size in sizes):
            return f"a size or offset is no multiple of 8: {sizes}"
        if self.total_size < 16 or self.histogram_offset < 16 or self.classes_offset < 8:
            return f"packets, bytes or the slot's head have no room: {sizes}"
        if self.histogram_offset + 8 * self.buckets > self.class_size:
            return f"{self.buckets} buckets do not fit in a class of {self.class_size} bytes"
        if self.classes_offset + self.classes * self.class_size > self.slot_size:
            return f"{self.classes} classes do not fit in a slot of {self.slot_size} bytes"
        if list(self.bounds) != sorted(set(self.bounds)) or 0 in self.bounds:
            return f"bounds do not rise: {self.bounds}"
        return ""

    def pack(self) -> bytes:
        """The bytes that ``parse`` reads."""
        head = (MAGIC, self.version, self.slots, self.classes, self.buckets, self.total_size, self.slot_size)
        rest = (self.classes_offset, self.class_size, self.histogram_offset)
        return _FORM.pack(*head, *rest, *self.bounds, *[0] * (15 - len(self.bounds)))

    @property
    def width(self) -> int:
        """Words of one class: packets, bytes, buckets."""
        return 2 + self.buckets

    @property
    def words(self) -> int:
        """Words of one slot."""
        return self.classes * self.width

    def slot_value(self, ifindex: int, direction: int, cpus: int) -> bytes:
        """A slot's value with all counters zero, for every CPU."""
        return (struct.pack("=II", ifindex, direction) + bytes(self.slot_size - 8)) * cpus

    def slot_words(self, raw: bytes | bytearray | memoryview) -> list[int]:
        """A slot's value of all CPUs, one behind the other, summed (mod 2^64)."""
        begin, span = self.classes_offset, self.classes * self.class_size
        found = sum_words([raw[at : at + span] for at in range(begin, len(raw), self.slot_size)])
        if self.class_size == 8 * self.width:
            return found
        picked: list[int] = []
        for at in range(0, span // 8, self.class_size // 8):
            picked += found[at : at + 2]
            picked += found[at + self.histogram_offset // 8 :][: self.buckets]
        return picked

    def total_words(self, raw: bytes | bytearray | memoryview, cpus: int) -> list[int]:
        """The whole of ``stats_percpu``, all CPUs summed, as words with empty histograms."""
        words, size = memoryview(raw).cast("B").cast("Q"), self.total_size // 8
        found: list[int] = []
        for at in range(0, self.classes * size * cpus, size * cpus):
            mine = words[at : at + size * cpus].tolist()
            found += [sum(mine[0::size]) & MASK, sum(mine[1::size]) & MASK, *[0] * self.buckets]
        return found

    def counters(self, words: Sequence[int], last: Sequence[Counters] = ()) -> tuple[Counters, ...]:
        """Words as one ``Counters`` for each class; those equal to the ``last`` reading's are the same objects."""
        width, found = self.width, list[Counters]()
        for at in range(0, self.words, width):
            packets, size, histogram = words[at], words[at + 1], tuple(words[at + 2 : at + width])
            was = last[len(found)] if last else None
            if was is not None and was.packets == packets and was.bytes == size and was.histogram == histogram:
                found.append(was)
            else:
                found.append(Counters(packets, size, histogram))
        return tuple(found)


@functools.cache
def _upper_bytes(size: int) -> int:
    return int.from_bytes(b"\xff\0\0\0\0\0\0\0" * (size // 8), "big")


def sum_words(blocks: Sequence[bytes | bytearray | memoryview]) -> list[int]:
    """Blocks of 64-bit words added word by word, mod 2^64.

    Each block is one long integer, so a whole slot is one addition (5 us for 8 CPUs against 13 us word by word). That
    is right as long as no word can carry into the next: the upper byte of every word is zero and blocks are few.
    """
    total = seen = 0
    for block in blocks:
        number = int.from_bytes(block, sys.byteorder)
        total, seen = total + number, seen | number
    size = len(blocks[0])
    if seen & _upper_bytes(size) or len(blocks) > 256:
        words = [memoryview(bytes(block)).cast("Q").tolist() for block in blocks]
        return [sum(column) & MASK for column in zip(*words, strict=True)]
    return memoryview(total.to_bytes(size, sys.byteorder)).cast("Q").tolist()


def plus(some: Sequence[int], more: Sequence[int]) -> list[int]:
    """The sum word by word, mod 2^64."""
    return [(a + b) & MASK for a, b in zip(some, more, strict=True)]


def carry(words: Sequence[int], old: Layout, new: Layout) -> list[int]:
    """Counters of layout ``old`` as words of ``new``.

    Packets and bytes stay exact. A bucket goes to the new bucket that its upper edge lies in: the same one where the
    bounds are equal, else sizes up to that edge may be told as larger than they were. A class that ``old`` did not
    know is zero; ``old`` must not have more classes than ``new`` (``check_carry``).
    """
    places = []
    for edge in (*old.bounds, _INFINITE):
        places.append(next((i for i, bound in enumerate(new.bounds) if edge <= bound), new.buckets - 1))
    found = [0] * new.words
    for number in range(old.classes):
        at, to = number * old.width, number * new.width
        found[to : to + 2] = words[at : at + 2]
        for bucket, place in enumerate(places):
            found[to + 2 + place] = (found[to + 2 + place] + words[at + 2 + bucket]) & MASK
    return found


def check_carry(old: Layout, new: Layout, highest_slot: int, where: str) -> None:
    """Raise ``KernelError`` when counters of ``old`` have no place in ``new``; ``highest_slot`` is the last in use."""
    problem = ""
    if old.classes > new.classes:
        problem = f"the pinned maps count {old.classes} classes, this build {new.classes}"
    elif highest_slot >= new.slots:
        problem = f"slot {highest_slot} is in use and this build has {new.slots} slots"
    if problem:
        remedy = "use a build with room for them, or `sonic-telegen detach --all` (counters then begin again)"
        raise KernelError("migrate pinned maps", where, 0, problem, remedy)
