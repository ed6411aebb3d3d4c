"""A TCP relay on loopback that counts what passes: what was really on the wire, whatever the ends say of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Self


class Relay:
    """Forwards ``port`` to ``to_port`` inside ``with``; ``upstream`` counts the bytes that clients sent.

    ``connect`` makes the other end where it is no port of ours (another network namespace). A client whose other end
    refuses is hung up on.
    """

    def __init__(self, to_port: int = 0, connect: Callable[[], socket.socket] | None = None) -> None:
        self._connect = connect or (lambda: socket.create_connection(("127.0.0.1", to_port)))
        self.upstream = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            ends = [self._listener, *self._sockets]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        for end in ends:
            end.close()

    def _spawn(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            self._spawn(partial(self._pump, client, server, True))
            self._spawn(partial(self._pump, server, client, False))

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if up:
                    with self._lock:
                        self.upstream += len(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
