"""The agent's REST as a command asks it: over its unix socket, or loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator

import click

from sonic_telegen.cli.tables import clean
from sonic_telegen.model.address import Address, parse_address


class Refused(Exception):
    """An answer other than 200; ``code`` is the agent's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """As HTTPConnection does."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def connect(ctx: click.Context, listen: str) -> http.client.HTTPConnection:
    """To one of the addresses that the agent told; ends the command when none of them is on this machine."""
    found = [address for address in map(_address, filter(None, listen.split(","))) if address and address.local]
    if not found:
        shown = clean(listen) or "nowhere"
        remedy = "set TELEGEN_LISTEN=unix:/run/sonic-telegen/telegen.sock in the agent's environment"
        ctx.fail(f"frames come over the agent's REST, which listens {shown}, not on this machine; {remedy}")
    first = min(found, key=lambda address: not address.path)
    return UnixConnection(first.path) if first.path else http.client.HTTPConnection(first.host, first.port)


def _address(text: str) -> Address | None:
    try:
        return parse_address(text)
    except ValueError:
        return None


def get(ctx: click.Context, connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    """The answer, not read yet. Raises Refused; ends the command when the agent cannot be asked."""
    try:
        try:
            reply = _asked(connection, path)
        except ConnectionError:  # the agent closes what is idle, as a command is that was stopped for a while
            connection.close()
            reply = _asked(connection, path)
        if reply.status == 200:
            return reply
        raw = reply.read()
    except (OSError, http.client.HTTPException) as problem:
        ctx.fail(f"the agent's REST cannot be asked: {problem}; run the command as root or in group redis")
    try:
        told = json.loads(raw)
        raise Refused(str(told["error"]), str(told["message"]))
    except (ValueError, KeyError, TypeError):
        raise Refused("", f"HTTP {reply.status}") from None


def _asked(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path)
    return connection.getresponse()


@contextlib.contextmanager
def watch_reader(fd: int) -> Iterator[None]:
    """Send this process SIGTERM when the other end of the pipe ``fd`` goes, even while nothing is written."""
    woken, wake = os.pipe2(os.O_CLOEXEC)

    def watch() -> None:
        poll = select.poll()
        poll.register(fd, 0)
        poll.register(woken, select.POLLIN)
        events = dict(poll.poll())
        if events.get(fd, 0) & select.POLLERR and woken not in events:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(wake, b"x")
        thread.join()
        os.close(woken)
        os.close(wake)
