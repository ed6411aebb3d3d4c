"""OTLP over HTTP by way of the proxy that the environment names, TLS inside of it, and past it as ``no_proxy`` says."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.receiver import Receiver, Tls
from sonic_telegen.errors import ConfigError
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import Kind, Metric, Point
from tests.support.certificates import Authority
from tests.support.proxy import Proxy

ONE = [Metric("x", "1", Kind.SUM, True, [Point((), 1, 2, 3)])]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def export(endpoint: str, certificate: str = "") -> None:
    exporter = Exporter(OtlpSettings(endpoint=endpoint, protocol=HTTP, timeout_sec=2.0, certificate=certificate), {})
    try:
        exporter.export(ONE)
        exporter.export(ONE)
    finally:
        exporter.close()


def test_requests_go_to_the_proxy_with_its_password(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(receiver.http_port) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pass%3Aword@127.0.0.1:{proxy.port}")
        export("collector.invalid:4318")
    password = "Basic " + base64.b64encode(b"me:pass:word").decode()
    assert proxy.seen == [("POST", "http://collector.invalid:4318/v1/metrics", password)] * 2
    assert receiver.attempts == 2


def test_an_address_without_scheme_is_a_proxy_too(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(receiver.http_port) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{proxy.port}")
        export("collector.invalid:4318")
    assert proxy.seen == [("POST", "http://collector.invalid:4318/v1/metrics", "")] * 2


def test_tls_is_between_us_and_the_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    with Receiver(tls=Tls(*authority.issue("server"))) as receiver, Proxy(receiver.http_port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        export("https://localhost:4318", str(authority.ca))
        assert receiver.attempts == 2
    assert proxy.seen == [("CONNECT", "localhost:4318", "")]


@pytest.mark.parametrize("bypass", ["127.0.0.0/8", "127.0.0.1", "*"])
def test_no_proxy_goes_past_it(receiver: Receiver, bypass: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(receiver.http_port) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", bypass)
        export(f"127.0.0.1:{receiver.http_port}")
    assert proxy.seen == []
    assert receiver.attempts == 2


def test_a_proxy_of_another_kind_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://me:secret@127.0.0.1:1080")
    with pytest.raises(ConfigError) as raised:
        Exporter(OtlpSettings(endpoint="collector.invalid:4318", protocol=HTTP), {})
    assert raised.value.field == "http_proxy"
    assert "http://" in raised.value.problem
    assert "secret" not in str(raised.value)
