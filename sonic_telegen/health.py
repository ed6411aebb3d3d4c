"""``sonic-telegen health``: whether the agent of this environment finishes passes, for a container's health check."""

from __future__ import annotations

import fcntl
import socket
import sys

from sonic_telegen.model.address import Address, parse_address
from sonic_telegen.settings import Environment

TIMEOUT_SEC = 5.0


def check(where: Environment) -> int:
    """Ask REST's /healthz where it listens on this machine, else look whether an agent runs; 0 when it is well."""
    addresses = [address for address in map(parse_address, where.listen) if address.local]
    problem = _ask(addresses[0]) if addresses else _look(where)
    if problem:
        sys.stderr.write(f"sonic-telegen: {problem}\n")
    return 1 if problem else 0


def _ask(address: Address) -> str:
    place = address.path or (address.host, address.port)
    family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as conn:
            conn.settimeout(TIMEOUT_SEC)
            conn.connect(place)
            conn.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: conn.recv(4096), b""))
    except OSError as problem:
        return f"REST at {address} cannot be asked: {problem}"
    head, _, body = answer.partition(b"\r\n\r\n")
    return (
        "" if head.split()[1:2] == [b"200"] else f"REST at {address} says {body.decode(errors='replace') or 'nothing'}"
    )


def _look(where: Environment) -> str:
    path = where.state_dir / "lock"
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return ""  # the agent holds it
    except OSError as problem:
        return f"no agent runs: {problem}"
    return f"no agent runs: nobody holds {path}"
