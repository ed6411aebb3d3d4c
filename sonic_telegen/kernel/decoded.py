"""Raw values of one reading become the model's samples; what did not change since the last one is not done again.

Pure. Counters, samples and tuples that are equal to the last reading's are the same objects.
"""

from __future__ import annotations

from sonic_telegen.kernel.layout import MASK, Layout, plus
from sonic_telegen.kernel.rows import AccountRow, BaseRow
from sonic_telegen.model.kernel import AccountKey, Slot
from sonic_telegen.model.sample import AccountSample, Counters, InterfaceSample

_Classes = tuple[Counters, ...]


class Decoded:
    """The last reading, by slot and by account."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._slots: dict[int, tuple[bytes | bytearray, InterfaceSample]] = {}
        self._accounts: dict[AccountKey, tuple[AccountRow, _Classes, AccountSample]] = {}

    def forget_slot(self, slot: int) -> None:
        """The slot is another hook's now, or free."""
        self._slots.pop(slot, None)

    def forget_account(self, key: AccountKey) -> None:
        """The account is closed."""
        self._accounts.pop(key, None)

    def interface(self, slot: Slot, row: BaseRow, raw: bytes | bytearray) -> InterfaceSample:
        """A slot's counters: ``raw`` (its live value on all CPUs) plus what earlier layouts counted."""
        known = self._slots.get(slot.index)
        if known is not None and known[0] == raw:
            return known[1]
        words = self._layout.slot_words(raw)
        if any(row.words):
            words = plus(words, row.words)
        classes = self._layout.counters(words, known[1].classes if known else ())
        found = InterfaceSample(slot.index, slot.ifindex, slot.name, slot.direction, slot.start_ns, classes)
        self._slots[slot.index] = (raw, found)
        return found

    def account(self, key: AccountKey, row: AccountRow, counted: _Classes) -> AccountSample:
        """An account's total; ``counted`` is its slot's, empty when it is frozen."""
        known = self._accounts.get(key)
        if known is not None and known[0] is row and known[1] is counted:
            return known[2]
        o = row.offsets
        if not row.slot:
            classes = tuple(Counters(o[2 * i], o[2 * i + 1]) for i in range(self._layout.classes))
        else:
            same = known[1] if known is not None and known[0] is row else (None,) * len(counted)
            classes = tuple(
                known[2].classes[i]  # type: ignore[index]
                if c is same[i]
                else Counters((c.packets + o[2 * i]) & MASK, (c.bytes + o[2 * i + 1]) & MASK)
                for i, c in enumerate(counted)
            )
        found = AccountSample(key, row.start_ns, classes)
        self._accounts[key] = (row, counted, found)
        return found
