"""Control protocols as metric series: one for each that was seen, on the hooks of a job for all ports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sonic_telegen.model.job import ALL_PORTS, Direction, JobSpec
from sonic_telegen.model.sample import PUNT_PROTOCOLS, Sample
from sonic_telegen.model.status import Visibility
from sonic_telegen.telemetry.series import Attributes, Kind, Metric, Point, hook_attributes

_REMEMBERED = 2048  # hooks


def punt_metrics(sample: Sample, exported: Mapping[str, JobSpec]) -> tuple[Metric, ...]:
    """Packets and bytes where a job for all ports among ``exported`` has an account."""
    jobs = {job for job, spec in exported.items() if spec.port == ALL_PORTS}
    hooks = {(key.name, key.direction) for key in sample.accounts if key.job in jobs}
    packets: list[Point] = []
    octets: list[Point] = []
    for hook in sample.punts:
        if (hook.name, hook.direction) not in hooks:
            continue
        labels = _attributes(hook.name, hook.ifindex, hook.direction)
        for label, counted in zip(labels, hook.protocols, strict=True):
            if counted.packets:
                packets.append(Point(label, hook.start_ns, sample.time_ns, counted.packets))
                octets.append(Point(label, hook.start_ns, sample.time_ns, counted.bytes))
    if not packets:
        return ()
    return (
        Metric("telegen.punt.packets", "{packet}", Kind.SUM, True, packets),
        Metric("telegen.punt.bytes", "By", Kind.SUM, True, octets),
    )


@lru_cache(_REMEMBERED)
def _attributes(name: str, ifindex: int, direction: Direction) -> tuple[Attributes, ...]:
    common = hook_attributes(name, ifindex, direction, Visibility.CPU_PATH.value)
    return tuple((("telegen.punt.protocol", protocol), *common) for protocol in PUNT_PROTOCOLS)
