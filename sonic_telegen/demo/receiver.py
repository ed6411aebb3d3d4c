"""A small OTLP receiver, gRPC and HTTP: shows what the agent exported, and misbehaves on request.

``python -m sonic_telegen.demo.receiver --grpc PORT --http PORT`` prints one JSON line for each request.
"""

from __future__ import annotations

import argparse
import gzip
import json
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as messages
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as service

from sonic_telegen.demo.received import Received, SeriesKey, Value

HTTP_PATH = "/v1/metrics"
KEEP_REQUESTS = 1000
_PROTOBUF = "application/x-protobuf"


class Mode(StrEnum):
    """How requests are answered; what is not ``ok``, ``partial`` or ``slow`` is not kept."""

    OK = "ok"
    PARTIAL = "partial"  # success, and seven points rejected
    SLOW = "slow"  # ok after ``delay`` seconds
    UNAVAILABLE = "unavailable"  # UNAVAILABLE, 503
    EXHAUSTED = "exhausted"  # RESOURCE_EXHAUSTED, 429
    ERROR = "error"  # INTERNAL, 500
    REDIRECT = "redirect"  # 302 over HTTP, as a portal in the way would; INTERNAL over gRPC
    PAGE = "page"  # 200 and a web page over HTTP; INTERNAL over gRPC
    HANG = "hang"  # no answer until the mode changes or the receiver closes


