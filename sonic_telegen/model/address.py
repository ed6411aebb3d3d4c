"""Where REST listens: ``host:port`` with an IP address (IPv6 in brackets) or ``localhost``, or ``unix:/path``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

HINT = "use host:port with an IP address ([…] around IPv6) or localhost, or unix:/absolute/path"
MAX_PATH = 107  # bytes of a socket's path that the kernel takes


@dataclass(frozen=True, slots=True)
class Address:
    """A unix socket's ``path``, else ``host`` (an IP address) and ``port``; port 0 lets the kernel choose."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """The address that ``text`` names; ValueError with the remedy when it is none."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or "\0" in path:
            raise ValueError(HINT)
        if len(path.encode(errors="surrogateescape")) > MAX_PATH:
            raise ValueError(f"use a path of at most {MAX_PATH} bytes")
        return Address(path=path)
    found = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if not found or int(found[3]) > 65535:
        raise ValueError(HINT)
    host = "127.0.0.1" if found[2] == "localhost" else found[1] or found[2]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(HINT) from None
    if (address.version == 6) != bool(found[1]):
        raise ValueError(HINT)
    return Address(host=str(address), port=int(found[3]))
