"""The whole facade: listeners, connections, application and streams. It imports aiohttp: only where REST is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sonic_telegen.model.address import parse_address
from sonic_telegen.rest.app import make_app
from sonic_telegen.rest.connections import Connections
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.rest.listener import Listener
from sonic_telegen.rest.sockets import TlsFiles
from sonic_telegen.rest.streams import Streams
from sonic_telegen.rest.tables import Tables
from sonic_telegen.settings import Environment

IDLE_SEC = 10.0  # without a whole request head
_LINGER_SEC = 5.0  # reading what a refused body still sends
_END_SEC = 0.3  # for answers under way when the agent ends


class Facade:
    """Serves from ``run`` on; everything happens on the loop that made it."""

    def __init__(self, where: Environment, hooks: Hooks) -> None:
        self._tables = Tables(where.db_config)
        self._streams = Streams(self._tables)
        files = (where.tls_cert, where.tls_key, where.tls_client_ca)
        tls = TlsFiles(*(path for path in files if path)) if all(files) else None
        addresses = [parse_address(text) for text in where.listen]
        self._listeners = [Listener(address, tls, self._accept, hooks.changed) for address in addresses]
        self._app = make_app(self._tables, hooks, self._streams, self._hosts)
        self._connections: Connections | None = None

    @property
    def listen(self) -> tuple[str, ...]:
        """The addresses that listen."""
        return tuple(one.bound for one in self._listeners if one.bound)

    @property
    def errors(self) -> tuple[str, ...]:
        """Why others do not."""
        return tuple(one.trouble for one in self._listeners if one.trouble)

    def published(self) -> None:
        """The agent has reported."""
        self._streams.published()

    def end_streams(self) -> None:
        """End every stream; clients may come again."""
        self._streams.end()

    def reload(self) -> None:
        """Read the certificates again."""
        for one in self._listeners:
            one.reload()

    async def run(self) -> None:
        """Serve until cancelled; sockets and their files are gone when it returns."""
        runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=_logger(),
            handler_cancellation=True,
            keepalive_timeout=IDLE_SEC,
            lingering_time=_LINGER_SEC,
            auto_decompress=False,
            shutdown_timeout=_END_SEC,
        )
        await runner.setup()
        assert runner.server is not None
        self._connections = Connections(runner.server)
        tasks = [asyncio.create_task(one.run()) for one in self._listeners]
        tasks.append(asyncio.create_task(self._streams.run()))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
            self._streams.end()
            await runner.cleanup()

    def _accept(self, conn: socket.socket, context: ssl.SSLContext | None) -> None:
        assert self._connections is not None  # run makes it before it listens
        self._connections.accept(conn, context)

    def _hosts(self) -> list[str]:
        return [one.host for one in self._listeners]


def _logger() -> logging.Logger:
    """The library's log within ours; what a client sends that is no HTTP is not worth a traceback."""

    def ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

    found = logging.getLogger("telegen.rest")
    found.filters[:] = [ours]
    return found
