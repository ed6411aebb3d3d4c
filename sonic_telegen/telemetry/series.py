"""One Sample as metric series: names, units and attributes of the product, as neutral values. Pure.

``bpf.bytes`` is a histogram of packet sizes whose sum is the bytes: the kernel fills the buckets, so it is true for
every packet and does not depend on how often it is read. Every series is cumulative under the start time in the Sample.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import CLASSES, InterfaceSample, Sample
from sonic_telegen.model.status import Visibility

Attributes = tuple[tuple[str, str | int], ...]

_IO_DIRECTION = {Direction.INGRESS: "receive", Direction.EGRESS: "transmit"}
_KINDS = (("PortChannel", "lag"), ("Vlan", "vlan"), ("eth", "mgmt"), ("mgmt", "mgmt"))
_REMEMBERED = 4096  # hooks whose attributes are kept; 2 directions of 2048 netdevs, 1.5 kB each


class Kind(StrEnum):
    """What the points of a metric are."""

    SUM = "sum"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Point:
    """One number; ``start_ns`` and ``time_ns`` in Unix ns, ``start_ns`` 0 for a gauge."""

    attributes: Attributes
    start_ns: int
    time_ns: int
    value: int | float


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """Packets by size: ``buckets`` has ``len(SIZE_BOUNDS) + 1`` counts that add up to ``count``, or is empty."""

    attributes: Attributes
    start_ns: int
    time_ns: int
    count: int
    sum: int
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """All series of one name; ``monotonic`` means something for a sum only."""

    name: str
    unit: str
    kind: Kind
    monotonic: bool
    points: Sequence[Point | HistogramPoint]


@dataclass(frozen=True, slots=True)
class AgentStats:
    """What the agent says of itself; totals since ``start_ns`` (Unix ns).

    ``actions`` by (kind, outcome); ``sample_age`` in seconds when it is exported; ``rss`` in bytes, 0 when unknown.
    """

    start_ns: int
    passes: int = 0
    pass_seconds: float = 0.0
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    export_failures: int = 0
    map_read_failures: int = 0
    sample_age: float = 0.0
    rss: int = 0


def series(
    sample: Sample,
    exported: frozenset[str],
    stats: AgentStats,
    visibility: Mapping[str, Visibility] | None = None,
    tunnels: Collection[str] = (),
) -> tuple[Metric, ...]:
    """The metrics of one reading.

    Args:
        sample: the reading; its time is the time of every point.
        exported: ids of the jobs with ``otlp_export=true``; a hook is exported when one of them has an account on it.
        stats: the agent's own numbers.
        visibility: by netdev name; a netdev that is not named is seen on the CPU's path only.
        tunnels: names of the tunnel netdevs of ours.
    """
    seen = visibility or {}
    accounts = [account for key, account in sample.accounts.items() if key.job in exported]
    hooks = {(account.key.name, account.key.direction) for account in accounts}
    packets: list[Point] = []
    sizes: list[HistogramPoint] = []
    now = sample.time_ns
    for hook in sample.interfaces:
        if (hook.name, hook.direction) not in hooks:
            continue
        which = seen.get(hook.name, Visibility.CPU_PATH).value
        labels = _hook_attributes(hook.name, hook.ifindex, hook.direction, which, hook.name in tunnels)
        packets += [
            Point(label, hook.start_ns, now, counted.packets)
            for label, counted in zip(labels, hook.classes, strict=True)
        ]
        sizes += _sizes(labels, hook, now)
    job_packets: list[Point] = []
    job_bytes: list[Point] = []
    for account in accounts:
        for label, counted in zip(_account_attributes(account.key), account.classes, strict=True):
            job_packets.append(Point(label, account.start_ns, now, counted.packets))
            job_bytes.append(Point(label, account.start_ns, now, counted.bytes))
    counted_here = (
        Metric("bpf.packets", "{packet}", Kind.SUM, True, packets),
        Metric("bpf.bytes", "By", Kind.HISTOGRAM, False, sizes),
        Metric("telegen.job.packets", "{packet}", Kind.SUM, True, job_packets),
        Metric("telegen.job.bytes", "By", Kind.SUM, True, job_bytes),
    )
    return tuple(m for m in (*counted_here, *_agent(stats, now)) if m.points)


def interface_kind(name: str, tunnel: bool = False) -> str:
    """``tunnel`` for one of ours, ``lag``, ``vlan``, ``mgmt`` by SONiC's names; any other name is a ``port``'s."""
    return "tunnel" if tunnel else next((kind for prefix, kind in _KINDS if name.startswith(prefix)), "port")


def _sizes(labels: tuple[Attributes, ...], hook: InterfaceSample, now: int) -> list[HistogramPoint]:
    """A receiver may refuse a histogram whose buckets do not add up to its count, so the count is their total.

    It is the packets too, unless one reading fell between two additions of the same packet.
    """
    return [
        HistogramPoint(
            label,
            hook.start_ns,
            now,
            sum(counted.histogram) if counted.histogram else counted.packets,
            counted.bytes,
            counted.histogram,
        )
        for label, counted in zip(labels, hook.classes, strict=True)
    ]


@lru_cache(_REMEMBERED)
def _hook_attributes(
    name: str, ifindex: int, direction: Direction, visibility: str, tunnel: bool
) -> tuple[Attributes, ...]:
    """One set of attributes a class; the same objects every time, so an encoder sees at once that nothing moved."""
    common = hook_attributes(name, ifindex, direction, visibility, tunnel)
    return tuple((("proto", proto), *common) for proto in CLASSES)


def hook_attributes(name: str, ifindex: int, direction: Direction, visibility: str, tunnel: bool = False) -> Attributes:
    """What tells one hook from the others."""
    return (
        ("ifindex", ifindex),
        ("network.interface.name", name),
        ("network.io.direction", _IO_DIRECTION[direction]),
        ("telegen.visibility", visibility),
        ("telegen.interface.kind", interface_kind(name, tunnel)),
    )


@lru_cache(_REMEMBERED)
def _account_attributes(key: AccountKey) -> tuple[Attributes, ...]:
    return tuple(
        (
            ("telegen.job", key.job),
            ("proto", proto),
            ("network.interface.name", key.name),
            ("network.io.direction", _IO_DIRECTION[key.direction]),
        )
        for proto in CLASSES
    )


def _agent(stats: AgentStats, now: int) -> tuple[Metric, ...]:
    def total(name: str, unit: str, value: int | float) -> Metric:
        return Metric(f"telegen.agent.{name}", unit, Kind.SUM, True, (Point((), stats.start_ns, now, value),))

    def gauge(name: str, unit: str, value: int | float) -> Metric:
        return Metric(f"telegen.agent.{name}", unit, Kind.GAUGE, False, (Point((), 0, now, value),))

    actions = [
        Point((("telegen.action.kind", kind), ("telegen.action.outcome", outcome)), stats.start_ns, now, count)
        for (kind, outcome), count in sorted(stats.actions.items())
    ]
    return (
        total("passes", "{pass}", stats.passes),
        total("pass.time", "s", float(stats.pass_seconds)),
        Metric("telegen.agent.actions", "{action}", Kind.SUM, True, actions),
        total("export.failures", "{failure}", stats.export_failures),
        total("map_read.failures", "{failure}", stats.map_read_failures),
        gauge("sample.age", "s", float(stats.sample_age)),
        *((gauge("memory.usage", "By", stats.rss),) if stats.rss else ()),
    )
