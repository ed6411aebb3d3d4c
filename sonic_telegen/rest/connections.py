"""Accepted connections: 64 at most, streams and TLS handshakes among them; one more is told and closed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl

from aiohttp import web

from sonic_telegen.log import fields, log
from sonic_telegen.rest.problem import RETRY_SEC, Problem

MOST = 64
HANDSHAKE_SEC = 10.0
_LINGER_SEC = 1.0
_LINGERING = 16  # refused clients that may read the answer at the same time; others are just closed

FULL = Problem("too_many_connections", f"{MOST} connections are open; close one and try again")


class Connections:
    """Makes an accepted socket a connection of ``server``."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._young: set[object] = set()  # not known to the server yet
        self._refused: set[asyncio.Task[None]] = set()
        self._making: set[asyncio.Task[None]] = set()

    def accept(self, conn: socket.socket, context: ssl.SSLContext | None) -> None:
        """Take over ``conn``."""
        if len({*self._server.connections, *self._young}) >= MOST:
            self._refuse(conn, context)
            return
        protocol = self._server()
        self._young.add(protocol)
        task = asyncio.create_task(self._make(protocol, conn, context))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, protocol: asyncio.BaseProtocol, conn: socket.socket, context: ssl.SSLContext | None) -> None:
        limit = HANDSHAKE_SEC if context else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, conn, ssl=context, ssl_handshake_timeout=limit, ssl_shutdown_timeout=limit
            )
        except (OSError, TimeoutError) as problem:  # ssl.SSLError is an OSError
            log.info("no TLS connection", extra=fields(problem=problem))
            conn.close()
        finally:
            self._young.discard(protocol)

    def _refuse(self, conn: socket.socket, context: ssl.SSLContext | None) -> None:
        if context is not None or len(self._refused) >= _LINGERING:
            conn.close()
            return
        task = asyncio.create_task(_tell(conn))
        self._refused.add(task)
        task.add_done_callback(self._refused.discard)


async def _tell(conn: socket.socket) -> None:
    """Send the answer and read what comes until the client closes: closing at once would take the answer from it."""
    loop = asyncio.get_running_loop()
    with conn, contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LINGER_SEC):
            await loop.sock_sendall(conn, _refusal())
            conn.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(conn, 65536):
                pass


def _refusal() -> bytes:
    body = json.dumps(FULL.body()).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"Retry-After: {RETRY_SEC[FULL.code]}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
