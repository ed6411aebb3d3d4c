"""Who sent a request: a process on the unix socket, an address, or the holder of a certificate."""

from __future__ import annotations

import socket
import struct

from aiohttp import web

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def is_unix(request: web.BaseRequest) -> bool:
    """Whether it came over the unix socket."""
    sock = _socket(request)
    return sock is not None and sock.family == socket.AF_UNIX


def is_tls(request: web.BaseRequest) -> bool:
    """Whether it came over TLS."""
    return request.transport is not None and request.transport.get_extra_info("sslcontext") is not None


def peer(request: web.BaseRequest) -> str:
    """``uid=… pid=…``, ``address`` or ``address CN=…``; empty when the connection is gone."""
    sock = _socket(request)
    if sock is None or request.transport is None:
        return ""
    if sock.family == socket.AF_UNIX:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        return f"uid={uid} pid={pid}"
    host, port = (request.transport.get_extra_info("peername") or ("", 0))[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    certificate = request.transport.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return f"{address} CN={names[-1]}" if names else address


def _socket(request: web.BaseRequest) -> socket.socket | None:
    found: socket.socket | None = request.transport.get_extra_info("socket") if request.transport else None
    return found
