"""Who may ask from where: beyond loopback only holders of a certificate; every change is logged with its author."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import socket
import ssl
from pathlib import Path

import pytest

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.log import NOTICE, log
from tests.support.certificates import Authority
from tests.support.rest import Answer, Served, ask


def test_beyond_loopback_nothing_listens_without_certificates(redis_server: RedisServer, tmp_path: Path) -> None:
    more = {"tls_cert": tmp_path / "c", "tls_key": tmp_path / "k"}
    with Served(redis_server.config, tmp_path, listen=("0.0.0.0:0", "[::]:0"), more=more) as served:
        assert served.facade.listen == (f"unix:{served.socket}",)
        assert all("TELEGEN_TLS_CLIENT_CA" in error for error in served.facade.errors)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def secured(authority: Authority, tmp_path: Path) -> dict[str, Path]:
    certificate, key = authority.issue("server")
    clients = tmp_path / "clients.crt"
    clients.write_bytes(authority.ca.read_bytes())
    return {"tls_cert": certificate, "tls_key": key, "tls_client_ca": clients}


def over_tls(
    served: Served,
    authority: Authority,
    client: tuple[Path, Path] | None = None,
    method: str = "GET",
    path: str = "/version",
    body: object = None,
    **headers: str,
) -> Answer:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client:
        context.load_cert_chain(*client)
    port = int(served.facade.listen[1].rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    return ask(connection, method, path, body, **headers)


def test_beyond_loopback_only_clients_with_a_certificate_are_served(
    redis_server: RedisServer, tmp_path: Path, authority: Authority
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with Served(redis_server.config, tmp_path, listen=("0.0.0.0:0",), more=secured(authority, tmp_path)) as served:
        assert over_tls(served, authority, authority.issue("operator")).status == 200
        assert over_tls(served, authority, authority.issue("operator"), Host="switch1.example").status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            over_tls(served, authority)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            over_tls(served, authority, Authority(stranger, "other").issue("operator"))
        old = ssl.create_default_context(cafile=str(authority.ca))
        old.load_cert_chain(*authority.issue("operator"))
        with pytest.warns(DeprecationWarning):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        port = int(served.facade.listen[1].rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as sock,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(sock, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert b"HTTP" not in plain.recv(4096)


def test_new_certificates_are_taken_without_an_end(
    redis_server: RedisServer, tmp_path: Path, authority: Authority
) -> None:
    files = secured(authority, tmp_path)
    with Served(redis_server.config, tmp_path, listen=("0.0.0.0:0",), more=files) as served:
        other = Authority(tmp_path, "ca2")
        certificate, key = other.issue("server2")
        files["tls_cert"].write_bytes(certificate.read_bytes())
        served.call(served.facade.reload)  # the key is still the old one: the pair that works stays
        assert over_tls(served, authority, authority.issue("operator")).status == 200
        files["tls_key"].write_bytes(key.read_bytes())
        files["tls_client_ca"].write_bytes(other.ca.read_bytes())
        served.call(served.facade.reload)
        assert over_tls(served, other, other.issue("operator2")).status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            over_tls(served, authority, authority.issue("operator"))


def test_certificates_that_cannot_be_read_are_told(redis_server: RedisServer, tmp_path: Path) -> None:
    more = dict.fromkeys(("tls_cert", "tls_key", "tls_client_ca"), tmp_path / "absent.pem")
    with Served(redis_server.config, tmp_path, listen=("0.0.0.0:0",), more=more) as served:
        assert "absent.pem: No such file" in served.facade.errors[0]


class Kept(logging.Handler):
    """Holds the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_every_change_is_logged_with_who_made_it(rest: Served, tmp_path: Path, authority: Authority) -> None:
    kept, level = Kept(), log.level
    log.addHandler(kept)
    log.setLevel(logging.ERROR)  # whatever the level
    try:
        assert ask(rest.unix(), "POST", "/jobs/start", {"port": "Ethernet0", "job_id": "a"}).status == 201
        assert rest.post("/jobs/a/stop").status == 200
        rest.post("/jobs/b/stop")
        rest.get("/jobs")
        folder = tmp_path / "tls"
        folder.mkdir()
        with Served(rest.db_config, folder, listen=("0.0.0.0:0",), more=secured(authority, tmp_path)) as served:
            operator = authority.issue("operator")
            body = {"port": "Ethernet0", "job_id": "b"}
            assert over_tls(served, authority, operator, method="POST", path="/jobs/start", body=body).status == 201
    finally:
        log.removeHandler(kept)
        log.setLevel(level)
    records = [record for record in kept.records if record.getMessage().startswith("job st")]
    changes = [vars(record)["fields"] for record in records]
    assert [change["path"] for change in changes] == ["/jobs/start", "/jobs/a/stop", "/jobs/start"]
    assert changes[0]["peer"] == f"uid={os.geteuid()} pid={os.getpid()}"
    assert changes[1]["peer"].startswith("127.0.0.1:")
    assert changes[2]["peer"].endswith(" CN=operator")
    assert {record.levelno for record in records} == {NOTICE}
