"""Pinned maps for tests, and counters put into them as the program would, one packet at a time."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.libbpf_c import lib
from sonic_telegen.kernel.loader import Loaded, load
from sonic_telegen.kernel.migrate import Hooks
from sonic_telegen.kernel.tables import index_key, read_accounts, read_meta
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import Sample
from tests.support.objects import telegen_object

IN, OUT = Direction.INGRESS, Direction.EGRESS


class NoFilters:
    """Hooks of a box where no filter of ours is attached; remembers what it was asked."""

    def __init__(self) -> None:
        self.swapped: list[int] = []

    def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
        self.swapped.append(libbpf.prog_info(prog_fd).id)


class Clock:
    """Unix nanoseconds that rise by one at each look."""

    def __init__(self, now: int = 1_000) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1
        return self.now


@contextmanager
def loaded(pin_dir: Path, hooks: Hooks | None = None, clock: Clock | None = None, **defines: int) -> Iterator[Loaded]:
    """The interface program built with ``defines``, loaded, and closed at the end."""
    found = load(telegen_object(**defines), pin_dir, hooks or NoFilters(), clock=clock or Clock())
    try:
        yield found
    finally:
        found.close()


def packet(fds: Mapping[str, int], layout: Layout, slot: int, cls: int = 0, size: int = 100, cpu: int = 0) -> None:
    """What the program does with one frame of ``size`` bytes: slot, class, histogram and total, on one CPU."""
    stride = layout.slot_size
    value = bytearray(libbpf.lookup(fds["if_stats_percpu"], index_key(slot), libbpf.percpu_size(stride)) or b"")
    at = cpu * stride + layout.classes_offset + cls * layout.class_size
    bucket = sum(size > bound for bound in layout.bounds)
    _add(value, at, 1)
    _add(value, at + 8, size)
    _add(value, at + layout.histogram_offset + 8 * bucket, 1)
    lib().bpf_map_update_elem(fds["if_stats_percpu"], index_key(slot), bytes(value), 0)
    total = bytearray(libbpf.lookup(fds["stats_percpu"], index_key(cls), libbpf.percpu_size(layout.total_size)) or b"")
    _add(total, cpu * layout.total_size, 1)
    _add(total, cpu * layout.total_size + 8, size)
    lib().bpf_map_update_elem(fds["stats_percpu"], index_key(cls), bytes(total), 0)


def _add(value: bytearray, at: int, number: int) -> None:
    struct.pack_into("=Q", value, at, (struct.unpack_from("=Q", value, at)[0] + number) % 2**64)


class Wire:
    """A filter on a hook: packets go to the maps of the program it runs, and what they should add up to is noted.

    Which account is charged is read from the pinned ``accounts`` itself: a packet belongs to every account that is open
    in the slot when it passes.
    """

    def __init__(self, pin_dir: Path, slots: tuple[int, ...]) -> None:
        self.pin_dir, self.slots = pin_dir, slots
        self.fds: dict[str, int] = {}
        self.packets = 0
        self.by_slot: dict[int, int] = {}
        self.by_account: dict[AccountKey, int] = {}

    def attach(self, where: Path) -> None:
        """Run the program whose maps are pinned at ``where``, from the next packet on."""
        self.detach()
        for name in ("stats_percpu", "if_stats_percpu", "meta"):
            self.fds[name] = libbpf.obj_get(str(where / name))
        self.layout, _ = read_meta(self.fds["meta"], "meta")

    def detach(self) -> None:
        """Close the maps."""
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()

    def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
        """The loader's hook: the program of ``next/`` takes the place of the old one."""
        self.attach(self.pin_dir / "next")

    def send(self) -> None:
        """One packet of a varying size and class in every slot, on a varying CPU."""
        accounts = libbpf.obj_get(str(self.pin_dir / "accounts"))
        try:
            open_in = [(key, row.slot) for key, row in read_accounts(accounts).items()]
        finally:
            os.close(accounts)
        for slot in self.slots:
            self.packets += 1
            n = self.packets
            packet(self.fds, self.layout, slot, n % self.layout.classes, 60 + 7 * (n % 200), n % libbpf.possible_cpus())
            self.by_slot[slot] = self.by_slot.get(slot, 0) + 1
            for key, counts_in in open_in:
                if counts_in == slot:
                    self.by_account[key] = self.by_account.get(key, 0) + 1


def totals(sample: Sample) -> int:
    """Packets of the totals."""
    return sum(c.packets for c in sample.totals)


def by_slot(sample: Sample) -> dict[int, int]:
    """Packets by slot; the histogram must add up to them."""
    for found in sample.interfaces:
        for counters in found.classes:
            assert sum(counters.histogram) == counters.packets, found
    return {found.slot: sum(c.packets for c in found.classes) for found in sample.interfaces}


def by_account(sample: Sample) -> dict[AccountKey, int]:
    """Packets by account."""
    return {key: sum(c.packets for c in found.classes) for key, found in sample.accounts.items()}
