"""Both exporters against a receiver that misbehaves: nothing that was not taken counts as taken, each says why."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sonic_telegen.demo.received import Histogram, SeriesKey, Value
from sonic_telegen.demo.receiver import Mode, Receiver
from sonic_telegen.errors import ExportError
from sonic_telegen.model.sample import SIZE_BOUNDS
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import AgentStats, HistogramPoint, Metric, series
from tests.support.net import until
from tests.support.relay import Relay
from tests.support.samples import START_NS, reading

BOTH = pytest.mark.parametrize("protocol", [GRPC, HTTP])
RESOURCE = {"service.name": "telegen-sonic", "service.instance.id": "leaf1"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def settings_for(receiver: Receiver, protocol: str, **more: object) -> OtlpSettings:
    port = receiver.grpc_port if protocol == GRPC else receiver.http_port
    return OtlpSettings(endpoint=f"localhost:{port}", protocol=protocol, **{"timeout_sec": 2.0, **more})  # type: ignore[arg-type]


def metrics(beat: int) -> tuple[Metric, ...]:
    return series(reading(beat), frozenset(["j1"]), AgentStats(START_NS))


@BOTH
@pytest.mark.parametrize(
    ("mode", "grpc_says", "http_says"),
    [
        (Mode.PARTIAL, "partial success, 7 points were rejected: 7 of them are too old", None),
        (Mode.UNAVAILABLE, "UNAVAILABLE: told to answer unavailable", "HTTP 503 Service Unavailable"),
        (Mode.EXHAUSTED, "RESOURCE_EXHAUSTED: told to answer exhausted", "HTTP 429 Too Many Requests"),
        (Mode.ERROR, "INTERNAL: told to answer error", "HTTP 500 Internal Server Error"),
        (Mode.REDIRECT, "INTERNAL: told to answer redirect", "HTTP 302 Found"),
        (Mode.PAGE, "INTERNAL: told to answer page", "HTTP 200, but no OTLP receiver answered: a web page"),
        (Mode.HANG, "DEADLINE_EXCEEDED", "TimeoutError: timed out"),
    ],
)
def test_a_failure_says_why_and_the_next_export_is_whole(
    receiver: Receiver, protocol: str, mode: Mode, grpc_says: str, http_says: str | None
) -> None:
    exporter = Exporter(settings_for(receiver, protocol), RESOURCE)
    exporter.export(metrics(1))
    receiver.mode = mode
    with pytest.raises(ExportError) as raised:
        exporter.export(metrics(2))
    assert raised.value.problem.startswith(grpc_says if protocol == GRPC else http_says or grpc_says)
    assert raised.value.endpoint == exporter.endpoint.url
    receiver.mode = Mode.OK
    exporter.export(metrics(3))
    exporter.close()
    assert_is(receiver, 3)
    assert receiver.received.violations == []


def assert_is(receiver: Receiver, beat: int) -> None:
    """The receiver's last values are the ``beat``-th reading, all of it and nothing else."""
    sent: dict[SeriesKey, Value] = {}
    for metric in metrics(beat):
        for p in metric.points:
            number = (
                Histogram(p.count, float(p.sum), p.buckets, tuple(map(float, SIZE_BOUNDS)))
                if isinstance(p, HistogramPoint)
                else p.value
            )
            sent[metric.name, frozenset(p.attributes)] = Value(p.start_ns, p.time_ns, number)
    assert receiver.latest() == sent


@BOTH
def test_refused_says_so(protocol: str) -> None:
    with Receiver() as gone:
        settings = settings_for(gone, protocol)
    exporter = Exporter(settings, RESOURCE)
    with pytest.raises(ExportError, match="Connection refused"):
        exporter.export(metrics(1))
    exporter.close()


@BOTH
def test_headers_and_resource_arrive(receiver: Receiver, protocol: str) -> None:
    settings = settings_for(receiver, protocol, headers=(("X-Tenant", "blue"), ("authorization", "Bearer t")))
    exporter = Exporter(settings, RESOURCE)
    exporter.export(metrics(1))
    exporter.close()
    [request] = receiver.requests
    assert request.headers["x-tenant"] == "blue"
    assert request.headers["authorization"] == "Bearer t"
    assert request.resource == RESOURCE


@BOTH
def test_gzip_makes_it_smaller_on_the_wire(receiver: Receiver, protocol: str) -> None:
    sizes: dict[str, int] = {}
    for compression in ("none", "gzip"):
        settings = settings_for(receiver, protocol, compression=compression)
        with Relay(int(settings.endpoint.partition(":")[2])) as relay:
            exporter = Exporter(replace(settings, endpoint=f"localhost:{relay.port}"), RESOURCE)
            exporter.export(metrics(1))
            exporter.close()
            sizes[compression] = relay.upstream
        assert_is(receiver, 1)
    assert sizes["gzip"] < sizes["none"] / 3


