"""The one door to OpenTelemetry: its OTLP exporters carry our requests over gRPC or HTTP.

The library does transport, TLS, compression, headers and retries. It is fed requests that are encoded already
(``request``); with its own encoding an export costs six to eight times the CPU. What it does not tell is noticed here:
partial success, redirects and web pages taken for success, and why a call failed. Only the chosen exporter is imported,
and not before it is needed: gRPC and HTTP together would cost 12 MB for nothing.
"""

from __future__ import annotations

import gzip
import logging
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sonic_telegen.errors import ConfigError, ExportError
from sonic_telegen.log import fields, log
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, Endpoint, resolve
from sonic_telegen.telemetry.request import MAX_POINTS, Requests
from sonic_telegen.telemetry.series import Metric
from sonic_telegen.telemetry.vrf import Relay, options

_LIBRARY = "opentelemetry.exporter"  # its loggers
_PROBLEM_CHARS = 300
_PROTOBUF = "application/x-protobuf"
_GZIP_LEVEL = 1  # on random counters level 1, 6, 9 take 11, 51, 478 ms for 392, 369, 360 kB (measured)


class _Transport(Protocol):
    """What the library sends with, with our ears on it."""

    problem: str  # why the last call failed, as far as it was told

    def send(self, request: Any) -> Any:
        """Blocks until the request was answered or given up; the ``ExportMetricsServiceResponse`` or None."""

    def shutdown(self) -> None: ...


class Exporter:
    """Exports metrics to one endpoint; ``export`` is for one thread, ``close`` for any.

    Raises:
        ConfigError: the endpoint is malformed, a TLS file cannot be used, or gRPC is not installed.
    """

    def __init__(self, settings: OtlpSettings, resource: Mapping[str, str], max_points: int = MAX_POINTS) -> None:
        self.endpoint = resolve(settings)
        if self.endpoint.secure:
            _check_files(settings)
        # The library logs every retry and every failure; the collector tells a change of state once instead.
        logging.getLogger(_LIBRARY).setLevel(logging.CRITICAL)
        make = _grpc if self.endpoint.protocol == GRPC else _http
        self._transport, new = make(self.endpoint, settings)
        self._requests = Requests(new, resource, max_points)
        self._closed = False
        self._note = ""

    def export(self, metrics: Sequence[Metric]) -> None:
        """Send all points, in as many requests as they need.

        Raises:
            ExportError: a request was not taken, or points were rejected; the reason is in ``problem``.
        """
        rejected, why = 0, ""
        for request in self._requests.fill(metrics):
            if self._closed:
                raise ExportError(self.endpoint.url, "closed")
            answer = self._transport.send(request)
            if answer is None:
                raise ExportError(self.endpoint.url, self._transport.problem[:_PROBLEM_CHARS] or "no answer")
            partial = answer.partial_success
            rejected += partial.rejected_data_points
            why = partial.error_message or why
        if rejected:
            text = f"partial success, {rejected} points were rejected: {why or 'no reason given'}"
            raise ExportError(self.endpoint.url, text[:_PROBLEM_CHARS])
        if why and why != self._note:
            log.warning("the OTLP receiver remarks", extra=fields(endpoint=self.endpoint.url, remark=why))
        self._note = why

    def close(self) -> None:
        """End at once; a gRPC call in flight is cancelled, an HTTP request ends by itself within its timeout."""
        if not self._closed:
            self._closed = True
            self._transport.shutdown()


