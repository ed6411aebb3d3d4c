"""The guard behind the counters: what comes in is counted and enters no host. And a kernel's answer without ERSPAN."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.errors import Conflict, Gone, NotSupported
from sonic_telegen.model.action import Attach, CreateTunnel, DeleteTunnel, Detach, RaiseTunnel
from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import DROP, LAST_PRIORITY, QdiscKind
from tests.support.executor import Rig, rig
from tests.support.net import FRAME, until

SPEC = ErspanSpec("erspan0", "192.0.2.10", "192.0.2.1", 10, 2, 64)


def received_by_the_host(r: Rig) -> int:
    """IPv4 packets that entered the stack of the switch."""
    lines = in_namespace(r.switch.namespace, Path("/proc/thread-self/net/snmp").read_text).splitlines()
    names, values = (line.split() for line in lines if line.startswith("Ip:"))
    return int(values[names.index("InReceives")])


def guard(r: Rig) -> Attach:
    return Attach(r.ifindex(), "Ethernet0", Direction.INGRESS, QdiscKind.CLSACT, LAST_PRIORITY, 1, 0, DROP)


def test_what_the_guard_stops_was_counted() -> None:
    with rig() as r:
        r.add_qdisc()
        r.attach(1)
        r.switch.send("Ethernet0", [FRAME] * 20)
        assert until(lambda: (r.packets(1), received_by_the_host(r)) == (20, 20))
        r.kernel.apply(guard(r))
        r.switch.send("Ethernet0", [FRAME] * 30)
        assert until(lambda: r.packets(1) == 50)
        (made,) = [f for f in r.kernel.observe().filters if f.own and f.own.job == DROP]
        assert (made.priority, made.classid) == (LAST_PRIORITY, 0)
        assert received_by_the_host(r) == 20
        r.kernel.apply(Detach(made, "Ethernet0", QdiscKind.CLSACT))
        r.switch.send("Ethernet0", [FRAME] * 5)
        assert until(lambda: received_by_the_host(r) == 25)


def test_the_guard_is_added_once_and_names_who_is_there() -> None:
    with rig() as r:
        r.add_qdisc()
        r.kernel.apply(guard(r))
        with pytest.raises(Conflict, match="telegen/drop@"):
            r.kernel.apply(guard(r))


def test_a_netdev_that_is_not_ours_is_neither_set_up_nor_deleted() -> None:
    with rig() as r:
        with pytest.raises(Conflict, match="Ethernet0 is not ours"):
            r.kernel.apply(RaiseTunnel(SPEC, r.ifindex(), "Ethernet0"))
        with pytest.raises(Conflict, match="Ethernet0 is not ours"):
            r.kernel.apply(DeleteTunnel(r.ifindex(), "Ethernet0", SPEC.alias))
        r.kernel.apply(DeleteTunnel(9999, "erspan0", SPEC.alias))  # gone already
        with pytest.raises(Gone):
            r.kernel.apply(RaiseTunnel(SPEC, 9999, "erspan0"))
        assert "Ethernet0" in {link.name for link in r.kernel.observe().links.values()}


def test_a_kernel_without_erspan_says_which_module_it_lacks() -> None:
    with rig() as r:
        try:
            r.kernel.apply(CreateTunnel(SPEC, "erspan0"))
        except NotSupported as problem:
            assert "load the kernel module ip_gre" in str(problem)
            assert "create ERSPAN netdev to 192.0.2.10 on erspan0" in str(problem)
        else:
            pytest.skip("machine: create ERSPAN netdev: it was made, so this kernel lacks no module")
