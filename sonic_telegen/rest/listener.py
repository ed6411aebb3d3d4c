"""Listens on one address for as long as the agent runs: what prevents it is told, and tried again."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable

from sonic_telegen.log import NOTICE, fields, log
from sonic_telegen.model.address import Address
from sonic_telegen.rest.sockets import TlsFiles, open_socket

RETRY_SEC = (0.5, 30.0)  # first and longest wait
_OUT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NEEDS_TLS = "beyond loopback only with TLS: set TELEGEN_TLS_CERT, TELEGEN_TLS_KEY and TELEGEN_TLS_CLIENT_CA"

Accept = Callable[[socket.socket, "ssl.SSLContext | None"], None]


class Listener:
    """``bound`` is the address that listens, empty while none does; ``error`` says why it does not."""

    def __init__(self, address: Address, tls: TlsFiles | None, accept: Accept, changed: Callable[[], None]) -> None:
        self._address, self._accept, self._changed = address, accept, changed
        self._tls = None if address.local else tls
        self._refused = not address.local and tls is None
        self._context: ssl.SSLContext | None = None
        self.bound = self.error = ""

    @property
    def host(self) -> str:
        """What a Host header may name."""
        return self._address.host

    @property
    def trouble(self) -> str:
        """Address and error, for an operator."""
        return f"{self._address}: {self.error}" if self.error else ""

    async def run(self) -> None:
        """Until cancelled; an address that must not be listened on is told and left."""
        if self._refused:
            self._tell("", _NEEDS_TLS)
            return
        wait = RETRY_SEC[0]
        while True:
            try:
                self._context = self._tls.context() if self._tls else None
                listening, remove = open_socket(self._address)
            except OSError as problem:
                self._tell("", _text(problem))
                await asyncio.sleep(wait)
                wait = min(wait * 2, RETRY_SEC[1])
                continue
            wait = RETRY_SEC[0]
            try:
                self._tell(self._spell(listening), "")
                await self._serve(listening)
            except OSError as problem:
                self._tell("", _text(problem))
                await asyncio.sleep(wait)
            finally:
                listening.close()
                remove()

    def reload(self) -> None:
        """Read the certificates again; connections that there are keep theirs."""
        if self._tls and self._context:
            try:
                self._context = self._tls.context()
            except OSError as problem:
                log.warning("the certificates cannot be read; the old ones stay", extra=fields(problem=problem))

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                conn, _ = await loop.sock_accept(listening)
            except OSError as problem:
                if problem.errno in _OUT:
                    log.warning("no connection can be taken", extra=fields(listen=self._address, problem=problem))
                    await asyncio.sleep(1)
                elif problem.errno != errno.ECONNABORTED:
                    raise
                continue
            self._accept(conn, self._context)

    def _spell(self, listening: socket.socket) -> str:
        if self._address.path:
            return str(self._address)
        return str(Address(host=self._address.host, port=listening.getsockname()[1]))

    def _tell(self, bound: str, error: str) -> None:
        if (bound, error) == (self.bound, self.error):
            return
        self.bound, self.error = bound, error
        if error:
            log.warning("REST does not listen", extra=fields(listen=self._address, problem=error))
        else:
            log.log(NOTICE, "REST listens", extra=fields(listen=bound, mtls=self._tls is not None))
        self._changed()


def _text(problem: OSError) -> str:
    """The kernel's words, or ours."""
    text = problem.strerror or str(problem)
    if problem.errno == errno.EADDRINUSE and text == os.strerror(errno.EADDRINUSE):
        text = "another process listens on it; stop it or change TELEGEN_LISTEN"
    return f"{problem.filename}: {text}" if problem.filename else text