def _check_files(settings: OtlpSettings) -> None:
    """Name the file that cannot be used, instead of a handshake that fails later without saying why."""
    files = {
        "otlp_certificate": settings.certificate,
        "otlp_client_key": settings.client_key,
        "otlp_client_certificate": settings.client_certificate,
    }
    for field, path in files.items():
        if not path:
            continue
        try:
            Path(path).read_bytes()
        except OSError as problem:
            raise ConfigError(field, path, f"cannot be read: {problem.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if settings.certificate:
            context.load_verify_locations(settings.certificate)
    except ssl.SSLError as problem:
        raise ConfigError("otlp_certificate", settings.certificate, f"is no PEM certificate: {problem}") from None
    try:
        if settings.client_certificate:  # the password keeps OpenSSL from asking for one on the terminal
            context.load_cert_chain(settings.client_certificate, settings.client_key, password="")  # nosec B106: see above
    except ssl.SSLError as problem:
        text = f"does not go with otlp_client_key={settings.client_key!r} as an unencrypted PEM pair: {problem}"
        raise ConfigError("otlp_client_certificate", settings.client_certificate, text) from None


def _root(error: BaseException) -> str:
    """What happened at the bottom (``Connection refused``), without the layers around it."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    return f"{type(error).__name__}: {error}"


def _grpc(endpoint: Endpoint, settings: OtlpSettings) -> tuple[_Transport, Callable[[], Any]]:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its C core else writes each failed handshake to stderr
    try:
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    except ImportError as missing:
        text = f"is not installed here ({missing}); set otlp_protocol to http/protobuf"
        raise ConfigError("otlp_protocol", settings.protocol, text) from None
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.sdk.metrics.export import MetricExportResult

    def read(path: str) -> bytes | None:
        return Path(path).read_bytes() if path else None

    credentials = (
        grpc.ssl_channel_credentials(
            read(settings.certificate), read(settings.client_key), read(settings.client_certificate)
        )
        if endpoint.secure
        else None
    )

    class Heard:
        """The stub of an exporter; leaves with it what the last call answered or raised."""

        def __init__(self, stub: Any, owner: Grpc) -> None:
            self._stub, self._owner = stub, owner

        def Export(self, **call: Any) -> Any:
            try:
                self._owner.answer = self._stub.Export(**call)
            except grpc.RpcError as error:
                why = (relay and relay.problem) or error.details()
                self._owner.problem = f"{error.code().name}: {why}"
                raise
            return self._owner.answer

    class Grpc(OTLPMetricExporter):
        answer: Any = None
        problem = ""

        def _initialize_channel_and_stub(self) -> None:
            super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
            self._client = Heard(self._client, self)  # type: ignore[assignment]

        def _translate_data(self, data: Any) -> Any:
            return data

        def _count_data(self, data: Any) -> int:
            return 0  # only the library's own self-metrics ask, and those are off

        def send(self, request: Any) -> Any:
            self.answer, self.problem = None, ""
            done = self.export(request)
            channel: Any = self._channel
            if self._shutdown:
                channel.close()  # a retry may have opened one behind shutdown's back
            return self.answer if done is MetricExportResult.SUCCESS else None

        def shutdown(self, *arguments: Any, **options: Any) -> None:
            super().shutdown(*arguments, **options)
            if relay:
                relay.close()

    relay = Relay(endpoint.host, endpoint.port, settings.vrf, settings.timeout_sec) if settings.vrf else None
    names = (("grpc.default_authority", endpoint.authority), ("grpc.ssl_target_name_override", endpoint.host))
    return Grpc(
        endpoint=relay.target if relay else endpoint.url,
        channel_options=(*names, ("grpc.enable_http_proxy", 0)) if relay else None,  # type: ignore[arg-type]
        insecure=not endpoint.secure,
        credentials=credentials,
        headers=tuple((key.lower(), value) for key, value in settings.headers),
        timeout=settings.timeout_sec,  # always given: the library reads the variable, which is in ms, as seconds
        compression=grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression,
    ), ExportMetricsServiceRequest


def _http(endpoint: Endpoint, settings: OtlpSettings) -> tuple[_Transport, Callable[[], Any]]:
    from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
    from opentelemetry.exporter.otlp.common.http import _OTLPHTTPClient
    from opentelemetry.exporter.otlp.proto.http import _OTLP_HTTP_HEADERS
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
    )

    packed = settings.compression == "gzip"
    headers = _OTLP_HTTP_HEADERS | dict(settings.headers) | ({"content-encoding": "gzip"} if packed else {})

    class Heard(Urllib3HTTPTransport):
        """Keeps what the last request answered or raised; packs the body, for the library would do so at level 9.

        The library's other transport, on requests, takes 1.5 MB more.
        """

        answer: Any = None
        problem = ""

        def __init__(self) -> None:
            certificate, key = settings.client_certificate, settings.client_key
            super().__init__(verify=settings.certificate or True, cert=(certificate, key) if certificate else None)
            if settings.vrf:
                self._pool.connection_pool_kw["socket_options"] = options(settings.vrf)
            if proxy := _proxy(endpoint.url):
                self._pool = _through(proxy, self._pool.connection_pool_kw)

        def request(self, method: str, url: str, *, data: bytes | None = None, **call: Any) -> Any:
            body = gzip.compress(data, _GZIP_LEVEL) if packed and data is not None else data
            self.answer = answer = super().request(method, url, data=body, **call)
            self.problem = _root(answer.error) if answer.error else f"HTTP {answer.status_code} {answer.reason}"
            return answer

    class Http(_OTLPHTTPClient):
        """The inside of the library's exporter: it retries. The shell around it takes 2.6 MB for what is not used."""

        problem = ""

        def send(self, request: Any) -> Any:
            done = self.export(request.SerializeToString())
            self.problem, answer = heard.problem, heard.answer
            heard.answer = None
            if not done.success or answer is None or not 200 <= answer.status_code < 300:
                return None  # the library takes a redirect, which it does not follow, for success
            media = answer.headers().get("content-type", "").partition(";")[0].strip().lower()
            try:
                if media == "text/html":
                    raise ValueError("a web page")
                return ExportMetricsServiceResponse.FromString(answer.content() if media == _PROTOBUF else b"")
            except Exception as error:
                self.problem = f"HTTP {answer.status_code}, but no OTLP receiver answered: {error}"
                return None

    heard = Heard()
    return Http(
        heard,
        endpoint.url,
        "metrics",
        timeout=settings.timeout_sec,
        headers={name.lower(): value for name, value in headers.items()},
        logger=logging.getLogger(_LIBRARY),
    ), ExportMetricsServiceRequest


def _proxy(url: str) -> str:
    """The proxy that the environment wants for ``url``, empty for none."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    from requests.utils import get_environ_proxies, select_proxy  # no_proxy has more forms than the standard library's

    return select_proxy(url, get_environ_proxies(url)) or ""


def _through(proxy: str, options: Mapping[str, Any]) -> Any:
    """A urllib3 pool of the same ``options`` whose requests go by way of ``proxy``."""
    from requests.utils import get_auth_from_url
    from urllib3 import ProxyManager, make_headers
    from urllib3.exceptions import HTTPError

    user, password = get_auth_from_url(proxy)
    headers = make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    try:
        return ProxyManager(proxy if "://" in proxy else f"http://{proxy}", proxy_headers=headers, **options)
    except HTTPError:  # says the whole address, password and all
        scheme = proxy.partition("://")[0]
        raise ConfigError(
            "http_proxy", f"{scheme}://…", "of the environment is no http:// or https:// address"
        ) from None