@BOTH
def test_4096_series_a_kind_stay_below_the_receivers_limit(receiver: Receiver, protocol: str) -> None:
    """512 netdevs x 2 directions: the receiver keeps gRPC's own limit of 4 MiB a message."""
    many = series(reading(1, [f"Ethernet{n * 4}" for n in range(512)]), frozenset(["j1"]), AgentStats(START_NS))
    exporter = Exporter(settings_for(receiver, protocol, timeout_sec=20.0), RESOURCE)
    exporter.export(many)
    exporter.close()
    assert len(receiver.latest()) == sum(len(m.points) for m in many) > 16_000
    assert len(receiver.requests) == -(-len(receiver.latest()) // 4000)
    assert max(request.size for request in receiver.requests) < 4 * 1024 * 1024


@BOTH
def test_the_library_s_own_reading_of_the_environment_changes_nothing(
    receiver: Receiver, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
        monkeypatch.setenv(name, "https://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5000")  # ms, which the library takes for seconds
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
    exporter = Exporter(settings_for(receiver, protocol, timeout_sec=0.5), RESOURCE)
    exporter.export(metrics(1))
    assert_is(receiver, 1)
    receiver.mode = Mode.HANG
    began = time.monotonic()
    with pytest.raises(ExportError):
        exporter.export(metrics(2))
    assert time.monotonic() - began < 3.0
    exporter.close()


@BOTH
def test_close_returns_at_once_while_a_call_hangs(receiver: Receiver, protocol: str) -> None:
    receiver.mode = Mode.HANG
    exporter = Exporter(settings_for(receiver, protocol, timeout_sec=60.0), RESOURCE)
    failed: list[str] = []

    def run() -> None:
        try:
            exporter.export(metrics(1))
        except ExportError as error:
            failed.append(error.problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert receiver.wait(lambda r: r.attempts == 1)
    began = time.monotonic()
    exporter.close()
    assert time.monotonic() - began < 1.0
    if protocol == GRPC:
        thread.join(1.0)
        assert failed
        assert failed[0].startswith("CANCELLED")
    receiver.mode = Mode.UNAVAILABLE  # lets the HTTP request in flight end, too
    assert until(lambda: bool(failed))
    with pytest.raises(ExportError, match="closed"):
        exporter.export(metrics(1))


@BOTH
def test_only_the_chosen_exporter_is_imported(receiver: Receiver, protocol: str) -> None:
    settings = settings_for(receiver, protocol)
    script = f"""
import sys
import sonic_telegen.telemetry.otlp as otlp
import sonic_telegen.telemetry.collector
assert not [m for m in sys.modules if m.split(".")[0] in ("opentelemetry", "grpc", "requests", "google")]
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.series import Kind, Metric, Point
exporter = otlp.Exporter(OtlpSettings(endpoint={settings.endpoint!r}, protocol={protocol!r}), {{}})
exporter.export([Metric("x", "1", Kind.SUM, True, [Point((), 1, 2, 3)])])
exporter.close()
print(sorted({{m.split(".")[0] for m in sys.modules}} & {{"grpc", "requests", "urllib3"}}),
      "opentelemetry.sdk" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("['grpc'] True" if protocol == GRPC else "['urllib3'] False")
    assert done.stderr == ""
    assert receiver.latest()["x", frozenset()].value == 3


def test_the_library_is_the_one_whose_private_names_we_use() -> None:
    """otlp.py overrides these; when the pin moves, look at each before widening it here."""
    from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
    from opentelemetry.exporter.otlp.common.http import _OTLPHTTPClient
    from opentelemetry.exporter.otlp.proto.grpc import exporter as grpc_mixin
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc
    from opentelemetry.exporter.otlp.proto.http import _OTLP_HTTP_HEADERS

    for package in ("opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http"):
        assert importlib.metadata.version(package).startswith("1.45.")
    for name in ("_translate_data", "_count_data", "_initialize_channel_and_stub", "_export"):
        assert callable(getattr(Grpc, name))
    used = inspect.getsource(grpc_mixin.OTLPExporterMixin)
    for text in (
        "self._translate_data(data)",
        "self._count_data(data)",
        "self._client.Export(",
        "self._client = self._stub(self._channel)",
        "self._shutdown = True",
    ):
        assert text in used
    client = inspect.signature(_OTLPHTTPClient.__init__).parameters
    assert list(client)[:4] == ["self", "transport", "endpoint", "kind"]
    assert {"timeout", "headers", "logger"} < client.keys()
    assert list(inspect.signature(_OTLPHTTPClient.export).parameters) == ["self", "data"]
    assert list(inspect.signature(Urllib3HTTPTransport.__init__).parameters)[:3] == ["self", "verify", "cert"]
    assert "self._pool = urllib3.PoolManager(" in inspect.getsource(Urllib3HTTPTransport)
    assert {name.lower() for name in _OTLP_HTTP_HEADERS} == {"content-type", "user-agent"}
