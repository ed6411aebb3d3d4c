"""What a job's own program is told and tells: the structures of bpf/telegen_job_abi.h as Python values.

Pure. Nothing is scaled by the sampling rate here, and times are as the program takes them: jiffies, or the kernel's
monotonic clock in ns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import Ports, Prefix

Raw = bytes | bytearray | memoryview

VERSION = 2
FLOWS = 16384  # entries of job_flows in the object
MOST_RANGES = 8
WINDOW_NS = 1_000_000  # of a burst
OFF = 1  # max_entries of job_flows for a job that has none

_CONFIG = struct.Struct("=4I4QI16s16s16s16sII16H16HIQII4s4sI4x")
_LIVE = struct.Struct("=QII64s16s16s16s")
_PEAK = struct.Struct("=3QII")
_PERCPU = struct.Struct("=18Q")
_KEY = struct.Struct("=16s16s2s2sH3B3x")
_FLOW = struct.Struct("=4QI4x")
_FRAME = struct.Struct("=Q3I4HI")
_INNER = struct.Struct("=2Q32x")  # what job_percpu has of decap, behind the peaks

CONFIG_SIZE, LIVE_SIZE, KEY_SIZE, FLOW_SIZE, FRAME_SIZE = (s.size for s in (_CONFIG, _LIVE, _KEY, _FLOW, _FRAME))
PERCPU_SIZE = _PERCPU.size + 2 * _PEAK.size + _INNER.size


class Feature(IntFlag):
    """``enum tg_do``: what the program of a job does."""

    PROTO = 1
    SRC = 2
    DST = 4
    SPORT = 8
    DPORT = 16
    DSCP = 32
    VLAN = 64
    PCAP = 128
    FLOWS = 256
    BURST = 512
    CAPTURE = 1024
    MIRROR = 2048
    REMOTE = 4096
    LOCAL = 8192
    SESSION = 16384


def features(spec: JobSpec, bursts: bool = False, mode: MirrorMode = MirrorMode.DIRECT) -> Feature:
    """What the program of this job has to do in that mode."""
    match, decap = spec.match, mode is MirrorMode.DECAP
    asked: dict[Feature, object] = {
        Feature.PROTO: match.ip_proto,
        Feature.SRC: match.src_cidr,
        Feature.DST: match.dst_cidr,
        Feature.SPORT: match.l4_sport,
        Feature.DPORT: match.l4_dport,
        Feature.DSCP: match.dscp,
        Feature.VLAN: match.vlan,
        Feature.PCAP: match.filter,
        Feature.FLOWS: spec.result_detail is ResultDetail.FLOWS,
        Feature.BURST: bursts,
        Feature.CAPTURE: spec.result_detail is ResultDetail.PACKETS,
        Feature.MIRROR: mode is MirrorMode.ERSPAN,
        Feature.REMOTE: decap and spec.erspan.remote,
        Feature.LOCAL: decap and spec.erspan.local,
        Feature.SESSION: decap and spec.erspan.key is not None,
    }
    found = Feature(0)
    for feature, value in asked.items():
        found |= feature if value else 0
    return found


def pack_config(
    spec: JobSpec,
    *,
    bursts: bool = False,
    flow_budget: int = 0,
    budget_window: int = 1,
    mode: MirrorMode = MirrorMode.DIRECT,
) -> bytes:
    """``config`` for a job; a CPU may try ``flow_budget`` insertions of flows in ``budget_window`` jiffies."""
    match = spec.match
    protos = sum(1 << number for number in match.ip_proto)
    return _CONFIG.pack(
        VERSION,
        features(spec, bursts, mode),
        spec.sample_rate,
        spec.snaplen,
        *(protos >> 64 * word & 2**64 - 1 for word in range(4)),
        match.family,
        *_prefix(match.src_cidr),
        *_prefix(match.dst_cidr),
        len(match.l4_sport),
        len(match.l4_dport),
        *_ranges(match.l4_sport),
        *_ranges(match.l4_dport),
        match.vlan,
        sum(1 << value for value in match.dscp),
        flow_budget,
        budget_window,
        IPv4Address(spec.erspan.remote or 0).packed,
        IPv4Address(spec.erspan.local or 0).packed,
        spec.erspan.key or 0,
    )


def _prefix(prefix: Prefix | None) -> tuple[bytes, bytes]:
    return (prefix.network_address.packed, prefix.netmask.packed) if prefix else (b"", b"")


def _ranges(ranges: tuple[Ports, ...]) -> list[int]:
    if len(ranges) > MOST_RANGES:
        raise ValueError(f"{len(ranges)} ranges of ports, {MOST_RANGES} at most")
    return [port for pair in ranges for port in pair] + [0] * 2 * (MOST_RANGES - len(ranges))


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Live:
    """``job_live``: whose program it is, when it stops (jiffies64, 0 for never), and which peaks it writes.

    ``mode`` is what it was loaded for, ``mirror`` the ifindex of the netdev that takes the clones (0: none).
    """

    job: str
    digest: str
    build: str
    deadline: int = 0
    epoch: int = 0
    mode: MirrorMode = MirrorMode.DIRECT
    mirror: int = 0

    def pack(self) -> bytes:
        """The map's value."""
        words = [text.encode() for text in (self.job, self.digest, self.build, self.mode)]
        for word, room in zip(words, (64, 16, 16, 16), strict=True):
            if len(word) > room:
                raise ValueError(f"{word!r} is longer than {room} bytes")
        return _LIVE.pack(self.deadline, self.epoch & 0xFFFFFFFF, self.mirror, *words)

    @classmethod
    def parse(cls, raw: Raw) -> Self:
        """What ``pack`` made."""
        deadline, epoch, mirror, job, digest, build, mode = _LIVE.unpack(raw)
        return cls(_text(job), _text(digest), _text(build), deadline, epoch, MirrorMode(_text(mode)), mirror)


