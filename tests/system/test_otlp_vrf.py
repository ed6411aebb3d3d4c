"""OTLP through a VRF, which to a socket is a netdev that it is bound to: over gRPC, over HTTP, with TLS and without."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.demo.receiver import Mode, Receiver, Tls
from sonic_telegen.errors import ExportError
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import Kind, Metric, Point
from sonic_telegen.telemetry.vrf import Relay, options
from tests.support.certificates import Authority
from tests.support.net import run_in, until
from tests.support.patience import allowed

BOTH = pytest.mark.parametrize("protocol", [GRPC, HTTP])
ONE = [Metric("x", "1", Kind.SUM, True, [Point((), 1, 2, 3)])]
COLLECTOR = "10.9.0.2"


def settings(receiver: Receiver, protocol: str, vrf: str, certificate: str = "") -> OtlpSettings:
    port = receiver.grpc_port if protocol == GRPC else receiver.http_port
    scheme = "https" if certificate else "http"
    return OtlpSettings(
        endpoint=f"{scheme}://localhost:{port}", protocol=protocol, timeout_sec=5.0, certificate=certificate, vrf=vrf
    )


def export(asked: OtlpSettings, times: int = 1) -> None:
    exporter = Exporter(asked, {})
    try:
        for _ in range(times):
            exporter.export(ONE)
    finally:
        exporter.close()


def relays() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "otlp vrf"]


@BOTH
def test_it_arrives(protocol: str) -> None:
    with Receiver() as receiver:
        export(settings(receiver, protocol, "lo"), times=2)
        assert receiver.attempts == 2
    assert until(lambda: relays() == []), relays()


@BOTH
def test_tls_is_between_us_and_the_collector(protocol: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Receiver(tls=Tls(*authority.issue("server"))) as receiver:
        export(settings(receiver, protocol, "lo", str(authority.ca)))
        assert receiver.attempts == 1


@BOTH
def test_a_vrf_that_is_not_there_is_the_reason(protocol: str) -> None:
    with Receiver() as receiver:
        with pytest.raises(ExportError, match="No such device"):
            export(settings(receiver, protocol, "none0"))
        assert receiver.attempts == 0


def test_an_exporter_over_grpc_outlives_a_collector_that_comes_late() -> None:
    with Receiver() as receiver:
        receiver.mode = Mode.UNAVAILABLE
        exporter = Exporter(settings(receiver, GRPC, "lo"), {})
        with pytest.raises(ExportError, match="UNAVAILABLE"):
            exporter.export(ONE)
        receiver.mode = Mode.OK
        exporter.export(ONE)
        exporter.close()


class Site:
    """One address, two netdevs that lead to it: ``data0`` by the better route, ``mgmt0`` to who answers ``mgmt``."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.names = {role: f"tg-{role}-{os.getpid()}" for role in ("near", "data", "mgmt")}
        for name in self.names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        for metric, role in enumerate(("data", "mgmt"), 1):
            far, near = self.names[role], self.names["near"]
            ip(near, f"link add {role}0 type veth peer name far0 netns {far}")
            ip(near, f"addr add 10.9.{metric}.1/32 dev {role}0")
            ip(near, f"link set {role}0 up")
            ip(near, f"route add {COLLECTOR} dev {role}0 src 10.9.{metric}.1 metric {metric}")
            ip(far, f"addr add {COLLECTOR}/32 dev far0")
            ip(far, "link set far0 up")
            ip(far, f"route add 10.9.{metric}.1 dev far0")
            listener = in_namespace(far, lambda: socket.create_server((COLLECTOR, 4317)))
            stack.enter_context(listener)
            threading.Thread(target=answers, args=(listener, role.encode()), daemon=True).start()


def ip(namespace: str, words: str) -> None:
    run_in(namespace, "ip", *words.split())


def answers(listener: socket.socket, word: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            taken, _ = listener.accept()
            with taken:
                taken.recv(100)
                taken.sendall(word)


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        yield Site(stack)


def asked(sock: socket.socket, address: str | tuple[str, int]) -> bytes:
    with sock:
        sock.settimeout(20)
        sock.connect(address)
        sock.sendall(b"who")
        return sock.recv(100)


def test_the_relay_and_a_bound_socket_take_the_vrfs_way_and_others_the_better_route(site: Site) -> None:
    def near() -> list[bytes]:
        plain, bound = socket.socket(), socket.socket()
        for option in options("mgmt0"):
            bound.setsockopt(*option)
        relay = Relay(COLLECTOR, 4317, "mgmt0", 20.0)
        through = socket.socket(socket.AF_UNIX)
        try:
            return [
                asked(plain, (COLLECTOR, 4317)),
                asked(bound, (COLLECTOR, 4317)),
                asked(through, "\0" + relay.target.partition(":")[2]),
            ]
        finally:
            relay.close()

    assert in_namespace(site.names["near"], near) == [b"data", b"mgmt", b"mgmt"]


def test_no_other_process_gets_through_the_relay() -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        relay = Relay("127.0.0.1", collector.getsockname()[1], "lo", 5.0)
        name = relay.target.partition(":")[2]
        connect = f"s = socket.socket(socket.AF_UNIX); s.connect('\\0{name}'); s.settimeout(20)"
        stranger = f"import socket; {connect}; print(s.recv(9))"
        done = subprocess.run(
            ["python3", "-c", stranger], capture_output=True, text=True, timeout=allowed(30), check=False
        )
        relay.close()
        collector.settimeout(0.2)
        with pytest.raises(TimeoutError):
            collector.accept()
    assert done.stdout == "b''\n", done.stderr
