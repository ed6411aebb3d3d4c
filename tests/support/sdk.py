"""Our metrics as the SDK's own dataclasses: what the library would send; the yardstick for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as SdkMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sonic_telegen.model.sample import SIZE_BOUNDS
from sonic_telegen.telemetry.series import HistogramPoint, Kind, Metric, Point


def metrics_data(metrics: Iterable[Metric], resource: Mapping[str, str], scope: str, version: str) -> MetricsData:
    """The same names, attributes, times and numbers."""
    made = [SdkMetric(m.name, "", m.unit, _data(m)) for m in metrics]
    scoped = ScopeMetrics(InstrumentationScope(scope, version), made, "")
    return MetricsData([ResourceMetrics(Resource(dict(sorted(resource.items()))), [scoped], "")])


def _data(metric: Metric) -> Sum | Gauge | Histogram:
    if metric.kind is Kind.HISTOGRAM:
        sizes = [_histogram(p) for p in metric.points if isinstance(p, HistogramPoint)]
        return Histogram(sizes, AggregationTemporality.CUMULATIVE)
    numbers = [
        NumberDataPoint(dict(p.attributes), p.start_ns, p.time_ns, p.value)
        for p in metric.points
        if isinstance(p, Point)
    ]
    if metric.kind is Kind.GAUGE:
        return Gauge(numbers)
    return Sum(numbers, AggregationTemporality.CUMULATIVE, metric.monotonic)


def _histogram(point: HistogramPoint) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=dict(point.attributes),
        start_time_unix_nano=point.start_ns,
        time_unix_nano=point.time_ns,
        count=point.count,
        sum=point.sum,
        bucket_counts=list(point.buckets),
        explicit_bounds=list(SIZE_BOUNDS),
        min=None,  # type: ignore[arg-type]  # absent on the wire, which the type does not foresee
        max=None,  # type: ignore[arg-type]
    )
