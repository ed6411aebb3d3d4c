"""A scene with a way to a far end, and an ERSPAN netdev of iproute2's there.

Ethernet0 is watched, Ethernet4 is the way; the far end is the hosts' namespace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.demo.switch import Switch
from tests.support import frames as f
from tests.support.net import run_in
from tests.vm.scene import Actor, Identity, Scene, scene

NEAR, FAR = "10.0.0.1", "10.0.0.2"
DATAGRAM = f.ipv4(f.UDP, f.udp(bytes(60), (1000, 53)))
MIXED = [
    f.ether(f.IPV4, DATAGRAM),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 7)]),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(8900)))),
    f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(1000)))),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(56)))),
    f.arp(),
    f.lldp(),
]
FAR_END = {
    0: "",
    1: "oseq key 10 erspan_ver 1",
    2: "oseq key 10 erspan_ver 2",
}


def row(**more: str) -> dict[str, str]:
    found = {"port": "Ethernet0", "direction": "ingress", "mirror_mode": "erspan"}
    return found | {"erspan_remote": FAR, "erspan_local": NEAR} | more


class Way:
    """A switch with addresses on the way between both ends, which know each other: nobody asks by ARP."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        here, there = (switch.namespace, "Ethernet4", NEAR), (switch.hosts, "host4", FAR)
        for (space, netdev, address), (other, peer, gateway) in ((here, there), (there, here)):
            run_in(space, "ip", "addr", "add", f"{address}/24", "dev", netdev)
            mac = json.loads(run_in(other, "ip", "-j", "link", "show", peer))[0]["address"]
            run_in(space, "ip", "neigh", "replace", gateway, "lladdr", mac, "nud", "permanent", "dev", netdev)

    def far_end(self, version: int) -> None:
        """An ERSPAN netdev ``mon0`` at the far end."""
        words = f"ip link add mon0 type erspan local {FAR} remote {NEAR} {FAR_END[version]}"
        run_in(self.switch.hosts, *words.split(), *(["erspan_ver", "0"] if not version else []))
        run_in(self.switch.hosts, "ip", "link", "set", "mon0", "addrgenmode", "none", "up")

    def links(self) -> dict[str, Any]:
        """The netdevs of the switch by name, as ip tells them."""
        found = json.loads(run_in(self.switch.namespace, "ip", "-d", "-j", "link"))
        return {link["ifname"]: link for link in found}

    def received(self) -> int:
        """Packets on ``mon0``, by its own counter."""
        found = json.loads(run_in(self.switch.hosts, "ip", "-s", "-j", "link", "show", "mon0"))
        return int(found[0]["stats64"]["rx"]["packets"])

    def snmp(self, protocol: str, name: str) -> int:
        """A counter of the switch's stack."""
        text = in_namespace(self.switch.namespace, Path("/proc/thread-self/net/snmp").read_text)
        names, values = (line.split() for line in text.splitlines() if line.startswith(f"{protocol}:"))
        return int(values[names.index(name)])


class Stage(Way):
    """A scene with that way."""

    def __init__(self, made: Scene) -> None:
        super().__init__(made.switch)
        self.scene = made


@contextmanager
def stage_for(identity: Identity) -> Iterator[Stage]:
    with scene(identity, "Ethernet0", "Ethernet4") as made:
        yield Stage(made)


def running(actor: Actor, **jobs: Any) -> dict[str, Any]:
    found = actor.ask(**jobs)
    assert {status for status, _, _ in found["jobs"].values()} == {"running"}, found
    return found
