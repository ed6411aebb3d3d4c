"""OTLP requests that are kept and changed in place: attributes are encoded once, then only numbers move.

At 512 netdevs x 2 directions an export by way of the SDK's dataclasses and encoder costs six to eight times the CPU
(``tests/bench/bench_export.py``). The protobuf classes are handed in by ``otlp``, the only importer of OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sonic_telegen.model.sample import SIZE_BOUNDS
from sonic_telegen.telemetry.series import HistogramPoint, Kind, Metric

MAX_POINTS = 4000  # about 1.6 MB of histograms; a gRPC receiver refuses messages above 4 MiB
_CUMULATIVE = 2  # AGGREGATION_TEMPORALITY_CUMULATIVE in opentelemetry/proto/metrics/v1/metrics.proto
SCOPE = "sonic_telegen"


def batches(metrics: Sequence[Metric], limit: int) -> list[list[Metric]]:
    """The same points in the same order, at most ``limit`` in each part; a metric may go on in the next part."""
    parts: list[list[Metric]] = [[]]
    room = limit
    for metric in metrics:
        rest = metric.points
        while rest:
            if not room:
                parts.append([])
                room = limit
            head, rest = rest[:room], rest[room:]
            parts[-1].append(Metric(metric.name, metric.unit, metric.kind, metric.monotonic, head))
            room -= len(head)
    return parts if parts[0] else []


class Requests:
    """The requests of one exporter.

    Args:
        new: makes an empty ``ExportMetricsServiceRequest``.
        resource: attributes of the resource.
        limit: points in one request at most.
    """

    def __init__(self, new: Callable[[], Any], resource: Mapping[str, str], limit: int = MAX_POINTS) -> None:
        self._new, self._resource, self._limit = new, dict(resource), limit
        self._kept: list[_Batch] = []

    def fill(self, metrics: Sequence[Metric]) -> list[Any]:
        """The requests that carry ``metrics`` now; they are good until the next call."""
        parts = batches(metrics, self._limit)
        del self._kept[len(parts) :]
        for index, part in enumerate(parts):
            shape = _shape(part)
            if index == len(self._kept):
                self._kept.append(_Batch(self._new(), self._resource, shape))
            elif self._kept[index].shape != shape:
                # A whole new one: a protobuf arena gives nothing back, so points deleted in place would pile up.
                self._kept[index] = _Batch(self._new(), self._resource, shape)
            self._kept[index].fill(part)
        return [batch.request for batch in self._kept]


_Shape = list[tuple[str, str, Kind, bool, list[Any]]]  # metric by metric, then the attributes of its points


def _shape(metrics: Sequence[Metric]) -> _Shape:
    return [(m.name, m.unit, m.kind, m.monotonic, [p.attributes for p in m.points]) for m in metrics]


class _Batch:
    """One request; its set of series is fixed, its numbers are not."""

    def __init__(self, request: Any, resource: Mapping[str, str], shape: _Shape) -> None:
        self.request, self.shape = request, shape
        whole = request.resource_metrics.add()
        _encode(whole.resource.attributes, sorted(resource.items()))
        scope = whole.scope_metrics.add()
        scope.scope.name = SCOPE
        scope.scope.version = resource.get("service.version", "")
        self._points = []
        for name, unit, kind, monotonic, labels in shape:
            data = getattr(scope.metrics.add(name=name, unit=unit), kind.value)
            if kind is not Kind.GAUGE:
                data.aggregation_temporality = _CUMULATIVE
            if kind is Kind.SUM:
                data.is_monotonic = monotonic
            for attributes in labels:
                _encode(data.data_points.add().attributes, attributes)
            self._points.append(data.data_points)

    def fill(self, metrics: Sequence[Metric]) -> None:
        for metric, encoded in zip(metrics, self._points, strict=True):
            for point, target in zip(metric.points, encoded, strict=True):
                target.start_time_unix_nano = point.start_ns
                target.time_unix_nano = point.time_ns
                if isinstance(point, HistogramPoint):
                    target.count = point.count
                    target.sum = point.sum
                    if len(target.bucket_counts) != len(point.buckets):
                        target.explicit_bounds[:] = SIZE_BOUNDS if point.buckets else ()
                    target.bucket_counts[:] = point.buckets
                elif isinstance(point.value, int):
                    target.as_int = point.value
                else:
                    target.as_double = point.value


def _encode(target: Any, attributes: Iterable[tuple[str, str | int]]) -> None:
    for key, value in attributes:
        encoded = target.add(key=key)
        if isinstance(value, int):
            encoded.value.int_value = value
        else:
            encoded.value.string_value = value