_REFUSALS = {
    Mode.UNAVAILABLE: (grpc.StatusCode.UNAVAILABLE, 503),
    Mode.EXHAUSTED: (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    Mode.ERROR: (grpc.StatusCode.INTERNAL, 500),
    Mode.REDIRECT: (grpc.StatusCode.INTERNAL, 302),
    Mode.PAGE: (grpc.StatusCode.INTERNAL, 200),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was kept."""

    via: str  # grpc or http
    points: int
    size: int  # bytes on the wire over HTTP, unpacked over gRPC
    headers: dict[str, str]
    resource: dict[str, str]


class Closed(Exception):
    """The receiver has ended while a request waited."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the server; with ``client_ca`` a client certificate is demanded."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass
class Receiver:
    """Receives on loopback inside ``with``; port 0 takes a free one, and None does not listen.

    ``requests`` are the last ones that were kept, ``received`` what they said.
    """

    grpc_port: int | None = 0
    http_port: int | None = 0
    tls: Tls | None = None
    delay: float = 0.3
    on_request: Callable[[Request], None] | None = None
    requests: list[Request] = field(default_factory=list)
    received: Received = field(default_factory=Received)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._mode = Mode.OK
        self._closed = False
        self._stops: list[Callable[[], object]] = []
        self.attempts = 0  # requests that came in, answered or not
        self.refused = 0  # of those, answered with an error

    def __enter__(self) -> Self:
        if self.grpc_port is not None:
            self._listen_grpc()
        if self.http_port is not None:
            self._listen_http()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for stop in self._stops:
            stop()

    @property
    def mode(self) -> Mode:
        """How requests are answered now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def latest(self) -> dict[SeriesKey, Value]:
        """The last value of each series, by metric name and attributes."""
        with self._changed:
            return dict(self.received.latest)

    def wait(self, condition: Callable[[Receiver], bool], timeout: float = 10.0) -> bool:
        """Wait until ``condition(self)`` holds, looking after every request; whether it came true."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def answer(self, body: Any, via: str, size: int, headers: dict[str, str]) -> tuple[Mode, Any]:
        """Keep a request as the mode says; the mode it was answered under and the response.

        Raises:
            Closed: the receiver has ended meanwhile; there is no answer.
        """
        with self._changed:
            self.attempts += 1
            self._changed.notify_all()
            if self._mode is Mode.HANG:
                self._changed.wait_for(lambda: self._mode is not Mode.HANG or self._closed)
            if self._mode is Mode.SLOW:
                self._changed.wait_for(lambda: self._mode is not Mode.SLOW or self._closed, self.delay)
            if self._closed:
                raise Closed
            mode = self._mode
            response = messages.ExportMetricsServiceResponse()
            if mode in _REFUSALS:
                self.refused += 1
            else:
                self._keep(body, via, size, headers)
            if mode is Mode.PARTIAL:
                response.partial_success.rejected_data_points = 7
                response.partial_success.error_message = "7 of them are too old"
            self._changed.notify_all()
            return mode, response

    def _keep(self, body: Any, via: str, size: int, headers: dict[str, str]) -> None:
        points, resource = self.received.add(body)
        request = Request(via, points, size, headers, resource)
        self.requests = [*self.requests[-KEEP_REQUESTS + 1 :], request]
        if self.on_request:
            self.on_request(request)

    def _listen_grpc(self) -> None:
        receiver = self

        class Service(service.MetricsServiceServicer):
            def Export(self, request: Any, context: Any) -> Any:
                headers = {str(k): str(v) for k, v in context.invocation_metadata()}
                try:
                    mode, response = receiver.answer(request, "grpc", request.ByteSize(), headers)
                except Closed:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "closed")
                if mode in _REFUSALS:
                    context.abort(_REFUSALS[mode][0], f"told to answer {mode}")
                return response

        server = grpc.server(futures.ThreadPoolExecutor(8))  # with gRPC's own limit of 4 MiB a message
        service.add_MetricsServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{self.grpc_port}"
        if self.tls:
            pair = [(self.tls.key.read_bytes(), self.tls.certificate.read_bytes())]
            roots = self.tls.client_ca.read_bytes() if self.tls.client_ca else None
            credentials = grpc.ssl_server_credentials(pair, roots, require_client_auth=roots is not None)
            self.grpc_port = server.add_secure_port(address, credentials)
        else:
            self.grpc_port = server.add_insecure_port(address)
        server.start()
        self._stops.append(lambda: server.stop(0).wait(5))

    def _listen_http(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Quiet: ``on_request`` tells what came."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                size, headers = len(body), {k.lower(): v for k, v in self.headers.items()}
                if self.path != HTTP_PATH or headers.get("content-type") != _PROTOBUF:
                    self._reply(404 if self.path != HTTP_PATH else 415, b"")
                    return
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request = messages.ExportMetricsServiceRequest.FromString(body)
                try:
                    mode, response = receiver.answer(request, "http", size, headers)
                except Closed:
                    self.close_connection = True  # without an answer, as a process that died
                    return
                refusal = _REFUSALS.get(mode)
                if mode is Mode.PAGE:
                    self._reply(200, b"<html>hello</html>", "text/html; charset=utf-8")
                else:
                    self._reply(refusal[1] if refusal else 200, b"" if refusal else response.SerializeToString())

            def _reply(self, code: int, body: bytes, media: str = _PROTOBUF) -> None:
                self.send_response(code)
                if code == 302:
                    self.send_header("location", "/login")
                self.send_header("content-type", media)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that went away is its own business."""

        server = Server(("127.0.0.1", self.http_port or 0), Handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls.certificate, self.tls.key)
            if self.tls.client_ca:
                context.load_verify_locations(self.tls.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.http_port = server.server_address[1]
        thread = threading.Thread(target=lambda: server.serve_forever(0.05), name="otlp-http", daemon=True)
        thread.start()
        self._stops += [server.shutdown, server.server_close, thread.join]


def main() -> int:
    """Receive until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="An OTLP receiver that prints one JSON line for each request.")
    parser.add_argument("--grpc", type=int, metavar="PORT", default=None)
    parser.add_argument("--http", type=int, metavar="PORT", default=None)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.OK)
    options = parser.parse_args()
    if options.grpc is None and options.http is None:
        parser.error("give --grpc PORT, --http PORT or both; 0 takes a free port")

    def show(request: Request) -> None:
        print(json.dumps({"via": request.via, "points": request.points, "bytes": request.size}), flush=True)

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Receiver(options.grpc, options.http, on_request=show) as receiver:
        receiver.mode = options.mode
        print(json.dumps({"grpc": receiver.grpc_port, "http": receiver.http_port}), flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
