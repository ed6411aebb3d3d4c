"""The server itself: its sockets, its certificates, its limits, and Redis that goes away under it."""

from __future__ import annotations

import contextlib
import grp
import http.client
import logging
import os
import signal
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.log import NOTICE, log
from sonic_telegen.rest import connections, facade, listener
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.box import wait_for
from tests.support.certificates import Authority
from tests.support.redis import RawRedis
from tests.support.rest import Answer, Served, ask


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    SonicDBConfig.reset()
    with RedisServer() as server:
        yield server
    SonicDBConfig.reset()


def test_sixty_four_connections_are_served_and_one_more_is_told(rest: Served) -> None:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(contextlib.closing(rest.tcp())) for _ in range(connections.MOST)]
        for one in opened:
            one.request("GET", "/version")
            one.getresponse().read()

        answer = rest.get("/version")
        assert (answer.status, answer.body["error"]) == (503, "too_many_connections")
        assert answer.headers["Retry-After"]
        assert ask(rest.unix(), "GET", "/version").status == 503

        opened[0].request("GET", "/version")
        assert opened[0].getresponse().read()
        opened[1].close()
        wait_for(lambda: rest.get("/version").status == 200, what="a place that became free")


def test_streams_take_places_too(rest: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(connections.MOST):
            stack.enter_context(rest.stream("/interfaces/stream"))
        assert rest.get("/version").status == 503
    wait_for(lambda: rest.get("/version").status == 200)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_client_that_sends_no_whole_request_is_closed(rest_idle: Served, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", rest_idle.port), timeout=30) as sock:
        sock.sendall(sent)
        while sock.recv(4096):
            pass


@pytest.fixture
def rest_idle(
    redis_server: RedisServer, config_rows: RawRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """A facade whose patience is short."""
    monkeypatch.setattr(facade, "IDLE_SEC", 0.2)
    SonicDBConfig.reset()
    with Served(redis_server.config, tmp_path) as served:
        yield served
    SonicDBConfig.reset()


def test_the_unix_socket_is_for_its_group_alone_and_goes_with_us(redis_server: RedisServer, tmp_path: Path) -> None:
    with Served(redis_server.config, tmp_path) as served:
        found = served.socket.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        with contextlib.suppress(KeyError):
            assert found.st_gid == grp.getgrnam("redis").gr_gid
        assert ask(served.unix(), "GET", "/version").status == 200
    assert not served.socket.exists()


def test_a_stale_socket_is_replaced(redis_server: RedisServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "rest.sock"))
    with Served(redis_server.config, tmp_path) as served:
        assert ask(served.unix(), "GET", "/version").status == 200


def test_a_socket_that_somebody_listens_on_is_left_alone(redis_server: RedisServer, tmp_path: Path) -> None:
    with Served(redis_server.config, tmp_path) as first:
        with Served(redis_server.config, tmp_path) as second:
            assert len(second.facade.listen) == 1
            assert "another process listens" in second.facade.errors[0]
        assert ask(first.unix(), "GET", "/version").status == 200


def test_a_file_in_the_way_is_left_alone(redis_server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "rest.sock").write_text("precious")
    with Served(redis_server.config, tmp_path) as served:
        assert "no socket; remove it" in served.facade.errors[0]
        assert served.get("/version").status == 200
    assert (tmp_path / "rest.sock").read_text() == "precious"


def test_a_port_in_use_is_told_and_taken_when_it_becomes_free(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_SEC", (0.05, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with Served(redis_server.config, tmp_path, listen=(address,)) as served:
            assert served.facade.listen == (f"unix:{served.socket}",)
            assert served.facade.errors == (
                f"{address}: another process listens on it; stop it or change TELEGEN_LISTEN",
            )
            assert ask(served.unix(), "GET", "/version").status == 200
            other.close()
            wait_for(lambda: served.facade.errors == ())
            assert served.get("/version").status == 200


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
    return {"tls_cert": certificate, "tls_key": key, "tls_client_ca": authority.ca}


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
    log.setLevel(NOTICE)
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


def test_redis_that_is_away_is_a_503_and_all_is_well_when_it_is_back(own_redis: RedisServer, tmp_path: Path) -> None:
    with Served(own_redis.config, tmp_path) as served:
        assert served.get("/jobs").status == 200
        own_redis.stop()
        for answer in (served.get("/jobs"), served.post("/jobs/start", {"port": "Ethernet0"}), served.get("/status")):
            assert (answer.status, answer.body["error"]) == (503, "unavailable")
            assert answer.headers["Retry-After"]
        assert served.get("/readyz").body["error"] == "not_ready"
        assert served.get("/version").status == 200
        own_redis.start()
        assert served.get("/jobs").status == 200
        assert served.post("/jobs/start", {"port": "Ethernet0"}).status == 201


def test_connections_cut_in_the_middle_of_starts_leave_no_half_row(own_redis: RedisServer, tmp_path: Path) -> None:
    """A start that was answered 201 is there whole; one that was answered 503 is there whole or not at all."""
    statuses: dict[str, int] = {}
    body = {"port": "Ethernet0", "direction": "both", "duration_sec": 60, "otlp_export": False}
    env = {"TELEGEN_MIRROR_MODE": "direct", "TELEGEN_MAX_JOBS": "512"}

    def start(number: int) -> None:
        for turn in range(50):
            job = f"j{number}-{turn}"
            statuses[job] = served.post("/jobs/start", {**body, "job_id": job}).status

    with Served(own_redis.config, tmp_path, env=env) as served, RawRedis(own_redis.socket, 4) as raw:
        threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            raw("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        rows = {key.decode(): raw.row(key) for key in raw("KEYS", "TELEGEN_JOB|*")}
    assert set(statuses.values()) == {201, 503}
    assert {len(row) for row in rows.values()} == {5}
    assert {f"TELEGEN_JOB|{job}" for job, status in statuses.items() if status == 201} <= set(rows)


def test_redis_killed_in_the_middle_of_requests_is_a_503(own_redis: RedisServer, tmp_path: Path) -> None:
    with Served(own_redis.config, tmp_path) as served:
        os.kill(own_redis.pid, signal.SIGSTOP)  # so that the request is under way when Redis dies
        answers: list[Answer] = []
        asking = threading.Thread(target=lambda: answers.append(served.post("/jobs/start", {"port": "Ethernet0"})))
        asking.start()
        own_redis.stop()
        asking.join()
    assert (answers[0].status, answers[0].body["error"]) == (503, "unavailable")


def test_redis_that_hangs_costs_seconds_not_the_facade(own_redis: RedisServer, tmp_path: Path) -> None:
    with Served(own_redis.config, tmp_path) as served:
        served.get("/jobs")
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            answer = served.get("/jobs")
            assert (answer.status, answer.body["error"]) == (503, "unavailable")
            assert served.get("/version").status == 200
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)
        assert served.get("/jobs").status == 200
