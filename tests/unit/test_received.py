"""The receiver's own judgement is trusted by other tests: a sum that goes down or loses its start must be named."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from sonic_telegen.demo.received import Histogram, Received, SeriesKey, Value
from sonic_telegen.telemetry.request import Requests
from sonic_telegen.telemetry.series import HistogramPoint, Kind, Metric, Point

LABELS = (("proto", "ipv4"), ("ifindex", 3))
KEY: SeriesKey = ("m", frozenset(LABELS))


def tell(received: Received, kind: Kind, point: Point | HistogramPoint) -> tuple[int, dict[str, str]]:
    requests = Requests(ExportMetricsServiceRequest, {"host.name": "leaf1"})
    [request] = requests.fill([Metric("m", "1", kind, True, [point])])
    return received.add(request)


def sum_of(start: int, value: int) -> Point:
    return Point(LABELS, start, 100, value)


def sizes_of(total: int, *buckets: int) -> HistogramPoint:
    return HistogramPoint(LABELS, 5, 100, sum(buckets), total, (*buckets, *[0] * (10 - len(buckets))))


def test_the_last_value_is_kept() -> None:
    received = Received()
    assert tell(received, Kind.SUM, sum_of(5, 7)) == (1, {"host.name": "leaf1"})
    tell(received, Kind.SUM, sum_of(5, 9))
    assert received.latest == {KEY: Value(5, 100, 9)}
    assert received.violations == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "complaint"),
    [
        (Kind.SUM, sum_of(5, 7), sum_of(5, 6), "went down"),
        (Kind.SUM, sum_of(5, 7), sum_of(4, 9), "start went back"),
        (Kind.HISTOGRAM, sizes_of(90, 1, 1), sizes_of(90, 0, 2), "went down"),
        (Kind.HISTOGRAM, sizes_of(90, 1), sizes_of(80, 1), "went down"),
    ],
)
def test_a_broken_promise_is_named(
    kind: Kind, before: Point | HistogramPoint, after: Point | HistogramPoint, complaint: str
) -> None:
    received = Received()
    tell(received, kind, before)
    tell(received, kind, after)
    [violation] = received.violations
    assert complaint in violation
    assert "proto" in violation


def test_a_told_reset_and_a_gauge_that_falls_are_no_violation() -> None:
    received = Received()
    tell(received, Kind.SUM, sum_of(5, 7))
    tell(received, Kind.SUM, sum_of(50, 1))
    assert received.violations == []
    gauges = Received()
    tell(gauges, Kind.GAUGE, sum_of(0, 7))
    tell(gauges, Kind.GAUGE, sum_of(0, 1))
    assert gauges.violations == []


def test_a_histogram_is_kept_with_its_bounds() -> None:
    received = Received()
    tell(received, Kind.HISTOGRAM, sizes_of(150, 1, 1))
    value = received.latest[KEY].value
    assert isinstance(value, Histogram)
    assert (value.count, value.sum, value.buckets[:3]) == (2, 150.0, (1, 1, 0))
    assert value.bounds == (64.0, 127.0, 255.0, 511.0, 1023.0, 1518.0, 2047.0, 4095.0, 9216.0)
