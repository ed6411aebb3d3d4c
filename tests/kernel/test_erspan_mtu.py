"""The way of a tunnel as the kernel tells it, and a netdev's MTU set in place.

A veth stands where ERSPAN's netdev would; real ones are in tests/vm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sonic_telegen.errors import Conflict, Gone, KernelError
from sonic_telegen.kernel.erspan import Tunnels
from sonic_telegen.kernel.route import outgoing
from sonic_telegen.model.action import RaiseTunnel, SetTunnelMtu
from sonic_telegen.model.erspan import ErspanSpec
from tests.support.hooks import Box, box
from tests.support.net import run_in

SPEC = ErspanSpec("mon7", "192.0.2.10", "10.0.0.1", 10, 2, 64)
ENDS = (SPEC.remote, SPEC.local)


@pytest.fixture
def made() -> Iterator[Box]:
    with box("Ethernet0", "Ethernet4") as b:
        yield b


def ip(b: Box, words: str) -> str:
    return run_in(b.switch.namespace, "ip", *words.split())


def shown(b: Box, name: str = "mon7") -> dict[str, Any]:
    (found,) = json.loads(ip(b, f"-d -j addr show dev {name}"))
    return dict(found)


def addressed(b: Box) -> None:
    ip(b, "addr add 10.0.0.1/24 dev Ethernet0")
    ip(b, "addr add 10.0.4.1/24 dev Ethernet4")


def stand_in(b: Box, mtu: int) -> int:
    """A netdev with the alias of our tunnel, up; IPv6 is on in this namespace from now on."""
    for scope in ("all", "default"):
        run_in(b.switch.namespace, "sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
    ip(b, f"link add mon7 mtu {mtu} type veth peer name far mtu {mtu}")
    ip(b, f"link set mon7 alias {SPEC.alias}")
    if mtu >= 1280:
        ip(b, "link set mon7 addrgenmode none")
    ip(b, "link set far up")
    ip(b, "link set mon7 up")
    return b.ifindex("mon7")


def test_the_way_is_the_netdev_that_packets_leave_by(made: Box) -> None:
    addressed(made)
    transport = made.netlink.transport
    assert outgoing(transport, "10.0.0.77", "10.0.0.1") == made.ifindex("Ethernet0")
    assert outgoing(transport, *ENDS) == 0
    ip(made, "route add default via 10.0.0.2")
    assert outgoing(transport, *ENDS) == made.ifindex("Ethernet0")
    ip(made, "route add 192.0.2.0/24 via 10.0.4.2")
    assert outgoing(transport, *ENDS) == made.ifindex("Ethernet4")
    ip(made, "rule add from 10.0.0.1 table 7")
    ip(made, "route add 192.0.2.0/24 via 10.0.0.2 table 7")
    assert outgoing(transport, *ENDS) == made.ifindex("Ethernet0")
    assert outgoing(transport, "192.0.2.10", "10.0.4.1") == made.ifindex("Ethernet4")


def test_of_two_ways_it_is_one(made: Box) -> None:
    addressed(made)
    ip(made, "route add 192.0.2.0/24 nexthop via 10.0.0.2 nexthop via 10.0.4.2")
    both = {made.ifindex("Ethernet0"), made.ifindex("Ethernet4")}
    assert {outgoing(made.netlink.transport, f"192.0.2.{n}", "10.0.0.1") for n in range(1, 50)} <= both


@pytest.mark.parametrize("kind", ["unreachable", "prohibit", "blackhole", "throw", "local"])
def test_a_route_that_leads_nowhere_is_no_way_and_no_error(made: Box, kind: str) -> None:
    addressed(made)
    ip(made, f"route add {kind} 192.0.2.10" + (" dev lo" if kind == "local" else ""))
    assert outgoing(made.netlink.transport, *ENDS) == 0
    assert made.ifindex("Ethernet0")  # the socket is as good as before


def test_without_the_address_of_the_near_end_there_is_no_way(made: Box) -> None:
    """The kernel sends nothing from an address that is not its own."""
    ip(made, "addr add 10.0.4.1/24 dev Ethernet4")
    ip(made, "route add default via 10.0.4.2")
    assert outgoing(made.netlink.transport, *ENDS) == 0
    ip(made, "addr add 10.0.0.1/32 dev lo")
    assert outgoing(made.netlink.transport, *ENDS) == made.ifindex("Ethernet4")


def test_the_look_has_every_mtu_and_its_limit(made: Box) -> None:
    ip(made, "link set Ethernet0 mtu 9100")
    ip(made, "link add plain mtu 777 type bridge")
    expected = {link["ifname"]: (link["mtu"], link["max_mtu"]) for link in json.loads(ip(made, "-d -j link show"))}
    assert {link.name: (link.mtu, link.max_mtu) for link in made.netlink.links().values()} == expected
    assert expected["Ethernet0"] == (9100, 65535)


def test_a_netdev_is_given_another_mtu_and_stays_up(made: Box) -> None:
    index, tunnels = stand_in(made, 1446), Tunnels(made.netlink)
    for mtu in (9162, 1300):
        tunnels.apply(SetTunnelMtu(SPEC, index, "mon7", mtu))
        assert (shown(made)["mtu"], shown(made)["addr_info"]) == (mtu, [])
        assert "UP" in shown(made)["flags"]


def test_where_ipv6_begins_no_address_comes_with_it(made: Box) -> None:
    index, tunnels = stand_in(made, 500), Tunnels(made.netlink)
    tunnels.apply(SetTunnelMtu(SPEC, index, "mon7", 9162))
    assert shown(made)["mtu"] == 9162
    assert "UP" not in shown(made)["flags"]
    tunnels.apply(RaiseTunnel(SPEC, index, "mon7"))
    assert "UP" in shown(made)["flags"]
    assert shown(made)["addr_info"] == []


@pytest.mark.parametrize("before", [500, 1446])
def test_an_mtu_that_the_kernel_refuses_leaves_the_netdev_as_it_was(made: Box, before: int) -> None:
    index, tunnels = stand_in(made, before), Tunnels(made.netlink)
    with pytest.raises(KernelError, match="set MTU 65536 on mon7"):
        tunnels.apply(SetTunnelMtu(SPEC, index, "mon7", 65536))
    assert shown(made)["mtu"] == before
    assert "UP" in shown(made)["flags"]


def test_a_netdev_that_is_not_ours_keeps_its_mtu(made: Box) -> None:
    before, tunnels = shown(made, "Ethernet0")["mtu"], Tunnels(made.netlink)
    with pytest.raises(Conflict, match="Ethernet0 is not ours"):
        tunnels.apply(SetTunnelMtu(SPEC, made.ifindex(), "Ethernet0", 1500))
    with pytest.raises(Gone):
        tunnels.apply(SetTunnelMtu(SPEC, 9999, "mon7", 1500))
    assert shown(made, "Ethernet0")["mtu"] == before
