"""The switch in a box: what other kernel tests stand on. Needs root; proves exact counts and that nothing is left."""

from __future__ import annotations

import json

import pytest

from sonic_telegen.demo.namespace import create_namespace, in_namespace
from sonic_telegen.demo.switch import Switch
from sonic_telegen.model.kernel import FALLBACK_NAMES
from tests.support.net import FRAME, named_namespaces, run_in, until


def received(namespace: str, netdev: str) -> int:
    (link,) = json.loads(run_in(namespace, "ip", "-json", "-s", "link", "show", "dev", netdev))
    return int(link["stats64"]["rx"]["packets"])


def test_frames_arrive_exactly_and_nothing_else_does() -> None:
    with Switch() as switch:
        assert switch.ports == ("Ethernet0", "Ethernet4")
        assert switch.send("Ethernet0", [FRAME] * 1000) == 1000
        assert switch.send_out("Ethernet4", [FRAME] * 500) == 500
        assert switch.send("Ethernet0", [FRAME[:14] + bytes(9216)]) == 1  # a jumbo frame
        assert until(lambda: received(switch.namespace, "Ethernet0") == 1001)
        assert until(lambda: received(switch.hosts, "host4") == 500)
        assert received(switch.namespace, "Ethernet4") == 0
        assert received(switch.hosts, "host0") == 0


def test_port_comes_back_with_a_new_ifindex() -> None:
    def ifindex() -> int:
        (link,) = json.loads(run_in(switch.namespace, "ip", "-json", "link", "show", "dev", "Ethernet4"))
        return int(link["ifindex"])

    with Switch() as switch:
        before = ifindex()
        switch.send("Ethernet4", [FRAME])
        switch.remove_port("Ethernet4")
        assert switch.ports == ("Ethernet0",)
        with pytest.raises(KeyError):
            switch.send("Ethernet4", [FRAME])
        switch.add_port("Ethernet4")
        assert ifindex() != before
        switch.send("Ethernet4", [FRAME] * 3)
        assert until(lambda: received(switch.namespace, "Ethernet4") == 3)


def test_nothing_is_left_after_use_or_after_a_failed_start() -> None:
    with Switch() as switch:
        names = {switch.namespace, switch.hosts}
        assert names <= named_namespaces()
    assert not names & named_namespaces()
    broken = Switch(["Ethernet0", "a-name-that-is-much-too-long"])
    with pytest.raises(Exception, match=r"."), broken:
        pass
    assert not {broken.namespace, broken.hosts} & named_namespaces()


def test_taken_name_is_refused_and_left_alone() -> None:
    with Switch() as switch:
        twin = Switch(name=switch.namespace)
        with pytest.raises(FileExistsError), twin:
            pass
        assert received(switch.namespace, "Ethernet0") == 0  # still there
        with pytest.raises(FileExistsError):
            create_namespace(switch.hosts)


def test_caller_stays_in_its_namespace() -> None:
    def interfaces() -> set[str]:
        with open("/proc/thread-self/net/dev") as table:  # noqa: PTH123
            return {line.split(":")[0].strip() for line in table.readlines()[2:]}

    before = interfaces()
    with Switch(["Ethernet0"]) as switch:
        assert in_namespace(switch.namespace, interfaces) - set(FALLBACK_NAMES) == {"lo", "Ethernet0"}
        assert interfaces() == before
        with pytest.raises(ZeroDivisionError):
            switch.enter(lambda: 1 // 0)
    with pytest.raises(FileNotFoundError):
        in_namespace(switch.namespace, interfaces)
