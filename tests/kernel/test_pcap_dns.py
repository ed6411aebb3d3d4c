"""No filter expression makes libpcap ask DNS: shown with a name server that would hear it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.demo.namespace import create_namespace, in_namespace, remove_namespace
from sonic_telegen.errors import ConfigError
from sonic_telegen.kernel import pcap
from tests.support.net import run_in
from tests.support.patience import examples
from tests.support.pcap import need_libpcap

NAMES = ["telegen.example", "ab", "nods", "loopback", "vxlan", "iframe", "a.b:c.d", "aa:bb-cc.dd:ee:ff", "1.2.3.4.5"]
NAMES += [r"\tcp", r"\telegen.example", "len-14", "10-0-0-1", "IP", "ip.example", "x_y", "0x1g", "80abc", "a$b"]
SOUND = ["80", "http", "ftp-telnet", "192.0.2.1", "10.0.0.0/8", "fe80::1", "02:00:00:00:00:01", "(80 or http)"]
FORMS = ["{}", "host {}", "src {}", "src net {}", "net {} mask {}", "port {}", "tcp dst port {}", "udp portrange {}"]
FORMS += [
    "ip proto {}",
    r"ether proto {}",
    "ether host {}",
    "gateway {}",
    "ip6 host {}",
    "not src or dst port {}",
    "({})",
]
FORMS += [
    "vlan and port {}",
    "tcp[{}] = 1",
    "ip[0] = {}",
    "dir {}",
    "{}:{}",
    "port {} {}",
    "host {}-",
    "proto {} and {}",
]
places = st.builds(
    lambda form, one, two: form.format(one, two), st.sampled_from(FORMS), *[st.sampled_from(NAMES + SOUND * 6)] * 2
)
expressions = st.lists(places, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from([" and ", " or ", "&&", "||", " "]).map(lambda between: between.join(parts))
)


class NameServer:
    """Listens where /etc/resolv.conf points to, in a namespace of its own; knows no name."""

    def __init__(self, space: str) -> None:
        found = re.findall(r"(?m)^nameserver\s+([0-9.]+)\s*$", Path("/etc/resolv.conf").read_text())
        run_in(space, "ip", "link", "set", "lo", "up")
        for address in found:
            if not address.startswith("127."):
                run_in(space, "ip", "addr", "add", f"{address}/32", "dev", "lo")
        self._socket = in_namespace(space, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.bind(("0.0.0.0", 53))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.asked: list[bytes] = []

    def _serve(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(512)
            if not query:
                return
            self.asked.append(query[12:])
            self._socket.sendto(query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12:], peer)  # NXDOMAIN

    def close(self, space: str) -> None:
        with in_namespace(space, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as waking:
            waking.sendto(b"", ("127.0.0.1", 53))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def served() -> Iterator[tuple[str, NameServer]]:
    need_libpcap()
    space = f"tgdns-{os.getpid()}-{secrets.token_hex(3)}"
    create_namespace(space)
    try:
        with contextlib.ExitStack() as stack:
            server = NameServer(space)
            stack.callback(server.close, space)
            yield space, server
    finally:
        remove_namespace(space)


def test_no_expression_asks_a_name_server(served: tuple[str, NameServer]) -> None:
    space, server = served
    accepted = []

    @settings(max_examples=examples(3000), deadline=None, database=None)
    @given(expressions)
    def check(expression: str) -> None:
        with contextlib.suppress(ConfigError):
            pcap.check(expression)
            accepted.append(expression)
        assert server.asked == [], expression

    in_namespace(space, check)
    assert len(set(accepted)) > examples(3000) / 150
    with pytest.raises(ValueError, match="unknown host"):  # else the server above would hear nothing of anybody
        in_namespace(space, lambda: pcap._compile("host telegen.example"))
    if not server.asked:
        pytest.skip("machine: getaddrinfo in an own namespace: asks no name server of /etc/resolv.conf")
