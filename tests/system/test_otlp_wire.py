"""What we send is, message by message, what the SDK's own exporter sends of the same points; then it is let go."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as SdkGrpc
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as SdkHttp
from opentelemetry.sdk.metrics.export import MetricExportResult

from sonic_telegen.demo.receiver import Mode, Receiver
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.collector import Collector
from sonic_telegen.telemetry.endpoint import GRPC, HTTP, resolve
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.request import SCOPE
from sonic_telegen.telemetry.series import AgentStats, Metric, series
from tests.support.net import until
from tests.support.samples import START_NS, reading
from tests.support.sdk import metrics_data

BOTH = pytest.mark.parametrize("protocol", [GRPC, HTTP])
RESOURCE = {"service.name": "telegen-sonic", "service.version": "1.2.3"}
NETDEVS = [f"Ethernet{n * 4}" for n in range(36)]  # 1,152 points of ports and jobs


class Listener(Receiver):
    """Keeps every decoded message."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bodies: list[Any] = []

    def answer(self, body: Any, via: str, size: int, headers: dict[str, str]) -> tuple[Mode, Any]:
        self.bodies.append(body)
        return super().answer(body, via, size, headers)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as running:
        yield running


def settings_for(listener: Listener, protocol: str) -> OtlpSettings:
    port = listener.grpc_port if protocol == GRPC else listener.http_port
    return OtlpSettings(endpoint=f"localhost:{port}", protocol=protocol, timeout_sec=5.0, interval_sec=0.05)


def metrics(beat: int) -> tuple[Metric, ...]:
    return series(reading(beat, NETDEVS), frozenset(["j1"]), AgentStats(START_NS))


@BOTH
def test_it_equals_what_the_sdk_s_exporter_sends(listener: Listener, protocol: str) -> None:
    settings = settings_for(listener, protocol)
    url = resolve(settings).url
    ours = Exporter(settings, RESOURCE)
    theirs = SdkGrpc(endpoint=url, insecure=True) if protocol == GRPC else SdkHttp(endpoint=url)
    for beat in (1, 2, 3):
        listener.bodies.clear()
        ours.export(metrics(beat))
        assert theirs.export(metrics_data(metrics(beat), RESOURCE, SCOPE, "1.2.3")) is MetricExportResult.SUCCESS
        sent, expected = listener.bodies
        assert sent == expected
        points = sum(len(m.sum.data_points) + len(m.histogram.data_points) for m in _metrics(sent))
        assert points >= 1152
    ours.close()
    theirs.shutdown()


def _metrics(request: Any) -> Iterator[Any]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def test_the_body_of_an_http_request_is_let_go_after_it(listener: Listener) -> None:
    exporter = Exporter(settings_for(listener, HTTP), RESOURCE)
    exporter.export(metrics(1))
    size = listener.requests[-1].size
    gc.collect()
    kept = [item for item in gc.get_objects() if type(item).__name__ == "PreparedRequest" and len(item.body) == size]
    exporter.close()
    assert size > 100_000
    assert kept == []


@BOTH
def test_the_collector_says_when_an_export_is_over_whether_it_succeeded_or_not(
    listener: Listener, protocol: str
) -> None:
    over: list[int] = []
    settings = settings_for(listener, protocol)
    collector = Collector(
        settings,
        lambda s: RESOURCE,
        lambda: reading(1),
        lambda sample: metrics(1),
        exported=lambda: over.append(len(listener.bodies)),
    )
    thread = threading.Thread(target=collector.run)
    thread.start()
    try:
        assert until(lambda: len(over) >= 2)
        listener.mode = Mode.ERROR
        assert until(lambda: collector.export.failures >= 2)
        had = len(over)
        assert until(lambda: len(over) >= had + 2)
    finally:
        collector.stop()
        thread.join(5)
    assert all(over), "never before the first request arrived"