@dataclass(frozen=True, slots=True)
class Peak:
    """The window of ``WINDOW_NS`` with most bytes of an epoch on one CPU, begun at ``at_ns`` of the monotonic clock."""

    bytes: int
    packets: int
    at_ns: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PerCpu:
    """``job_percpu`` of one CPU, or the sum over several; ``beyond`` are frames of sessions that have no entry."""

    frames: int
    sampled_packets: int
    sampled_bytes: int
    sampled_frames: int
    tracked_packets: int
    tracked_bytes: int
    untracked_packets: int
    untracked_bytes: int
    captured: int
    capture_lost: int
    mirrored: int
    mirror_failed: int
    beyond_packets: int
    beyond_bytes: int

    @classmethod
    def parse(cls, raw: Raw) -> Self:
        """The map's value of all CPUs, added up."""
        behind = PERCPU_SIZE - _INNER.size
        cpus = range(0, len(raw), PERCPU_SIZE)
        columns = zip(
            *(_PERCPU.unpack_from(raw, at) + _INNER.unpack_from(raw, at + behind) for at in cpus), strict=True
        )
        frames, _, *rest = (sum(column) for column in columns)
        return cls(frames, *rest[: len(fields(cls)) - 3], *rest[-2:])


def peaks(raw: Raw, epoch: int) -> tuple[Peak, ...]:
    """The peaks of an epoch in ``job_percpu``'s value of all CPUs, one for each CPU that saw a frame in it."""
    bank = _PERCPU.size + (epoch & 1) * _PEAK.size
    found = (Peak(*_PEAK.unpack_from(raw, at + bank)[:4]) for at in range(0, len(raw), PERCPU_SIZE))
    return tuple(peak for peak in found if peak.packets and peak.epoch == epoch & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class FlowKey:
    """Whose frames a flow is; addresses are None and ports 0 where the frames have none."""

    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address | None
    source_port: int
    destination_port: int
    protocol: int
    dscp: int
    vlan: int
    family: int

    @classmethod
    def parse(cls, raw: Raw) -> Self:
        """A key of ``job_flows``."""
        source, destination, sport, dport, vlan, protocol, dscp, family = _KEY.unpack(raw)
        ports = (int.from_bytes(sport, "big"), int.from_bytes(dport, "big"))
        return cls(_address(source, family), _address(destination, family), *ports, protocol, dscp, vlan, family)


def _address(raw: bytes, family: int) -> IPv4Address | IPv6Address | None:
    if family == 4:
        return IPv4Address(raw[:4])
    return IPv6Address(raw) if family == 6 else None


@dataclass(frozen=True, slots=True)
class Flow:
    """What a flow has counted; ``first`` and ``last`` frame in jiffies64, ``tcp_flags`` all that were seen."""

    packets: int
    bytes: int
    first: int
    last: int
    tcp_flags: int

    @classmethod
    def parse(cls, raw: Raw) -> Self:
        """A value of ``job_flows``."""
        return cls(*_FLOW.unpack(raw))


@dataclass(frozen=True, slots=True)
class Frame:
    """A captured frame: ``data`` is its beginning as the kernel has it, without the tag that is kept beside it.

    ``length`` is the whole frame's with that tag; ``vlan_proto`` is 0 when there is none. An aggregate (``gso_size``
    above 0) is one frame.
    """

    at_ns: int
    ifindex: int
    length: int
    vlan_tci: int
    vlan_proto: int
    gso_size: int
    direction: int
    slot: int
    data: bytes

    @classmethod
    def parse(cls, record: Raw) -> Self:
        """A record of ``job_ring``."""
        at_ns, ifindex, length, caplen, tci, proto, gso_size, direction, slot = _FRAME.unpack_from(record)
        data = bytes(record[FRAME_SIZE : FRAME_SIZE + caplen])
        return cls(at_ns, ifindex, length, tci, proto, gso_size, direction, slot, data)
