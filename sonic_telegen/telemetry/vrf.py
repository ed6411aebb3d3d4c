"""The way to a collector through a VRF: sockets bound to its netdev.

urllib3 takes the option as it is (``options``). gRPC's sockets are not ours to bind, so it talks to a ``Relay``: a unix
socket of this process behind which every connection goes on through the VRF, bytes as they are, TLS included.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import struct
import threading
from collections.abc import Callable

_CHUNK = 65536
_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


def options(vrf: str) -> tuple[tuple[int, int, int | bytes], ...]:
    """For a socket before it connects: bound to the VRF (no capability is needed since Linux 5.7), no Nagle."""
    bound = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, vrf.encode() + b"\0")
    return bound, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Relay:
    """Listens from the start; ``target`` is its address for gRPC, ``problem`` why the last connection failed."""

    def __init__(self, host: str, port: int, vrf: str, timeout: float) -> None:
        self._place, self._vrf, self._timeout = (host, port), vrf, timeout
        self.problem = ""
        name = f"telegen-{os.getpid()}-{secrets.token_hex(8)}"
        self.target = f"unix-abstract:{name}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0{name}")
        self._listener.listen()
        self._open: set[socket.socket] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._start(self._serve)

    def close(self) -> None:
        """End every connection."""
        with self._lock:
            self._closed = True
            for sock in (self._listener, *self._open):
                with contextlib.suppress(OSError):  # wakes whoever waits in it; closing alone would not
                    sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @staticmethod
    def _start(target: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, name="otlp vrf", daemon=True)
        thread.start()
        return thread

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            pid, _, _ = _PEER.unpack(near.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if pid == os.getpid():  # else somebody who would get to the management network through us
                self._start(self._carry, near)
            else:
                near.close()

    def _carry(self, near: socket.socket) -> None:
        with near:
            try:
                far = self._connected()
            except OSError as error:
                self.problem = f"VRF {self._vrf}: {error.strerror or error}"
                return
            self.problem = ""
            with far:
                with self._lock:
                    if self._closed:
                        return
                    self._open |= {near, far}
                try:
                    self._both_ways(near, far)
                finally:
                    with self._lock:
                        self._open -= {near, far}

    def _both_ways(self, near: socket.socket, far: socket.socket) -> None:
        back = self._start(_pump, far, near)
        _pump(near, far)
        back.join()

    def _connected(self) -> socket.socket:
        """The first of the collector's addresses that answers; the last one's error when none does."""
        last = OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(*self._place, type=socket.SOCK_STREAM):
            far = socket.socket(family, kind, protocol)
            try:
                for option in options(self._vrf):
                    far.setsockopt(*option)
                far.settimeout(self._timeout)
                far.connect(address)
                far.settimeout(None)
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._timeout * 1000))
            except OSError as error:
                far.close()
                last = error
            else:
                return far
        raise last


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one to the other until either ends, which both are told."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
