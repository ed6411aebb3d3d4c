"""The server itself: its sockets, its certificates, its limits, and Redis that goes away under it."""

from __future__ import annotations

import contextlib
import grp
import http.client
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.rest import connections, facade, listener
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.box import wait_for
from tests.support.redis import RawRedis
from tests.support.rest import Answer, Served, ask


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    SonicDBConfig.reset()
    with RedisServer() as server:
        yield server
    SonicDBConfig.reset()


def test_sixty_four_connections_are_served_and_one_more_is_told(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "IDLE_SEC", 300.0)  # however slow this machine is
    with contextlib.ExitStack() as stack:
        rest = stack.enter_context(Served(redis_server.config, tmp_path))
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


def test_ipv6_loopback_is_loopback(redis_server: RedisServer, tmp_path: Path) -> None:
    if "0" * 31 + "1" not in Path("/proc/net/if_inet6").read_text():
        pytest.skip("machine: /proc/net/if_inet6: no ::1")
    with Served(redis_server.config, tmp_path, listen=("[::1]:0",)) as served:
        (address,) = [one for one in served.facade.listen if one.startswith("[::1]:")]
        port = int(address.rpartition(":")[2])
        assert ask(http.client.HTTPConnection("::1", port, timeout=30), "GET", "/version").status == 200


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
    over = threading.Event()

    def start(number: int) -> None:
        for turn in range(80):
            if not over.is_set():
                job = f"j{number}-{turn}"
                statuses[job] = served.post("/jobs/start", {**body, "job_id": job}).status

    with Served(own_redis.config, tmp_path, env=env) as served, RawRedis(own_redis.socket, 4) as raw:
        threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        cut = 0
        while any(thread.is_alive() for thread in threads):
            if raw("DBSIZE") >= cut + 5:
                raw("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                cut = raw("DBSIZE")
            if len(statuses) > 200 and 503 in statuses.values():
                over.set()
        rows = {key.decode(): raw.row(key) for key in raw("KEYS", "TELEGEN_JOB|*")}
    assert cut > 0
    assert 201 in statuses.values()
    assert set(statuses.values()) <= {201, 503}  # a cut between two commands may go unnoticed
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


def test_a_client_that_goes_in_the_middle_of_a_start_leaves_a_whole_row(own_redis: RedisServer, tmp_path: Path) -> None:
    with Served(own_redis.config, tmp_path) as served:
        body = b'{"port": "Ethernet0", "job_id": "a", "direction": "both"}'
        head = b"POST /jobs/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            with socket.create_connection(("127.0.0.1", served.port)) as sock:
                sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                wait_for(lambda: served.connections() == 1)
            wait_for(lambda: served.connections() == 0)
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)
        with RawRedis(own_redis.socket, 4) as raw:
            wait_for(lambda: raw("EXISTS", "TELEGEN_JOB|a"), what="the start that was under way")
            assert len(raw.row("TELEGEN_JOB|a")) == 3
        assert served.post("/jobs/start", {"port": "Ethernet0"}).status == 201


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
