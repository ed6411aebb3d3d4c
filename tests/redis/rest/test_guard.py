"""Who may ask and how much: every refusal is JSON with a code, and no bad request hurts the next one."""

from __future__ import annotations

import http.client
import json
import re
import socket
from typing import Any

import pytest

from sonic_telegen.rest import guard
from sonic_telegen.rest.routes import ROUTES
from tests.support.redis import RawRedis
from tests.support.rest import Served, ask

START = {"port": "Ethernet0"}


def raw(rest: Served, *parts: bytes) -> tuple[int, Any]:
    """Send bytes as they are; status and JSON body of what comes back."""
    with socket.create_connection(("127.0.0.1", rest.port), timeout=30) as sock:
        for part in parts:
            sock.sendall(part)
        reply = http.client.HTTPResponse(sock)
        reply.begin()
        body = reply.read()
    return reply.status, json.loads(body) if reply.headers.get_content_type() == "application/json" else body


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]:80", "localhost.", "@"]
)
def test_a_host_that_is_not_us_is_refused(rest: Served, host: str) -> None:
    answer = rest.get("/jobs", Host=host)
    assert (answer.status, answer.body["error"]) == (403, "bad_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:8080", "127.8.0.1", "[::1]", "[::1]:80"])
def test_loopback_by_any_name_is_us(rest: Served, host: str) -> None:
    assert rest.get("/version", Host=host).status == 200


def test_over_the_unix_socket_any_host_goes(rest: Served) -> None:
    assert ask(rest.unix(), "GET", "/version", Host="telegen").status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "http://[", ""])
def test_a_page_of_another_origin_may_not_use_us(rest: Served, config_rows: RawRedis, origin: str) -> None:
    answer = rest.post("/jobs/start", START, Origin=origin, Host=f"localhost:{rest.port}")
    assert (answer.status, answer.body["error"]) == (403, "bad_origin")
    assert config_rows("KEYS", "TELEGEN_JOB|*") == []


def test_our_own_page_may(rest: Served) -> None:
    host = f"localhost:{rest.port}"
    assert rest.post("/jobs/start", START, Origin=f"http://{host}", Host=host).status == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json2", "json"])
def test_a_body_must_be_declared_as_json(rest: Served, kind: str) -> None:
    for path in ("/jobs/start", "/jobs/a/stop"):
        answer = rest.post(path, json.dumps(START).encode(), Content_Type=kind)
        assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")


def test_json_with_a_charset_is_json(rest: Served) -> None:
    assert rest.post("/jobs/start", START, Content_Type="application/json; charset=utf-8").status == 201


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(rest: Served) -> None:
    body = json.dumps(START).encode()
    assert rest.post("/jobs/start", body.ljust(guard.MAX_BODY)).status == 201
    answer = rest.post("/jobs/start", body.ljust(guard.MAX_BODY + 1))
    assert (answer.status, answer.body["error"]) == (413, "too_large")


def test_ten_megabytes_are_refused_before_they_are_sent(rest: Served) -> None:
    head = b"POST /jobs/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    assert raw(rest, head + b"Content-Length: 10485760\r\n\r\n")[0] == 413
    assert raw(rest, head + b"Content-Length: 10485760\r\nExpect: 100-continue\r\n\r\n")[0] == 413
    status, body = raw(
        rest, head + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n1\r\n \r\n"
    )
    assert (status, body["error"]) == (413, "too_large")


def test_ten_megabytes_that_are_sent_all_the_same_are_answered(rest: Served) -> None:
    answer = rest.post("/jobs/start", b" " * 10 * 1024 * 1024)
    assert (answer.status, answer.body["error"]) == (413, "too_large")


def test_a_body_may_wait_for_100_continue_and_for_nothing_else(rest: Served) -> None:
    body = json.dumps(START).encode()
    head = b"POST /jobs/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    with socket.create_connection(("127.0.0.1", rest.port), timeout=30) as sock:
        sock.sendall(head % len(body) + b"Expect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")
    assert raw(rest, head % 0 + b"Expect: wonders\r\n\r\n")[0] == 417


def test_a_body_that_does_not_come_is_given_up(rest: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SEC", 0.2)
    head = (
        b"POST /jobs/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
    )
    status, body = raw(rest, head)
    assert (status, body["error"]) == (408, "timeout")


def test_a_compressed_body_is_not_unpacked(rest: Served) -> None:
    answer = rest.post("/jobs/start", b"\x1f\x8b\x08\0", Content_Encoding="gzip")
    assert (answer.status, answer.body["error"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    "junk",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(rest: Served, junk: bytes) -> None:
    assert raw(rest, junk + b"\r\n\r\n")[0] == 400
    assert rest.get("/version").status == 200


@pytest.mark.parametrize("target", ["/nowhere", "/jobs/", "/jobs/a/b", "//", "/static/", "/static/..%2Fapp.py", "/%00"])
def test_an_unknown_route_is_not_found_in_json(rest: Served, target: str) -> None:
    answer = rest.get(target)
    assert (answer.status, answer.body["error"]) == (404, "not_found")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_another_method_is_told_which_are_allowed(rest: Served, route: Any) -> None:
    path = route.path.replace("{job_id}", "a").replace("{name}", "x")
    allowed = {r.method for r in ROUTES if r.path == route.path}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - allowed:
        answer = ask(rest.tcp(), method, path)
        assert (answer.status, answer.body["error"]) == (405, "method_not_allowed"), method
        assert set(re.split(", ?", answer.headers["Allow"])) - {"HEAD"} == allowed


def test_head_is_get_without_the_body(rest: Served) -> None:
    for path in ("/jobs", "/status", "/interfaces/stream", "/"):
        answer = ask(rest.tcp(), "HEAD", path)
        assert (answer.status, answer.body) == (200, "")
    assert ask(rest.tcp(), "HEAD", "/jobs/a").status == 404


def test_a_query_that_nobody_reads_is_refused(rest: Served) -> None:
    answer = rest.get("/jobs?status=running")
    assert (answer.status, answer.body["error"], answer.body["field"]) == (400, "unknown_parameter", "status")


def test_every_answer_bears_the_headers_of_a_careful_server(rest: Served) -> None:
    for path in ("/", "/jobs", "/nowhere", "/static/nothing"):
        headers = rest.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Python" not in headers["Server"]


def test_the_page_is_served(rest: Served) -> None:
    answer = rest.get("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>telegen-sonic</title>" in answer.body
    assert rest.get("/static/index.html").body == answer.body


def test_health_and_readiness_say_what_is_wrong(rest: Served) -> None:
    assert (rest.get("/healthz").status, rest.get("/readyz").status) == (200, 200)
    rest.problems.update(health="no pass finished for 91 s", ready="look: denied")
    assert rest.get("/healthz").body == {"error": "not_healthy", "message": "no pass finished for 91 s"}
    assert rest.get("/readyz").body == {"error": "not_ready", "message": "look: denied"}
    assert rest.get("/readyz").status == 503


def test_the_build_is_told(rest: Served) -> None:
    assert rest.get("/version").body == {"version": "dev", "commit": "abc", "date": "today"}
