"""The look: what rtnetlink shows is what iproute2 shows, strangers included. Needs root."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sonic_telegen.errors import Busy, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import Link, QdiscKind, TcFilter
from tests.support.hooks import DHCP, NAME, box, program
from tests.support.net import run_in

INGRESS, EGRESS, CLSACT = Direction.INGRESS, Direction.EGRESS, QdiscKind.CLSACT


def test_links_have_name_kind_state_and_alias() -> None:
    with box("Ethernet0", "Ethernet4") as b:
        run_in(b.switch.namespace, "ip", "link", "set", "Ethernet4", "down", "alias", "telegen/0123456789abcdef")
        run_in(b.switch.namespace, "ip", "link", "set", "Ethernet0", "alias", "Uplink zu Köln")
        run_in(b.switch.namespace, "ip", "link", "add", "Bridge", "type", "bridge")
        seen = [replace(link, mtu=1500, max_mtu=0) for link in b.netlink.links().values() if not link.fallback]
        links = {link.name: link for link in seen}
        index = {name: link.ifindex for name, link in links.items()}
        assert links == {
            "lo": Link(1, "lo", "", True),
            "Ethernet0": Link(index["Ethernet0"], "Ethernet0", "veth", True, "Uplink zu Köln"),
            "Ethernet4": Link(index["Ethernet4"], "Ethernet4", "veth", False, "telegen/0123456789abcdef"),
            "Bridge": Link(index["Bridge"], "Bridge", "bridge", False),
        }
        assert links["Ethernet4"].ours
        assert not links["Ethernet0"].ours


def test_qdiscs_are_only_those_at_ffff() -> None:
    with box("Ethernet0", "Ethernet4", "Ethernet8") as b:
        b.tc("qdisc add dev Ethernet0 clsact")
        b.tc("qdisc add dev Ethernet4 ingress")
        b.tc("qdisc add dev Ethernet8 root pfifo limit 10")
        assert b.netlink.qdiscs() == {b.ifindex("Ethernet0"): CLSACT, b.ifindex("Ethernet4"): QdiscKind.INGRESS}


def test_filters_of_strangers_and_ours_are_seen_on_their_hook() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.tc("qdisc add dev Ethernet0 clsact")
        b.tc(f"filter add dev Ethernet0 ingress {DHCP}")
        b.add_bytecode("egress prio 3 handle 7")
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 5)
        b.netlink.add_filter(index, EGRESS, CLSACT, 3, 1, fd, NAME, 65535)
        found = b.netlink.filters(index, CLSACT)
        ident = libbpf.prog_info(fd).id
        assert [f for f in found if f.kind == "bpf"] == [
            TcFilter(index, INGRESS, 3, 1, "bpf", str(NAME), ident, 5),
            TcFilter(index, EGRESS, 3, 1, "bpf", str(NAME), ident, 65535),
            TcFilter(index, EGRESS, 3, 7, "bpf", "", 0, 0),  # within a priority the latest comes first
        ]
        assert {(f.kind, f.direction, f.priority) for f in found if f.kind != "bpf"} == {("u32", INGRESS, 1)}
        assert [f.own for f in found if f.direction is EGRESS] == [NAME, None]
        assert b.netlink.dump_all(b.netlink.qdiscs()) == found


def test_filter_in_another_chain_is_seen_but_never_taken_for_ours() -> None:
    with box() as b:
        b.tc("qdisc add dev Ethernet0 clsact")
        b.tc(f"filter add dev Ethernet0 ingress chain 5 {DHCP}")
        b.add_bytecode("ingress chain 5 prio 3 handle 1")
        found = b.netlink.filters(b.ifindex(), CLSACT)
        assert {f.kind for f in found} == {"u32", "bpf"}
        assert all(f.own is None for f in found)


def test_filter_under_an_ingress_qdisc_is_seen_once() -> None:
    with box() as b, program() as p:
        b.tc("qdisc add dev Ethernet0 ingress")
        b.tc(f"filter add dev Ethernet0 parent ffff: {DHCP}")
        b.netlink.add_filter(b.ifindex(), INGRESS, QdiscKind.INGRESS, 3, 1, p.prog_fd("stranger"), NAME, 1)
        found = b.netlink.dump_all(b.netlink.qdiscs())
        assert [f.name for f in found if f.kind == "bpf"] == [str(NAME)]
        assert {f.direction for f in found} == {INGRESS}


def test_netdev_that_is_gone_has_no_filters() -> None:
    with box("Ethernet0", "Ethernet4") as b:
        index = b.ifindex("Ethernet4")
        b.tc("qdisc add dev Ethernet4 clsact")
        b.tc(f"filter add dev Ethernet4 ingress {DHCP}")
        qdiscs = b.netlink.qdiscs()
        b.switch.remove_port("Ethernet4")
        assert b.netlink.dump_all(qdiscs) == ()
        assert index not in b.netlink.links()


def test_looks_while_netdevs_come_and_go_are_whole_or_refused() -> None:
    steady = tuple(f"Ethernet{4 * n}" for n in range(120))  # a dump in several answers
    with box(*steady) as b:
        done = threading.Event()

        def churn() -> None:
            while not done.is_set():
                run_in(b.switch.namespace, "ip", "link", "add", "Loopback7", "type", "bridge")
                run_in(b.switch.namespace, "ip", "link", "del", "Loopback7")

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(300):
                try:
                    names = [link.name for link in b.netlink.links().values() if not link.fallback]
                except Busy:
                    continue
                assert sorted(set(names) - {"Loopback7"}) == sorted(("lo", *steady))
        finally:
            done.set()
            thread.join()


def test_closed_socket_and_unknown_namespace_are_kernel_errors() -> None:
    with box() as b:
        other = Netlink(b.switch.namespace)
        other.close()
        other.close()
        with pytest.raises(KernelError, match="list qdiscs on this namespace: Bad file descriptor"):
            other.qdiscs()
    with pytest.raises(KernelError, match=f"open a netlink socket on {b.switch.namespace}"):
        Netlink(b.switch.namespace)
