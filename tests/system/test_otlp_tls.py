"""TLS and mutual TLS over gRPC and HTTP, with a CA made for the test; a wrong file is named before anything is sent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sonic_telegen.demo.receiver import Receiver, Tls
from sonic_telegen.errors import ConfigError, ExportError
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import Kind, Metric, Point
from tests.support.certificates import Authority

BOTH = pytest.mark.parametrize("protocol", [GRPC, HTTP])
ONE = [Metric("x", "1", Kind.SUM, True, [Point((), 1, 2, 3)])]


class Site:
    """A CA, a server and a client that it signed, a stranger's CA and client."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.stranger = Authority(folder), Authority(folder, "stranger")
        self.server = self.authority.issue("server")
        self.client = self.authority.issue("client")
        self.other_client = self.stranger.issue("other")

    def settings(self, receiver: Receiver, protocol: str) -> OtlpSettings:
        port = receiver.grpc_port if protocol == GRPC else receiver.http_port
        return OtlpSettings(
            endpoint=f"https://localhost:{port}",
            protocol=protocol,
            timeout_sec=2.0,
            certificate=str(self.authority.ca),
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(site: Site) -> Iterator[Receiver]:
    with Receiver(tls=Tls(*site.server)) as running:
        yield running


@pytest.fixture
def strict(site: Site) -> Iterator[Receiver]:
    """Demands a client certificate."""
    with Receiver(tls=Tls(*site.server, client_ca=site.authority.ca)) as running:
        yield running


def export(settings: OtlpSettings) -> None:
    exporter = Exporter(settings, {})
    try:
        exporter.export(ONE)
    finally:
        exporter.close()


def arrived(receiver: Receiver) -> bool:
    return ("x", frozenset()) in receiver.latest()


@BOTH
def test_the_configured_ca_is_trusted_and_no_other(receiver: Receiver, site: Site, protocol: str) -> None:
    settings = site.settings(receiver, protocol)
    for certificate in ("", str(site.stranger.ca)):  # empty: the system's own
        with pytest.raises(ExportError):
            export(replace(settings, certificate=certificate))
    assert not arrived(receiver)
    export(settings)
    assert arrived(receiver)


@BOTH
def test_the_environment_s_ca_bundle_does_not_replace_it(
    receiver: Receiver, site: Site, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(site.stranger.ca))
    export(site.settings(receiver, protocol))
    assert arrived(receiver)


@BOTH
def test_no_scheme_with_insecure_false_is_tls(receiver: Receiver, site: Site, protocol: str) -> None:
    settings = site.settings(receiver, protocol)
    export(replace(settings, endpoint=settings.endpoint.removeprefix("https://"), insecure=False))
    assert arrived(receiver)


@BOTH
def test_a_plain_address_of_a_tls_port_fails_and_says_so(receiver: Receiver, site: Site, protocol: str) -> None:
    settings = site.settings(receiver, protocol)
    with pytest.raises(ExportError):
        export(replace(settings, endpoint=settings.endpoint.removeprefix("https://"), certificate=""))
    assert not arrived(receiver)


@BOTH
def test_mutual_tls(strict: Receiver, site: Site, protocol: str) -> None:
    settings = site.settings(strict, protocol)
    certificate, key = site.client
    other, other_key = site.other_client
    for wrong in (
        settings,
        replace(settings, client_certificate=str(other), client_key=str(other_key)),
    ):
        with pytest.raises(ExportError):
            export(wrong)
    assert not arrived(strict)
    export(replace(settings, client_certificate=str(certificate), client_key=str(key)))
    assert arrived(strict)


@BOTH
def test_a_file_that_cannot_be_used_is_named(site: Site, protocol: str, tmp_path: Path) -> None:
    plain = OtlpSettings(endpoint="https://localhost:4317", protocol=protocol)
    certificate = str(site.client[0])
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("not a certificate\n")
    absent = str(tmp_path / "absent.pem")
    other_key = str(site.other_client[1])
    for settings, field, text in (
        (replace(plain, certificate=absent), "otlp_certificate", "No such file"),
        (replace(plain, certificate=str(tmp_path)), "otlp_certificate", "Is a directory"),
        (replace(plain, certificate=str(nonsense)), "otlp_certificate", "no PEM certificate"),
        (replace(plain, client_certificate=certificate, client_key=absent), "otlp_client_key", "No such file"),
        (replace(plain, client_certificate=certificate, client_key=other_key), "otlp_client_certificate", other_key),
    ):
        with pytest.raises(ConfigError) as raised:
            Exporter(settings, {})
        assert raised.value.field == field
        assert text in raised.value.problem


def test_an_encrypted_key_is_refused_and_nobody_is_asked(site: Site, tmp_path: Path) -> None:
    certificate, key = site.client
    locked = tmp_path / "locked.key"
    Authority.openssl("ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
    settings = OtlpSettings(
        endpoint="https://localhost:4317", client_certificate=str(certificate), client_key=str(locked)
    )
    with pytest.raises(ConfigError, match="unencrypted PEM pair"):
        Exporter(settings, {})


@BOTH
def test_failed_handshakes_leave_the_process_s_stderr_alone(receiver: Receiver, site: Site, protocol: str) -> None:
    """gRPC's C core writes a line for each by itself; an endpoint with a wrong certificate would flood the journal."""
    settings = replace(site.settings(receiver, protocol), certificate=str(site.stranger.ca))
    script = f"""
from sonic_telegen.errors import ExportError
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import Kind, Metric, Point
exporter = Exporter({settings!r}, {{}})
try:
    exporter.export([Metric("x", "1", Kind.SUM, True, [Point((), 1, 2, 3)])])
except ExportError as error:
    print(error.problem)
exporter.close()
"""
    env = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, env=env
    )
    assert done.stderr == ""
    assert "CERTIFICATE_VERIFY_FAILED" in done.stdout.upper()
