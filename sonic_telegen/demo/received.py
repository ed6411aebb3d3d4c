"""What an OTLP receiver was told: the last value of each series, and every promise that a sender broke."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SeriesKey = tuple[str, frozenset[tuple[str, str | int]]]  # metric name, attributes


@dataclass(frozen=True, slots=True)
class Histogram:
    """Last value of a histogram series."""

    count: int
    sum: float
    buckets: tuple[int, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """Last value of a series and its times (Unix ns)."""

    start_ns: int
    time_ns: int
    value: int | float | Histogram


@dataclass
class Received:
    """``latest`` by series. ``violations`` names each cumulative series that went down, or back in start time."""

    latest: dict[SeriesKey, Value] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, request: Any) -> tuple[int, dict[str, str]]:
        """Note an ``ExportMetricsServiceRequest``; its number of points and its resource attributes."""
        points = 0
        resource: dict[str, str] = {}
        for whole in request.resource_metrics:
            resource |= {a.key: a.value.string_value for a in whole.resource.attributes}
            for metric in (metric for scope in whole.scope_metrics for metric in scope.metrics):
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    points += 1
                    self._note(metric.name, kind, point)
        return points, resource

    def _note(self, name: str, kind: str, point: Any) -> None:
        labels = frozenset((a.key, getattr(a.value, a.value.WhichOneof("value"))) for a in point.attributes)
        number: int | float | Histogram
        if kind == "histogram":
            number = Histogram(point.count, point.sum, tuple(point.bucket_counts), tuple(point.explicit_bounds))
        else:
            number = getattr(point, point.WhichOneof("value"))
        value = Value(point.start_time_unix_nano, point.time_unix_nano, number)
        before = self.latest.get((name, labels))
        if before and kind != "gauge":
            if value.start_ns < before.start_ns:
                self.violations.append(f"{name} {sorted(labels)}: start went back from {before} to {value}")
            elif value.start_ns == before.start_ns and _went_down(before.value, number):
                self.violations.append(f"{name} {sorted(labels)}: went down from {before} to {value}")
        self.latest[name, labels] = value


def _went_down(before: int | float | Histogram, after: int | float | Histogram) -> bool:
    old = (before.count, before.sum, *before.buckets) if isinstance(before, Histogram) else (before,)
    new = (after.count, after.sum, *after.buckets) if isinstance(after, Histogram) else (after,)
    return len(old) != len(new) or any(b > a for b, a in zip(old, new, strict=True))
