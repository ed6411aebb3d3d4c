"""What ``show telegen doctor`` looks at itself, from the network namespace that it runs in; it sends a SYN at most."""

from __future__ import annotations

import fcntl
import socket
import struct
import threading
from typing import Any
from urllib.parse import urlsplit

from sonic_telegen.cli.findings import Netdev, Path

_SIOCGIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8913, 0x1, 0x40
ANSWER_SEC = 2.0  # for a name and for an answer each


def netdev(name: str) -> Netdev | None:
    """The netdev of that name, None when there is none here."""
    try:
        ifindex = socket.if_nametoindex(name)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            told = fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
    except (OSError, ValueError):  # ValueError: a name that no netdev can have
        return None
    (flags,) = struct.unpack_from("16xH", told)
    return Netdev(ifindex, bool(flags & _IFF_UP), bool(flags & _IFF_RUNNING))


def path(endpoint: str, vrf: str = "", timeout: float = ANSWER_SEC) -> Path | None:
    """The way to the collector, through ``vrf`` if given; None when the endpoint is no URL with host and port."""
    try:
        url = urlsplit(endpoint)
        host, port = url.hostname, url.port
    except ValueError:
        return None
    if not host or not port:
        return None
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    addresses = _resolve(host, port, timeout)
    if isinstance(addresses, str):
        return Path(place, vrf, unknown=addresses)
    source, no_route = _first(addresses, lambda family, address: _source(family, address, vrf))
    if not source:
        return Path(place, vrf, no_route=no_route)
    answer, no_answer = _first(addresses, lambda family, address: _answer(family, address, vrf, timeout))
    return Path(place, vrf, source=source, no_answer="" if answer else no_answer)


def _resolve(host: str, port: int, timeout: float) -> list[tuple[int, Any]] | str:
    """Addresses, or why there are none; a name service that hangs is not waited for."""
    found: list[list[tuple[int, Any]] | str] = []

    def ask() -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append([(int(family), address) for family, _, _, _, address in told])
        except (OSError, UnicodeError) as problem:
            found.append(_words(problem))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    return found[0] if found else f"no answer of the name service within {timeout:g} s"


def _first(addresses: list[tuple[int, Any]], ask: Any) -> tuple[str, str]:
    """The first good answer, else the last error."""
    error = "it has no address"
    for family, address in addresses:
        try:
            return ask(family, address), ""
        except OSError as problem:
            error = _words(problem)
    return "", error


def _source(family: int, address: Any, vrf: str) -> str:
    """Our address on the way there: connecting a datagram socket looks the route up and sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        _bind(asking, vrf)
        asking.connect(address)
        return str(asking.getsockname()[0])


def _answer(family: int, address: Any, vrf: str, timeout: float) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as asking:
        asking.settimeout(timeout)
        _bind(asking, vrf)
        asking.connect(address)
        return "yes"


def _bind(asking: socket.socket, vrf: str) -> None:
    if vrf:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, vrf.encode() + b"\0")


def _words(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
