"""The watch: every change of links and tc makes it readable, a storm is one event, silence is none. Needs root."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator

import pytest

from sonic_telegen.demo.switch import Switch
from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.watch import Watch
from sonic_telegen.model.kernel import QdiscKind
from tests.support.hooks import DHCP
from tests.support.net import FRAME, run_in, tc, until


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch(["Ethernet0", "Ethernet4", "Ethernet8"]) as made:
        run_in(made.namespace, "ip", "link", "set", "Ethernet8", "down")  # before 6.2 only such a one can be renamed
        tc(made.namespace, "qdisc add dev Ethernet4 clsact")
        tc(made.namespace, f"filter add dev Ethernet4 ingress {DHCP}")
        yield made


@pytest.fixture
def watch(switch: Switch) -> Iterator[Watch]:
    made = Watch(switch.namespace)
    yield made
    made.close()
    made.close()


def readable(watch: Watch, seconds: float) -> bool:
    return bool(select.select([watch.fileno()], [], [], seconds)[0])


CHANGES: dict[str, Callable[[Switch], object]] = {
    "port goes": lambda s: s.remove_port("Ethernet4"),
    "port comes": lambda s: s.add_port("Ethernet12"),
    "port down": lambda s: run_in(s.namespace, "ip", "link", "set", "Ethernet0", "down"),
    "port renamed": lambda s: run_in(s.namespace, "ip", "link", "set", "Ethernet8", "name", "Ethernet64"),
    "qdisc comes": lambda s: tc(s.namespace, "qdisc add dev Ethernet0 clsact"),
    "qdisc goes with its filters": lambda s: tc(s.namespace, "qdisc del dev Ethernet4 clsact"),
    "filter comes": lambda s: tc(s.namespace, f"filter add dev Ethernet4 egress {DHCP}"),
    "one filter goes": lambda s: tc(s.namespace, "filter del dev Ethernet4 ingress prio 1"),
    "all filters go": lambda s: tc(s.namespace, "filter del dev Ethernet4 ingress"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_heard_once(change: str, switch: Switch, watch: Watch) -> None:
    assert watch.drain() is False
    CHANGES[change](switch)
    assert readable(watch, 5)
    assert watch.drain() is True
    assert until(lambda: not watch.drain())


def test_frames_and_looks_are_not_heard(switch: Switch, watch: Watch) -> None:
    netlink = Netlink(switch.namespace)
    switch.send("Ethernet0", [FRAME] * 100)
    netlink.links()
    netlink.dump_all(netlink.qdiscs())
    netlink.close()
    assert not readable(watch, 0.2)
    assert watch.drain() is False


def test_storm_that_overflows_the_buffer_is_an_event(switch: Switch, watch: Watch) -> None:
    netlink = Netlink(switch.namespace)
    index = next(i for i, link in netlink.links().items() if link.name == "Ethernet0")
    watch._socket.setsockopt(1, 33, 1)  # SO_RCVBUFFORCE: the smallest buffer there is

    def storm() -> None:
        for _ in range(300):
            netlink.add_qdisc(index, QdiscKind.CLSACT)
            netlink.delete_qdisc(index, QdiscKind.CLSACT)

    storm()
    with pytest.raises(OSError, match="No buffer space available"):
        watch._socket.recv(1)  # so many do overflow it
    assert watch.drain() is True
    storm()
    netlink.close()
    assert readable(watch, 0)
    assert watch.drain() is True
    assert watch.drain() is False
    tc(switch.namespace, "qdisc add dev Ethernet0 clsact")
    assert readable(watch, 5)
    assert watch.drain() is True


def test_wakes_an_event_loop(switch: Switch, watch: Watch) -> None:
    async def hear() -> bool:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(watch.fileno(), lambda: heard.set() if watch.drain() else None)
        await asyncio.to_thread(switch.remove_port, "Ethernet0")
        await asyncio.wait_for(heard.wait(), 5)
        loop.remove_reader(watch.fileno())
        return heard.is_set()

    assert asyncio.run(hear())


def test_other_namespaces_are_not_heard(watch: Watch) -> None:
    with Switch() as other:
        other.remove_port("Ethernet0")
    assert not readable(watch, 0.1)


def test_closed_watch_is_a_kernel_error(switch: Switch) -> None:
    watch = Watch(switch.namespace)
    watch.close()
    with pytest.raises(KernelError, match="hear of changes on links and tc"):
        watch.drain()
