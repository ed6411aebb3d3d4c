"""A collector that nobody here wrote prints what it got: every value equals the Sample's, over gRPC and HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.sample import SIZE_BOUNDS
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.resource import resource
from sonic_telegen.telemetry.series import AgentStats, HistogramPoint, Kind, Metric, Point, series
from tests.support.rotel import Rotel, Seen
from tests.support.samples import START_NS, reading

STATS = AgentStats(START_NS, passes=2, pass_seconds=0.5, actions={("attach", "done"): 3}, rss=4096)
_PRINTED = {Kind.SUM: "Sum", Kind.GAUGE: "Gauge", Kind.HISTOGRAM: "Histogram"}


def expected(metric: Metric, point: Point | HistogramPoint) -> Seen:
    seen = Seen(
        metric.name,
        metric.unit,
        _PRINTED[metric.kind],
        metric.kind is not Kind.GAUGE,
        metric.monotonic,
        dict(point.attributes),
        point.start_ns,
        point.time_ns,
    )
    if isinstance(point, Point):
        return replace(seen, value=point.value)
    buckets = list(point.buckets)
    return replace(seen, count=point.count, sum=float(point.sum), bounds=list(map(float, SIZE_BOUNDS)), buckets=buckets)


@pytest.mark.parametrize("protocol", [GRPC, HTTP])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_values_arrive_equal(protocol: str, compression: str) -> None:
    with Rotel() as rotel:
        port = rotel.grpc_port if protocol == GRPC else rotel.http_port
        settings = OtlpSettings(endpoint=f"localhost:{port}", protocol=protocol, compression=compression)
        told = resource(settings, "1.2.3", "leaf1", {"platform": "x86_64-kvm"})
        exporter = Exporter(settings, told, max_points=50)
        sent: list[Seen] = []
        for beat in (1, 2):  # the second time the kept requests are changed in place
            metrics = series(reading(beat), frozenset(["j1"]), STATS)
            exporter.export(metrics)
            sent += [expected(m, p) for m in metrics for p in m.points]
        exporter.close()
        got, of = rotel.seen(len(sent))
    assert got == sent
    assert of == told
    assert {m.metric for m in got} >= {"bpf.packets", "bpf.bytes", "telegen.job.packets", "telegen.agent.passes"}
