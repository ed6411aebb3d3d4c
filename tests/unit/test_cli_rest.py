"""A command's connection to the agent's REST."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest

from sonic_telegen.cli.rest import Refused, get

NOT_YET = b'{"error": "no_capture", "message": "none yet"}'


def answer(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@contextmanager
def server(*answers: bytes) -> Iterator[http.client.HTTPConnection]:
    """One answer to each connection, which is then closed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for one in answers:
                with listening.accept()[0] as peer:
                    peer.recv(65536)
                    peer.sendall(one)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        connection = http.client.HTTPConnection(*listening.getsockname())
        try:
            yield connection
        finally:
            connection.close()
            thread.join(10)


def test_a_connection_that_the_agent_closed_while_it_was_idle_is_made_anew() -> None:
    ctx = click.Context(click.Command("capture"))
    with server(answer(b"404 Not Found", NOT_YET), answer(b"200 OK", b"frames")) as connection:
        with pytest.raises(Refused, match="none yet"):
            get(ctx, connection, "/jobs/a/capture")
        assert get(ctx, connection, "/jobs/a/capture").read() == b"frames"


def test_an_agent_that_is_gone_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connection = http.client.HTTPConnection(*listening.getsockname())
    with pytest.raises(click.UsageError, match="the agent's REST cannot be asked"):
        get(click.Context(click.Command("capture")), connection, "/jobs/a/capture")
