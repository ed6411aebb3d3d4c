"""Control protocols over OTLP: where a job for all ports is exported, those that were seen, under the hook's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.sample import PUNT_PROTOCOLS, Counters, PuntSample, Sample
from sonic_telegen.telemetry.punts import punt_metrics
from sonic_telegen.telemetry.series import Kind, Metric, Point
from tests.support.samples import reading

EVERY = {"j1": JobSpec("j1", "all")}


def sample() -> Sample:
    """Of each port on ingress: BGP and LLDP, different on each."""
    plain = reading(3)
    punts = []
    for hook in plain.interfaces:
        if hook.direction == "ingress":
            counted = {"bgp": Counters(hook.slot * 10, hook.slot * 1000), "lldp": Counters(hook.slot, hook.slot * 120)}
            protocols = tuple(counted.get(name, Counters()) for name in PUNT_PROTOCOLS)
            punts.append(PuntSample(hook.slot, hook.ifindex, hook.name, hook.direction, hook.start_ns + 9, protocols))
    return replace(plain, punts=tuple(punts))


def points(metrics: tuple[Metric, ...], name: str) -> dict[tuple[object, object], int | float]:
    (metric,) = [m for m in metrics if m.name == name]
    assert (metric.kind, metric.monotonic) == (Kind.SUM, True)
    found = {}
    for point in metric.points:
        assert isinstance(point, Point)
        about: Mapping[str, object] = dict(point.attributes)
        found[about["network.interface.name"], about["telegen.punt.protocol"]] = point.value
    return found


def test_what_was_seen_is_one_series_each_with_the_hooks_attributes() -> None:
    metrics = punt_metrics(sample(), EVERY)
    assert [(m.name, m.unit) for m in metrics] == [("telegen.punt.packets", "{packet}"), ("telegen.punt.bytes", "By")]
    first, second = (hook.slot for hook in sample().punts)
    assert points(metrics, "telegen.punt.packets") == {
        ("Ethernet0", "bgp"): 10 * first,
        ("Ethernet0", "lldp"): first,
        ("PortChannel1", "bgp"): 10 * second,
        ("PortChannel1", "lldp"): second,
    }
    assert points(metrics, "telegen.punt.bytes")["PortChannel1", "lldp"] == 120 * second
    point = metrics[0].points[0]
    hook = sample().punts[0]
    assert dict(point.attributes) == {
        "telegen.punt.protocol": "lldp",
        "ifindex": hook.ifindex,
        "network.interface.name": "Ethernet0",
        "network.io.direction": "receive",
        "telegen.visibility": "cpu-path",
        "telegen.interface.kind": "port",
    }
    assert (point.start_ns, point.time_ns) == (hook.start_ns, sample().time_ns)


def test_they_are_exported_for_the_job_for_all_ports_alone() -> None:
    assert punt_metrics(sample(), {}) == ()
    assert punt_metrics(sample(), {"j1": JobSpec("j1", "Ethernet0")}) == ()
    assert punt_metrics(sample(), {"other": JobSpec("other", "all")}) == (), "it has no account there"
    assert punt_metrics(reading(3), EVERY) == ()
