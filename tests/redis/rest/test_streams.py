"""Server-sent events: one after each report, the newest to a slow client, an end when the job ends."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import pytest

from sonic_telegen.db import codec
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.rest import streams
from tests.redis.rest.conftest import Tell, flat
from tests.support.box import wait_for
from tests.support.redis import RawRedis
from tests.support.rest import Served
from tests.support.samples import START_NS, reading


def hooks(state_rows: RawRedis, beat: int, ports: tuple[str, ...] = ("Ethernet0",)) -> None:
    """Write what the agent writes of a reading."""
    for sample in reading(beat, ports).interfaces:
        row = codec.interface_row(sample, START_NS + beat)
        state_rows("HSET", f"TELEGEN_INTERFACE_TABLE|{sample.name}|{sample.direction}", *flat(row))


def test_a_job_is_told_at_once_after_each_report_and_at_its_end(
    rest: Served, config_rows: RawRedis, state_rows: RawRedis, tell: Tell
) -> None:
    config_rows("HSET", "TELEGEN_JOB|a", "port", "Ethernet0")
    with rest.stream("/jobs/a/stream") as events:
        assert events.next()[1]["status"] == "starting"
        for packets in (1, 2, 2):
            tell("a", Status.RUNNING, packets=packets)
            rest.published()
            name, shown = events.next()
            assert (name, shown["status"], shown["packets"]) == ("message", "running", packets)
            assert shown == rest.get("/jobs/a").body
        config_rows("DEL", "TELEGEN_JOB|a")
        tell("a", Status.STOPPED, reason=Reason.DELETED, packets=2)
        rest.published()
        assert events.next()[0] == "end"
        assert events.next() == ("", None)


@pytest.mark.parametrize("status", [Status.DONE, Status.STOPPED])
def test_a_job_that_has_ended_is_told_once(rest: Served, tell: Tell, status: Status) -> None:
    tell("a", status, packets=5)
    with rest.stream("/jobs/a/stream") as events:
        name, shown = events.next()
        assert (name, shown["status"], shown["packets"]) == ("end", status, 5)
        assert events.next() == ("", None)


def test_a_job_that_is_only_switched_off_goes_on_being_told(rest: Served, config_rows: RawRedis, tell: Tell) -> None:
    config_rows("HSET", "TELEGEN_JOB|a", "port", "Ethernet0", "admin_state", "disabled")
    tell("a", Status.STOPPED, reason=Reason.DISABLED)
    with rest.stream("/jobs/a/stream") as events:
        assert events.next()[0] == "message"
        tell("a", Status.RUNNING)
        rest.published()
        assert events.next()[1]["status"] == "running"


def test_a_job_of_which_nothing_is_left_ends_with_what_was_told_last(
    rest: Served, config_rows: RawRedis, tell: Tell
) -> None:
    config_rows("HSET", "TELEGEN_JOB|a", "port", "Ethernet0")
    tell("a", Status.RUNNING, packets=9)
    with rest.stream("/jobs/a/stream") as events:
        events.next()
        config_rows("FLUSHALL")
        rest.published()
        name, shown = events.next()
        assert (name, shown["packets"]) == ("end", 9)


def test_a_job_that_nobody_knows_has_no_stream(rest: Served) -> None:
    assert rest.get("/jobs/a/stream").status == 404


def test_interfaces_are_told_as_get_tells_them(rest: Served, state_rows: RawRedis) -> None:
    hooks(state_rows, 1)
    state_rows("HSET", "TELEGEN_TABLE|GLOBAL", "updated_at", "2026-01-01T00:00:00.000Z")
    with rest.stream("/interfaces/stream") as events:
        first = events.next()[1]
        assert first == rest.get("/interfaces").body
        hooks(state_rows, 2)
        rest.published()
        second = events.next()[1]
    assert len(second["interfaces"]) == 2
    assert second["interfaces"][0]["packets"] > first["interfaces"][0]["packets"]


def test_a_quiet_stream_gets_heartbeats(rest: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SEC", 0.05)
    connection = rest.tcp()
    connection.request("GET", "/interfaces/stream")
    reply = connection.getresponse()
    while (line := reply.readline()) and not line.startswith(b":"):
        pass
    assert line == b": still here\n"
    reply.close()
    connection.close()


def test_a_client_that_reads_slowly_gets_the_newest_and_holds_up_nobody(rest: Served, state_rows: RawRedis) -> None:
    ports = tuple(f"Ethernet{number}" for number in range(400))
    hooks(state_rows, 1, ports)
    with (
        socket.create_connection(("127.0.0.1", rest.port), timeout=30) as slow,
        rest.stream("/interfaces/stream") as quick,
    ):
        slow.sendall(b"GET /interfaces/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        quick.next()
        for beat in range(2, 60):
            hooks(state_rows, beat, ports[:1])
            rest.published()
            quick.next()
        newest = rest.get("/interfaces").body
        seen = list(_until(slow, newest))
    assert len(seen) < 59


def _until(sock: socket.socket, wanted: Any) -> Any:
    """Values of the events up to the wanted one."""
    reply = http.client.HTTPResponse(sock)
    reply.begin()
    while line := reply.readline():
        if line.startswith(b"data: "):
            found = json.loads(line[6:])
            yield found
            if found == wanted:
                return
    raise AssertionError("the stream ended before the newest came")


def test_a_client_that_takes_nothing_is_cut_off(
    rest: Served, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALLED_SEC", 0.2)
    ports = tuple(f"Ethernet{number}" for number in range(400))
    hooks(state_rows, 1, ports)
    with socket.create_connection(("127.0.0.1", rest.port), timeout=30) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /interfaces/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")

        def gone() -> bool:
            rest.published()
            return not rest.clients()

        wait_for(lambda: rest.clients() == 1)
        wait_for(gone, 30, "the stalled client's end")


def test_a_client_that_goes_is_forgotten(rest: Served) -> None:
    with rest.stream("/interfaces/stream") as events:
        events.next()
        assert rest.clients() == 1
    wait_for(lambda: rest.clients() == 0)


def test_streams_outlive_a_redis_that_does_not_answer(rest: Served, state_rows: RawRedis, tell: Tell) -> None:
    hooks(state_rows, 1)
    with rest.stream("/interfaces/stream") as events:
        events.next()
        state_rows("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        hooks(state_rows, 2)
        rest.published()
        assert events.next()[1]["interfaces"]


def test_the_end_of_the_facade_ends_streams_whole(rest: Served) -> None:
    with rest.stream("/interfaces/stream") as events:
        events.next()
        began = time.monotonic()
        rest.__exit__(None, None, None)
        assert events.next() == ("", None)
        assert time.monotonic() - began < 15
    rest.__enter__()
