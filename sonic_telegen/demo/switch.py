"""A switch in a box: front-panel ports in one network namespace, the hosts plugged into them in another.

Every port is a veth pair: ``Ethernet0`` in ``<name>``, its far end ``host0`` in ``<name>-hosts``. IPv6 is off in both
namespaces, so that no frame moves unless somebody sends it and counts can be compared exactly.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pyroute2 import IPRoute

from sonic_telegen.demo.namespace import RUN, create_namespace, in_namespace, remove_namespace

T = TypeVar("T")

MTU = 9216  # a switch port takes jumbo frames
CARRIER_SEC = 10.0
_ETH_P_ALL = 0x0003
_numbers = itertools.count()


class Switch:
    """Ports and hosts, alive inside ``with Switch(["Ethernet0", "Ethernet4"]) as switch:``.

    Attributes: ``namespace`` and ``hosts`` (names under /run/netns), ``ports`` (names, in the order of creation). A
    unique name is made up when none is given. Nothing is left after the block, nor when entering it failed half-way.
    """

    def __init__(self, ports: Sequence[str] = ("Ethernet0", "Ethernet4"), name: str = "", mtu: int = MTU) -> None:
        self.namespace = name or f"tg{os.getpid()}-{next(_numbers)}-{secrets.token_hex(2)}"
        self.hosts = f"{self.namespace}-hosts"
        self._wanted, self._mtu = tuple(ports), mtu
        self._ports: dict[str, str] = {}  # port -> its peer
        self._sockets: dict[tuple[str, str], socket.socket] = {}
        self._made: list[str] = []

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the ports that exist now."""
        return tuple(self._ports)

    def peer(self, port: str) -> str:
        """Name of the netdev in ``hosts`` that ``port`` is plugged into: ``host4`` for ``Ethernet4``."""
        number = re.fullmatch(r"Ethernet(\d+)", port)
        return f"host{number[1]}" if number else f"h-{port}"[:15]

    def __enter__(self) -> Self:
        try:
            for name in (self.namespace, self.hosts):
                create_namespace(name)
                self._made.append(name)
                in_namespace(name, _quiet)
            self._add(self._wanted)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove both namespaces and with them every netdev; idempotent."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()
        self._ports.clear()
        while self._made:
            remove_namespace(self._made.pop())

    def enter(self, function: Callable[[], T]) -> T:
        """Call ``function`` in a short thread inside the switch's namespace; see ``in_namespace``."""
        return in_namespace(self.namespace, function)

    def add_port(self, port: str) -> None:
        """Plug in one more port; it is up with its peer when this returns."""
        self._add((port,))

    def remove_port(self, port: str) -> None:
        """Delete the netdev, its peer and all that hangs on them, as a port that syncd takes away."""
        peer = self._ports.pop(port)
        for key in ((self.namespace, port), (self.hosts, peer)):
            if key in self._sockets:
                self._sockets.pop(key).close()
        self.enter(lambda: _with_route(lambda route: route.link("del", ifname=port)))

    def send(self, port: str, frames: Sequence[bytes]) -> int:
        """Send whole Ethernet frames from the host: they arrive at the port's ingress. Returns how many."""
        return self._send(self.hosts, self._ports[port], frames)

    def send_out(self, port: str, frames: Sequence[bytes]) -> int:
        """Send whole Ethernet frames on the port itself: they leave through its egress. Returns how many."""
        if port not in self._ports:
            raise KeyError(port)
        return self._send(self.namespace, port, frames)

    def _send(self, namespace: str, netdev: str, frames: Sequence[bytes]) -> int:
        opened = self._sockets.get((namespace, netdev))
        if opened is None:
            opened = in_namespace(namespace, lambda: _packet_socket(netdev))
            self._sockets[namespace, netdev] = opened
        for frame in frames:
            opened.send(frame)
        return len(frames)

    def _add(self, ports: Sequence[str]) -> None:
        with (RUN / self.hosts).open("rb") as hosts:

            def create(route: Any) -> None:
                for port in ports:
                    peer = {"ifname": self.peer(port), "net_ns_fd": hosts.fileno(), "mtu": self._mtu}
                    route.link("add", ifname=port, kind="veth", peer=peer, mtu=self._mtu, state="up")
                    self._ports[port] = self.peer(port)

            def raise_peers(route: Any) -> None:
                for port in ports:
                    route.link("set", index=socket.if_nametoindex(self.peer(port)), state="up")

            self.enter(lambda: _with_route(create))
            in_namespace(self.hosts, lambda: _with_route(raise_peers))
            self.enter(lambda: _with_route(lambda route: _wait_for_carrier(route, ports)))


def _with_route(function: Callable[[Any], None]) -> None:
    with IPRoute() as route:
        function(route)


def _wait_for_carrier(route: Any, ports: Sequence[str]) -> None:
    """Until the kernel noticed, in its own time, that the far ends are up: what is sent before it drops silently."""
    deadline = time.monotonic() + CARRIER_SEC
    waiting = set(ports)
    while waiting:
        for port in tuple(waiting):
            (link,) = route.link("get", ifname=port)
            if link.get_attr("IFLA_OPERSTATE") == "UP" and link.get_attr("IFLA_QDISC") != "noop":
                waiting.discard(port)
        if time.monotonic() > deadline:
            raise TimeoutError(f"no carrier on {', '.join(sorted(waiting))} after {CARRIER_SEC:.0f} s")
        time.sleep(0.001 if waiting else 0)


def _quiet() -> None:
    """No IPv6 (no neighbour discovery, no MLD) and ``lo`` up, in the calling thread's namespace."""
    for scope in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if setting.exists():
            setting.write_text("1\n")
    _with_route(lambda route: route.link("set", index=socket.if_nametoindex("lo"), state="up"))


def _packet_socket(netdev: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # protocol 0: sends only, receives nothing
    try:
        opened.bind((netdev, 0))
    except OSError:  # the netdev is gone
        opened.close()
        raise
    return opened
