"""COUNTED: one reading of the maps, summed over CPUs; immutable, shared between threads by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey

CLASSES = ("ipv4", "ipv6", "icmp6", "other")  # index = class number in telegen_abi.h
SIZE_BOUNDS = (64, 127, 255, 511, 1023, 1518, 2047, 4095, 9216)  # inclusive upper edges in bytes, RMON and SAI


@dataclass(frozen=True, slots=True)
class Counters:
    """Packets, bytes on the wire (no FCS) and packets by size (``len(SIZE_BOUNDS) + 1`` buckets, or empty)."""

    packets: int = 0
    bytes: int = 0
    histogram: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InterfaceSample:
    """One hook's counters by class, in the order of ``CLASSES``; ``start_ns`` is when they were zero (Unix ns)."""

    slot: int
    ifindex: int
    name: str
    direction: Direction
    start_ns: int
    classes: tuple[Counters, ...]


@dataclass(frozen=True, slots=True)
class AccountSample:
    """One job's counters on one hook since the job began; carried over netdevs that came back."""

    key: AccountKey
    start_ns: int
    classes: tuple[Counters, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: ``time_ns`` Unix ns when it began; ``totals`` and ``start_ns`` are those of ``stats_percpu``.

    ``own`` are the slots in which programs of jobs count, by the account that counts there: sizes and all, of what
    matched since the slot was assigned.
    """

    time_ns: int
    start_ns: int = 0
    totals: tuple[Counters, ...] = ()
    interfaces: tuple[InterfaceSample, ...] = ()
    accounts: Mapping[AccountKey, AccountSample] = field(default_factory=dict)
    own: Mapping[AccountKey, InterfaceSample] = field(default_factory=dict)

    def job(self, job: str) -> Counters:
        """Packets and bytes of a job over all its hooks and classes."""
        found = [c for key, account in self.accounts.items() if key.job == job for c in account.classes]
        return Counters(sum(c.packets for c in found), sum(c.bytes for c in found))
