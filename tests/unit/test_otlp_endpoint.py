"""Every way to write an endpoint is either understood as the specification says, or refused with field and remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.errors import ConfigError
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.settings import resolve as read_settings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP, resolve
from sonic_telegen.telemetry.resource import resource


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("localhost:4317", "http://localhost:4317"),
        ("collector", "http://collector:4317"),
        ("10.0.0.1:4000", "http://10.0.0.1:4000"),
        ("[::1]:4317", "http://[::1]:4317"),
        ("[2001:db8::1]", "http://[2001:db8::1]:4317"),
        ("http://collector:4317", "http://collector:4317"),
        ("HTTP://collector:4317/", "http://collector:4317"),
        ("https://collector.example.com:4317", "https://collector.example.com:4317"),
        ("https://collector.example.com", "https://collector.example.com:443"),
    ],
)
def test_grpc(endpoint: str, url: str) -> None:
    found = resolve(OtlpSettings(endpoint=endpoint, protocol=GRPC))
    assert (found.url, found.secure, found.path) == (url, url.startswith("https"), "")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("localhost:4318", "http://localhost:4318/v1/metrics"),
        ("localhost", "http://localhost:4318/v1/metrics"),
        ("http://collector", "http://collector:80/v1/metrics"),
        ("https://otlp.example.com/tenant/7/", "https://otlp.example.com:443/tenant/7/v1/metrics"),
        ("[::1]:4318", "http://[::1]:4318/v1/metrics"),
    ],
)
def test_http_appends_the_path_of_metrics(endpoint: str, url: str) -> None:
    assert resolve(OtlpSettings(endpoint=endpoint, protocol=HTTP)).url == url


def test_the_metrics_variable_is_used_as_it_is() -> None:
    for given_url, path in (("http://c:4318/take/this", "/take/this"), ("http://c:4318", "/")):
        settings = read_settings(
            {}, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": given_url, "OTEL_EXPORTER_OTLP_PROTOCOL": HTTP}
        ).otlp
        assert resolve(settings).path == path
    row = {"otlp_endpoint": "http://c:4318", "otlp_protocol": HTTP}
    assert resolve(read_settings(row, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/y"}).otlp).path == "/v1/metrics"


def test_insecure_counts_only_where_no_scheme_does() -> None:
    assert resolve(OtlpSettings(endpoint="c:4317", insecure=False)).secure
    assert not resolve(OtlpSettings(endpoint="c:4317", insecure=True)).secure
    assert not resolve(OtlpSettings(endpoint="http://c:4317", insecure=False)).secure
    assert resolve(OtlpSettings(endpoint="https://c:4317", insecure=True)).secure


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        ":4317",
        "4317",
        "localhost:port",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:-1",
        "http://",
        "http://:4317",
        "ftp://collector:4317",
        "grpc://collector:4317",
        "unix:/run/otlp.sock",
        "unix:///run/otlp.sock",
        "local host:4317",
        "localhost:4317 ",
        "localhost\n:4317",
        "::1:4317",
        "[::1:4317",
        "[nonsense]:4317",
        "[fe80::1%eth0]:4317",
        "http://user:secret@collector:4317",
        "http://collector:4317?x=1",
        "http://collector:4317/some/path",
        "-collector:4317",
        "köln:4317",
        "a:b:4317",
    ],
)
def test_malformed_is_refused_with_the_remedy(endpoint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(OtlpSettings(endpoint=endpoint))
    assert raised.value.field == "otlp_endpoint"
    assert raised.value.value == endpoint
    assert "use " in raised.value.problem or "drop " in raised.value.problem


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    for protocol in (GRPC, HTTP):
        try:
            found = resolve(OtlpSettings(endpoint=text, protocol=protocol))
        except ConfigError:
            continue
        assert found.host
        assert 1 <= found.port <= 65535
        assert resolve(OtlpSettings(endpoint=found.url, protocol=protocol, endpoint_is_metrics=True)) == found


def test_unknown_protocol() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(OtlpSettings(protocol="http/json"))
    assert raised.value.field == "otlp_protocol"
    assert "http/protobuf" in raised.value.problem


def test_a_certificate_on_an_address_without_tls_is_refused() -> None:
    for endpoint in ("localhost:4317", "http://localhost:4317"):
        with pytest.raises(ConfigError, match="otlp_certificate is set but this address has no TLS"):
            resolve(OtlpSettings(endpoint=endpoint, certificate="/etc/ca.pem"))


def test_client_key_and_certificate_go_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(OtlpSettings(endpoint="https://c:4317", client_key="/etc/k.pem"))
    assert raised.value.field == "otlp_client_key"
    with pytest.raises(ConfigError) as raised:
        resolve(OtlpSettings(endpoint="https://c:4317", client_certificate="/etc/c.pem"))
    assert raised.value.field == "otlp_client_certificate"


def test_resource_is_the_same_at_every_start() -> None:
    first = resource(OtlpSettings(), "1.2.3", "leaf1", {"platform": "x86_64-kvm", "hwsku": "", "asic": "vs"})
    assert first == {
        "service.name": "telegen-sonic",
        "service.version": "1.2.3",
        "service.instance.id": "leaf1",
        "host.name": "leaf1",
        "sonic.platform": "x86_64-kvm",
        "sonic.asic": "vs",
    }
    assert first == resource(OtlpSettings(), "1.2.3", "leaf1", {"platform": "x86_64-kvm", "hwsku": "", "asic": "vs"})
    assert resource(OtlpSettings(), "1", "leaf1", instance="00:11:22")["service.instance.id"] == "00:11:22"


def test_what_the_operator_says_of_the_resource_wins() -> None:
    env = {"OTEL_RESOURCE_ATTRIBUTES": "host.name=spine,service.name=other,site=a%20b,service.instance.id=7"}
    told = resource(read_settings({}, env).otlp, "1", "leaf1")
    assert (told["host.name"], told["service.name"], told["site"]) == ("spine", "other", "a b")
    assert told["service.instance.id"] == "7"
    told = resource(read_settings({}, env | {"OTEL_SERVICE_NAME": "mine"}).otlp, "1", "leaf1")
    assert told["service.name"] == "mine"
