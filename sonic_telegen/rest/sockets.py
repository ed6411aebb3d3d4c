"""Opens the listening socket of an address; all errors are OSError with a text for an operator."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sonic_telegen.model.address import Address

BACKLOG = 128
GROUP, MODE = "redis", 0o660  # who may write the tables through Redis may do it through us


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for addresses beyond loopback: our certificate and key, and the CA of those who may ask."""

    certificate: Path
    key: Path
    client_ca: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, clients without a certificate of the CA refused; OSError names what cannot be read."""
        for path in (self.certificate, self.key, self.client_ca):
            with path.open("rb"):
                pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate, self.key)
        context.load_verify_locations(self.client_ca)
        return context


def open_socket(address: Address) -> tuple[socket.socket, Callable[[], None]]:
    """A socket that listens, and what removes its traces when it is closed."""
    return _open_unix(Path(address.path)) if address.path else (_open_tcp(address), lambda: None)


def _open_tcp(address: Address) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _open_unix(path: Path) -> tuple[socket.socket, Callable[[], None]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.bind(str(path))
        path.chmod(MODE)  # nobody gets in before listen
        with contextlib.suppress(KeyError, PermissionError):
            os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
        listening.listen(BACKLOG)
        own = path.stat().st_ino
    except BaseException:
        listening.close()
        raise

    def remove() -> None:
        with contextlib.suppress(OSError):
            if path.stat().st_ino == own:
                path.unlink()

    return listening, remove


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens on; anything else at that path is an error."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is something that is no socket; remove it", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:  # its queue is full: it lives
            pass
    raise OSError(errno.EADDRINUSE, "another process listens on it; stop it or choose another path", str(path))
