"""A Sample becomes series with the product's names, units and attributes, and with no number of its own making."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import CLASSES, Counters, InterfaceSample, Sample
from sonic_telegen.model.status import Visibility
from sonic_telegen.telemetry.series import AgentStats, HistogramPoint, Kind, Metric, Point, interface_kind, series
from tests.support.samples import START_NS, reading

STATS = AgentStats(start_ns=START_NS - 7)
J1 = frozenset(["j1"])


def by_name(metrics: tuple[Metric, ...]) -> dict[str, Metric]:
    assert len({m.name for m in metrics}) == len(metrics)
    return {m.name: m for m in metrics}


def labelled(metric: Metric) -> dict[frozenset[tuple[str, str | int]], Point | HistogramPoint]:
    found = {frozenset(p.attributes): p for p in metric.points}
    assert len(found) == len(metric.points), "two points of one series"
    return found


def test_every_hook_and_class_is_one_series_with_the_sample_s_numbers() -> None:
    sample = reading(3)
    metrics = by_name(series(sample, J1, STATS))
    packets, sizes = metrics["bpf.packets"], metrics["bpf.bytes"]
    assert (packets.unit, packets.kind, packets.monotonic) == ("{packet}", Kind.SUM, True)
    assert (sizes.unit, sizes.kind) == ("By", Kind.HISTOGRAM)
    assert len(packets.points) == len(sizes.points) == 2 * 2 * len(CLASSES)
    counted, spread = labelled(packets), labelled(sizes)
    for hook in sample.interfaces:
        for proto, expected in zip(CLASSES, hook.classes, strict=True):
            attributes: frozenset[tuple[str, str | int]] = frozenset(
                {
                    ("proto", proto),
                    ("ifindex", hook.ifindex),
                    ("network.interface.name", hook.name),
                    ("network.io.direction", "receive" if hook.direction is Direction.INGRESS else "transmit"),
                    ("telegen.visibility", "cpu-path"),
                    ("telegen.interface.kind", "port" if hook.name == "Ethernet0" else "lag"),
                }
            )
            point, histogram = counted[attributes], spread[attributes]
            assert isinstance(point, Point)
            assert isinstance(histogram, HistogramPoint)
            assert (point.start_ns, point.time_ns, point.value) == (hook.start_ns, sample.time_ns, expected.packets)
            assert (histogram.start_ns, histogram.time_ns) == (hook.start_ns, sample.time_ns)
            assert (histogram.count, histogram.sum) == (expected.packets, expected.bytes)
            assert histogram.buckets == expected.histogram


def test_job_sums_are_the_account_s_not_the_hook_s() -> None:
    sample = reading(3)
    metrics = by_name(series(sample, J1, STATS))
    for name, unit in (("telegen.job.packets", "{packet}"), ("telegen.job.bytes", "By")):
        metric = metrics[name]
        assert (metric.unit, metric.kind, metric.monotonic) == (unit, Kind.SUM, True)
        points = labelled(metric)
        assert len(points) == len(sample.accounts) * len(CLASSES)
        for key, account in sample.accounts.items():
            way = "receive" if key.direction is Direction.INGRESS else "transmit"
            for proto, expected in zip(CLASSES, account.classes, strict=True):
                label = {("telegen.job", "j1"), ("proto", proto), ("network.interface.name", key.name)}
                point = points[frozenset(label | {("network.io.direction", way)})]
                assert isinstance(point, Point)
                value = expected.packets if name.endswith("packets") else expected.bytes
                assert (point.start_ns, point.value) == (account.start_ns, value)


def test_a_series_is_there_before_its_first_packet() -> None:
    hook = InterfaceSample(1, 5, "Vlan10", Direction.INGRESS, START_NS, tuple(Counters() for _ in CLASSES))
    accounts = reading(0, ("Vlan10",), (Direction.INGRESS,)).accounts
    metrics = by_name(series(Sample(START_NS + 1, interfaces=(hook,), accounts=accounts), J1, STATS))
    assert [p.value for p in metrics["bpf.packets"].points if isinstance(p, Point)] == [0, 0, 0, 0]
    assert [(p.count, p.sum, p.buckets) for p in metrics["bpf.bytes"].points if isinstance(p, HistogramPoint)] == [
        (0, 0, ())
    ] * 4


def test_only_hooks_of_exported_jobs_are_exported() -> None:
    sample = reading(1)
    quiet = AccountKey("quiet", "Ethernet0", Direction.INGRESS)
    one = next(iter(sample.accounts.values()))
    sample = replace(
        sample,
        accounts={
            quiet: replace(one, key=quiet),
            **{k: a for k, a in sample.accounts.items() if k.name == "PortChannel1"},
        },
    )
    metrics = by_name(series(sample, J1, STATS))
    names = {dict(p.attributes)["network.interface.name"] for p in metrics["bpf.packets"].points}
    assert names == {"PortChannel1"}
    assert {dict(p.attributes)["telegen.job"] for p in metrics["telegen.job.bytes"].points} == {"j1"}
    both = by_name(series(sample, frozenset(["j1", "quiet"]), STATS))
    hooks = {
        (dict(p.attributes)["network.interface.name"], dict(p.attributes)["network.io.direction"])
        for p in both["bpf.packets"].points
    }
    assert hooks == {("Ethernet0", "receive"), ("PortChannel1", "receive"), ("PortChannel1", "transmit")}


def test_without_exported_jobs_the_agent_s_own_numbers_remain() -> None:
    metrics = by_name(series(reading(1), frozenset(), STATS))
    assert metrics
    assert all(name.startswith("telegen.agent.") for name in metrics)


def test_visibility_is_told_by_netdev() -> None:
    metrics = by_name(series(reading(1), J1, STATS, {"Ethernet0": Visibility.MIRRORED}))
    told = {
        (dict(p.attributes)["network.interface.name"], dict(p.attributes)["telegen.visibility"])
        for p in metrics["bpf.bytes"].points
    }
    assert told == {("Ethernet0", "mirrored"), ("PortChannel1", "cpu-path")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Ethernet0", "port"),
        ("Ethernet128", "port"),
        ("enp1s0", "port"),
        ("PortChannel0001", "lag"),
        ("Vlan1000", "vlan"),
        ("eth0", "mgmt"),
    ],
)
def test_interface_kind_follows_sonic_s_names(name: str, kind: str) -> None:
    assert interface_kind(name) == kind
    assert interface_kind(name, tunnel=True) == "tunnel"


def test_a_tunnel_of_ours_is_told_from_a_port_of_a_host() -> None:
    metrics = by_name(series(reading(1, ("mon1", "ens3")), J1, STATS, tunnels={"mon1"}))
    labels = [dict(point.attributes) for point in metrics["bpf.packets"].points]
    found = {(label["network.interface.name"], label["telegen.interface.kind"]) for label in labels}
    assert found == {("mon1", "tunnel"), ("ens3", "port")}


def test_a_torn_reading_still_gives_a_valid_histogram() -> None:
    """A packet counted but not yet in its bucket: receivers refuse buckets that do not add up to the count."""
    sample = reading(2, ("Ethernet0",), (Direction.INGRESS,))
    hook = sample.interfaces[0]
    torn = replace(hook.classes[0], packets=hook.classes[0].packets + 1)
    sample = replace(sample, interfaces=(replace(hook, classes=(torn, *hook.classes[1:])),))
    for point in by_name(series(sample, J1, STATS))["bpf.bytes"].points:
        assert isinstance(point, HistogramPoint)
        assert sum(point.buckets) == point.count


def test_the_agent_tells_of_itself() -> None:
    stats = AgentStats(
        START_NS - 7,
        passes=3,
        pass_seconds=0.5,
        actions={("attach", "done"): 2, ("attach", "failed"): 1},
        export_failures=4,
        map_read_failures=5,
        sample_age=0.25,
        rss=6_000_000,
    )
    sample = reading(1)
    metrics = by_name(series(sample, frozenset(), stats))
    totals = {
        "telegen.agent.passes": ("{pass}", 3),
        "telegen.agent.pass.time": ("s", 0.5),
        "telegen.agent.export.failures": ("{failure}", 4),
        "telegen.agent.map_read.failures": ("{failure}", 5),
    }
    for name, (unit, value) in totals.items():
        metric = metrics[name]
        assert (metric.unit, metric.kind, metric.monotonic) == (unit, Kind.SUM, True)
        assert metric.points == (Point((), START_NS - 7, sample.time_ns, value),)
    for name, unit, value in (
        ("telegen.agent.sample.age", "s", 0.25),
        ("telegen.agent.memory.usage", "By", 6_000_000),
    ):
        assert metrics[name].kind is Kind.GAUGE
        assert metrics[name].unit == unit
        assert metrics[name].points == (Point((), 0, sample.time_ns, value),)
    actions = {p.attributes: p.value for p in metrics["telegen.agent.actions"].points if isinstance(p, Point)}
    assert actions == {
        (("telegen.action.kind", "attach"), ("telegen.action.outcome", "done")): 2,
        (("telegen.action.kind", "attach"), ("telegen.action.outcome", "failed")): 1,
    }
