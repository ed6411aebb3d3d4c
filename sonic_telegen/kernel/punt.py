"""``Punts``: how many packets of each control protocol passed a slot (``punt_percpu``).

A slot's value also says since when it counts: zero in a map that is new while slots are assigned already, and then
nothing counts into it yet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.layout import sum_words
from sonic_telegen.kernel.tables import PUNT_SIZE, PUNT_SLOTS, index_key
from sonic_telegen.model.kernel import Slot
from sonic_telegen.model.sample import NOTHING, PUNT_PROTOCOLS, Counters, PuntSample

_START = 2 * len(PUNT_PROTOCOLS)  # word of start_ns
_START_FORM = struct.Struct("=Q")


class Punts:
    """``fd`` stays the caller's, and so does the lock."""

    def __init__(self, fd: int, slots: Iterable[int], now_ns: int) -> None:
        self._fd, self._reader = fd, libbpf.ArrayReader(fd, PUNT_SIZE, per_cpu=True)
        self._last: dict[int, tuple[bytes, PuntSample]] = {}
        assigned = sorted(slots)
        raw = self._read(assigned)
        for slot in assigned:
            if slot < PUNT_SLOTS and not self._words(raw, slot)[_START]:
                self.begin(slot, now_ns)

    def begin(self, slot: int, now_ns: int) -> None:
        """Zero the slot; no program may be counting into it."""
        if slot < PUNT_SLOTS:
            value = bytearray(libbpf.percpu_size(PUNT_SIZE))
            _START_FORM.pack_into(value, 8 * _START, now_ns)
            libbpf.update(self._fd, index_key(slot), bytes(value))
            self._last.pop(slot, None)

    def sample(self, slots: Iterable[Slot]) -> tuple[PuntSample, ...]:
        """The counters of these slots; those that are equal to the last reading's are the same objects."""
        listed = [slot for slot in slots if slot.index < PUNT_SLOTS]
        raw = self._read([slot.index for slot in listed])
        return tuple(self._decoded(slot, raw) for slot in listed)

    def _read(self, slots: list[int]) -> bytes | bytearray:
        return self._reader.read(min(max(slots, default=-1) + 1, PUNT_SLOTS))

    def _value(self, raw: bytes | bytearray, slot: int) -> bytes:
        stride = self._reader.stride
        return bytes(raw[slot * stride : (slot + 1) * stride])

    def _words(self, raw: bytes | bytearray, slot: int) -> list[int]:
        value = self._value(raw, slot)
        return sum_words([value[at : at + PUNT_SIZE] for at in range(0, len(value), PUNT_SIZE)])

    def _decoded(self, slot: Slot, raw: bytes | bytearray) -> PuntSample:
        value, known = self._value(raw, slot.index), self._last.get(slot.index)
        if known is not None and known[0] == value:
            return known[1]
        words = self._words(raw, slot.index)
        pairs = zip(words[0:_START:2], words[1:_START:2], strict=True)
        counted = tuple(Counters(*pair) if any(pair) else NOTHING for pair in pairs)
        found = PuntSample(slot.index, slot.ifindex, slot.name, slot.direction, words[_START], counted)
        self._last[slot.index] = (value, found)
        return found
