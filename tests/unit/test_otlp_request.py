"""Requests that are kept and changed say exactly what a fresh one from the SDK's own encoder says."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from sonic_telegen.model.sample import SIZE_BOUNDS
from sonic_telegen.telemetry.request import MAX_POINTS, SCOPE, Requests, batches
from sonic_telegen.telemetry.series import AgentStats, HistogramPoint, Kind, Metric, Point, series
from tests.support.samples import START_NS, reading
from tests.support.sdk import metrics_data

RESOURCE = {"service.name": "telegen-sonic", "service.version": "1.2.3"}
J1 = frozenset(["j1"])
STATS = AgentStats(START_NS, pass_seconds=0.5, rss=4096, actions={("attach", "done"): 1})

labels = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=3) | st.integers(0, 9)),
    max_size=2,
    unique_by=lambda pair: pair[0],
).map(tuple)
count = st.integers(0, 2**62)
number = st.builds(Point, labels, count, count, count | st.floats(0, 1e9))
sizes = st.builds(HistogramPoint, labels, count, count, count, count, st.just(()) | st.tuples(*[count] * 10))
metric = st.builds(
    Metric, st.sampled_from(["x", "y"]), st.just("By"), st.sampled_from([Kind.SUM, Kind.GAUGE]), st.booleans(),
    st.lists(number, min_size=1, max_size=4),
) | st.builds(
    Metric, st.just("h"), st.just("By"), st.just(Kind.HISTOGRAM), st.just(False),
    st.lists(sizes, min_size=1, max_size=4),
)  # fmt: skip


def fresh(metrics: list[Metric], limit: int) -> list[Any]:
    return Requests(ExportMetricsServiceRequest, RESOURCE, limit).fill(metrics)


@settings(deadline=None)
@given(st.lists(st.lists(metric, max_size=3), max_size=4), st.integers(1, 5))
def test_a_kept_request_equals_a_fresh_one_whatever_came_before(history: list[list[Metric]], limit: int) -> None:
    kept = Requests(ExportMetricsServiceRequest, RESOURCE, limit)
    for metrics in history:
        assert kept.fill(metrics) == fresh(metrics, limit)


@given(st.lists(metric, max_size=4), st.integers(1, 7))
def test_parts_carry_every_point_once_in_order_and_stay_in_bounds(metrics: list[Metric], limit: int) -> None:
    parts = batches(metrics, limit)
    sizes_of = [sum(len(m.points) for m in part) for part in parts]
    assert all(0 < size <= limit for size in sizes_of)
    assert all(size == limit for size in sizes_of[:-1])
    assert [p for m in metrics for p in m.points] == [p for part in parts for m in part for p in m.points]


def test_the_sdk_s_own_encoder_says_the_same() -> None:
    """Our tree against ``encode_metrics`` of the same points as dataclasses, after two changes in place."""
    kept = Requests(ExportMetricsServiceRequest, RESOURCE)
    for beat in (1, 2, 3):
        metrics = series(reading(beat), J1, STATS)
        [ours] = kept.fill(metrics)
        theirs = encode_metrics(metrics_data(metrics, RESOURCE, SCOPE, "1.2.3"))
        assert ours == theirs


def test_series_that_come_and_go() -> None:
    kept = Requests(ExportMetricsServiceRequest, RESOURCE)
    for netdevs in (("Ethernet0",), ("Ethernet0", "Ethernet4"), ("Ethernet4",), ("Ethernet4", "Vlan7"), ()):
        metrics = list(series(reading(2, netdevs), J1, STATS))
        assert kept.fill(metrics) == fresh(metrics, MAX_POINTS)


def test_no_message_reaches_grpc_s_limit_with_the_longest_names() -> None:
    """15 characters a netdev, 64 a job id; counters and times are fixed64, always 8 bytes."""
    netdevs = [f"Ethernet{i:07}" for i in range(1100)]
    sample = reading(10, netdevs, job="j" * 64)
    requests = fresh(list(series(sample, frozenset(["j" * 64]), STATS)), MAX_POINTS)
    assert sum(len(r.resource_metrics[0].scope_metrics[0].metrics) for r in requests) >= 4
    assert max(r.ByteSize() for r in requests) < 3 * 1024 * 1024


def test_bounds_come_with_the_buckets() -> None:
    kept = Requests(ExportMetricsServiceRequest, RESOURCE)
    for buckets in ((), (1,) * 10, ()):
        [request] = kept.fill([Metric("h", "By", Kind.HISTOGRAM, False, [HistogramPoint((), 1, 2, 10, 3, buckets)])])
        [point] = request.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points
        assert tuple(point.bucket_counts) == buckets
        assert tuple(point.explicit_bounds) == (SIZE_BOUNDS if buckets else ())
        assert not point.HasField("min")
        assert not point.HasField("max")
