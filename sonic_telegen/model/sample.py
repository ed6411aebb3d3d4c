"""COUNTED: one reading of the maps, summed over CPUs; immutable, shared between threads by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey

CLASSES = ("ipv4", "ipv6", "icmp6", "other")  # index = class number in telegen_abi.h
PUNT_PROTOCOLS = (  # index = enum tg_punt
    "arp",
    "nd",
    "lacp",
    "lldp",
    "bgp",
    "bfd",
    "dhcp",
    "dhcpv6",
    "ospf",
    "ssh",
    "snmp",
    "gnmi",
    "icmp",
    "sflow",
    "other",
)
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
class PuntSample:
    """One hook's packets and bytes by control protocol, in the order of ``PUNT_PROTOCOLS``, since ``start_ns``."""

    slot: int
    ifindex: int
    name: str
    direction: Direction
    start_ns: int
    protocols: tuple[Counters, ...]


@dataclass(frozen=True, slots=True)
class AccountSample:
    """One job's counters on one hook since the job began; carried over netdevs that came back."""

    key: AccountKey
    start_ns: int
    classes: tuple[Counters, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Whose frames these are: addresses are empty and ports 0 where the frames have none."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: int
    dscp: int
    vlan: int


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """What the kernel's table has of a flow; times in Unix ns, ``begun`` is the first frame's in ticks of the kernel.

    An evicted flow that comes back begins anew, with another ``begun``.
    """

    flow: Flow
    packets: int
    bytes: int
    tcp_flags: int
    first_ns: int
    last_ns: int
    begun: int


@dataclass(frozen=True, slots=True)
class Burst:
    """The millisecond with most bytes since the reading before; ``at_ns`` is when it began (Unix ns)."""

    bytes: int
    packets: int
    at_ns: int


NOTHING = Counters()


@dataclass(frozen=True, slots=True, order=True)
class Session:
    """Who mirrors to whom; ``number`` is the session id, 0 where the header has none."""

    source: str
    destination: str
    number: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What the kernel's table has of a session: frames by class, packets that never came, came twice, new beginnings.

    Times in Unix ns; ``begun`` is the first packet's in ticks of the kernel.
    """

    session: Session
    classes: tuple[Counters, ...]
    lost: int
    repeated: int
    restarts: int
    first_ns: int
    last_ns: int
    begun: int

    @property
    def packets(self) -> int:
        """Of all classes."""
        return sum(counters.packets for counters in self.classes)

    @property
    def bytes(self) -> int:
        """Of all classes."""
        return sum(counters.bytes for counters in self.classes)


@dataclass(frozen=True, slots=True)
class JobSample:
    """What a job's own program keeps beside the counters; nothing is scaled by the job's sampling rate.

    ``sampled`` is what it looked at closer. With a flow table that is what the table holds (``held``), what it held
    before it was evicted, and what it did not take (``untracked``); without one all three are nothing. ``top`` are its
    flows with most bytes, ``flows`` how many there are, ``read_at`` the kernel's ticks before they were read. ``maps``
    tells one run from another of the same question (``digest``): with other maps all begins at zero. ``sessions`` is
    None for a job that is not about mirrored frames; ``beyond`` are those of sessions that the table has no room for.
    """

    digest: str
    sampled: Counters = NOTHING
    tracks: bool = False
    held: Counters = NOTHING
    evicted: Counters = NOTHING
    untracked: Counters = NOTHING
    flows: int = 0
    top: tuple[FlowRecord, ...] = ()
    read_at: int = 0
    burst: Burst | None = None
    captured: int = 0
    capture_lost: int = 0
    mirrored: int = 0
    mirror_failed: int = 0
    maps: int = 0
    sessions: tuple[SessionRecord, ...] | None = None
    beyond: Counters = NOTHING

    @property
    def rest(self) -> Counters:
        """Sampled, but in none of the ``top`` flows."""
        packets = self.sampled.packets - sum(record.packets for record in self.top)
        return Counters(packets, self.sampled.bytes - sum(record.bytes for record in self.top))


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: ``time_ns`` Unix ns when it began; ``totals`` and ``start_ns`` are those of ``stats_percpu``.

    ``own`` are the slots in which programs of jobs count, by the account that counts there: sizes and all, of what
    matched since the slot was assigned. ``jobs`` is what those programs keep beside, by job, where it was read.
    ``punts`` are the hooks where control protocols are told apart.
    """

    time_ns: int
    start_ns: int = 0
    totals: tuple[Counters, ...] = ()
    interfaces: tuple[InterfaceSample, ...] = ()
    accounts: Mapping[AccountKey, AccountSample] = field(default_factory=dict)
    own: Mapping[AccountKey, InterfaceSample] = field(default_factory=dict)
    jobs: Mapping[str, JobSample] = field(default_factory=dict)
    punts: tuple[PuntSample, ...] = ()

    def job(self, job: str) -> Counters:
        """Packets and bytes of a job over all its hooks and classes."""
        found = [c for key, account in self.accounts.items() if key.job == job for c in account.classes]
        return Counters(sum(c.packets for c in found), sum(c.bytes for c in found))
