"""``Maps``: the pinned maps as slots, accounts and samples.

What a slot counted is its row in ``base`` (under earlier layouts) plus its live counters; an account's total is that
plus its offsets. The agent is the only writer of ``base`` and ``accounts``, so they are read once and then kept here as
they are written. Every operation is a chain of single system calls, each of which leaves a state that the next agent
reads right: kill -9 between any two loses nothing.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.decoded import Decoded
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.layout import MASK, plus
from sonic_telegen.kernel.pins import ACCOUNTS, BASE, IF_STATS, MAPS, META, PUNT, STATS, PinDir
from sonic_telegen.kernel.prior import Prior, forget
from sonic_telegen.kernel.punt import Punts
from sonic_telegen.kernel.rows import (
    DIRECTIONS,
    NO_OFFSETS,
    OWN,
    AccountRow,
    BaseRow,
    pack_key,
)
from sonic_telegen.kernel.tables import index_key, read_accounts, read_base, read_meta
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import Account, AccountKey, Slot
from sonic_telegen.model.sample import Counters, Sample


class Maps:
    """Descriptors by pin name are taken over and closed with ``close``; safe to use from several threads."""

    def __init__(
        self, fds: Mapping[str, int], clock: Callable[[], int] = time.time_ns, prior: Prior | None = None
    ) -> None:
        """``prior`` is taken over too: what programs of jobs count under the layout before."""
        self._fds, self._clock, self._lock = {name: fds[name] for name in MAPS}, clock, threading.Lock()
        self.layout, self._start_ns = read_meta(fds[META], META)
        self._stats = libbpf.ArrayReader(fds[STATS], self.layout.total_size, per_cpu=True)
        self._live = libbpf.ArrayReader(fds[IF_STATS], self.layout.slot_size, per_cpu=True)
        self._rows = read_base(fds[BASE], self.layout)
        self._totals_base = self._rows.pop(0).words
        self._prior = prior
        self._slots = {index: row.slot(index) for index, row in self._rows.items()}
        self._accounts = read_accounts(fds[ACCOUNTS])
        self._decoded = Decoded(self.layout)
        self._punts = Punts(fds[PUNT], self._slots, clock())
        self.punted: frozenset[int] = frozenset()
        """Slots whose counters by control protocol are read: a program that counts them was seen there."""

    @property
    def start_ns(self) -> int:
        """When the totals of ``stats_percpu`` were zero (Unix ns)."""
        return self._start_ns

    def fd(self, name: str) -> int:
        """Descriptor of a map by its pin's name; stays ours."""
        return self._fds[name]

    def close(self) -> None:
        """Close the descriptors; pins and counters stay."""
        with self._lock:
            for fd in self._fds.values():
                os.close(fd)
            self._fds.clear()
            if self._prior is not None:
                self._prior.close()
                self._prior = None

    def forget_prior(self, pins: PinDir) -> None:
        """Unpin the map of the layout before when no slot needs it any more."""
        with self._lock:
            if self._prior is not None:
                self._prior = forget(pins, self._rows.values(), self._prior)

    def _row(self, slot: int) -> BaseRow:
        """What earlier layouts counted in the slot: under the one before, programs of jobs may still."""
        row = self._rows[slot]
        if not row.folded or self._prior is None:
            return row
        self._decoded.forget_slot(slot)
        return self._prior.grown(slot, row)

    def _need_open(self) -> None:
        if not self._fds:
            raise kernel_error("use maps", "the agent's pins", errno.EBADF, problem="they are closed")

    def slots(self) -> dict[int, Slot]:
        """All assigned slots."""
        with self._lock:
            return dict(self._slots)

    def accounts(self) -> dict[AccountKey, Account]:
        """All accounts, frozen ones included."""
        with self._lock:
            return {key: row.account(key) for key, row in self._accounts.items()}

    # -- slots

    def assign_slot(self, slot: int, ifindex: int, name: str, direction: Direction, own: bool = False) -> None:
        """Zero the slot and note whose it is, from now on; one that is assigned is released first.

        ``own``: a job's own program is to count in it.

        The row is written last: until then the slot is a free one.
        """
        if not 0 < slot < self.layout.slots:
            raise kernel_error("assign slot", f"slot {slot}", errno.ERANGE, problem=f"not 1 to {self.layout.slots - 1}")
        with self._lock:
            self._need_open()
            self._release(slot)
            number, start_ns = DIRECTIONS[direction] + OWN * own, self._clock()
            value = self.layout.slot_value(ifindex, number, libbpf.possible_cpus())
            libbpf.update(self._fds[IF_STATS], index_key(slot), value)
            self._punts.begin(slot, start_ns)
            row = BaseRow((0,) * self.layout.words, True, ifindex, name, number, start_ns)
            libbpf.update(self._fds[BASE], index_key(slot), row.pack())
            self._rows[slot], self._slots[slot] = row, row.slot(slot)
            self._decoded.forget_slot(slot)

    def release_slot(self, slot: int) -> None:
        """Freeze the accounts of the slot, then free it; its counters stay until it is assigned again."""
        with self._lock:
            self._need_open()
            self._release(slot)

    def _release(self, slot: int) -> None:
        row = self._rows.get(slot)
        if row is None:
            return
        for key in [key for key, account in self._accounts.items() if account.slot == slot]:
            self._freeze(key)
        free = BaseRow(row.words, False, row.ifindex, row.name, row.direction, row.start_ns)
        libbpf.update(self._fds[BASE], index_key(slot), free.pack())
        del self._rows[slot], self._slots[slot]
        self._decoded.forget_slot(slot)

    # -- accounts

    def open_account(self, key: AccountKey, digest: str, slot: int) -> None:
        """Let the account count in ``slot`` from now on: one of the same digest goes on, else it begins at zero.

        Raises ``Gone`` when the slot is not assigned.
        """
        with self._lock:
            self._need_open()
            known = self._accounts.get(key)
            if slot not in self._rows:
                problem = "the slot is not assigned"
                raise kernel_error("open account", f"{key.job} in slot {slot}", errno.ENOENT, problem=problem)
            if known and (known.digest, known.slot) == (digest, slot):
                return
            goes_on = known is not None and known.digest == digest
            before = self._total(known) if known and goes_on else NO_OFFSETS
            offsets = tuple((b - now) & MASK for b, now in zip(before, self._counted(slot), strict=True))
            start_ns = known.start_ns if known and goes_on else self._clock()
            self._write(key, AccountRow(digest, slot, start_ns, offsets))

    def freeze_account(self, key: AccountKey) -> None:
        """End the account's counting; its total stays. Nothing when it is frozen or unknown."""
        with self._lock:
            self._need_open()
            self._freeze(key)

    def _freeze(self, key: AccountKey) -> None:
        row = self._accounts.get(key)
        if row is not None and row.slot:
            self._write(key, row.frozen(self._total(row)))

    def close_account(self, key: AccountKey) -> None:
        """Forget the account; nothing when it is unknown."""
        with self._lock:
            self._need_open()
            if key in self._accounts:
                libbpf.delete(self._fds[ACCOUNTS], pack_key(key))
                del self._accounts[key]
                self._decoded.forget_account(key)

    def _write(self, key: AccountKey, row: AccountRow) -> None:
        libbpf.update(self._fds[ACCOUNTS], pack_key(key), row.pack())
        self._accounts[key] = row

    def _total(self, row: AccountRow) -> tuple[int, ...]:
        if not row.slot:
            return row.offsets
        return tuple(plus(row.offsets, self._counted(row.slot)))

    def _counted(self, slot: int) -> tuple[int, ...]:
        """Packets and bytes by class that the slot counted, in the form of ``AccountRow.offsets``."""
        size = libbpf.percpu_size(self.layout.slot_size)
        raw = libbpf.lookup(self._fds[IF_STATS], index_key(slot), size)
        words = plus(self.layout.slot_words(raw or bytes(size)), self._row(slot).words)
        width, found = self.layout.width, list(NO_OFFSETS)
        found[0 : 2 * self.layout.classes : 2] = words[0::width]
        found[1 : 2 * self.layout.classes : 2] = words[1::width]
        return tuple(found)

    # -- reading

    def sample(self) -> Sample:
        """Read everything once: totals, assigned slots, accounts (their counters without a histogram)."""
        with self._lock:
            self._need_open()
            time_ns = self._clock()
            stats = self.layout.total_words(self._stats.read(self.layout.classes), libbpf.possible_cpus())
            totals = self.layout.counters(plus(stats, self._totals_base))
            raw, stride = self._live.read(max(self._rows, default=-1) + 1), self._live.stride
            interfaces = {
                i: self._decoded.interface(self._slots[i], self._row(i), raw[i * stride : (i + 1) * stride])
                for i in sorted(self._rows)
            }
            accounts = {
                key: self._decoded.account(key, row, interfaces[row.slot].classes if row.slot else ())
                for key, row in self._accounts.items()
            }
            own = {
                key: interfaces[row.slot]
                for key, row in self._accounts.items()
                if row.slot and self._slots[row.slot].own
            }
            hooks = tuple(item for index, item in interfaces.items() if not self._slots[index].own)
            punts = self._punts.sample(slot for index, slot in sorted(self._slots.items()) if index in self.punted)
            without = tuple(Counters(c.packets, c.bytes) for c in totals)
            return Sample(time_ns, self._start_ns, without, hooks, accounts, own, punts=punts)
