"""512 tc hooks on 256 netdevs: added, looked at, deleted; by us, by pyroute2's own calls, and by forking ``tc``.

``python -m tests.bench.bench_tc [--json] [--netdevs N]``; needs root. The ``tc`` is forked inside the namespace, so the
fork is all that it costs over the work; of pyroute2 and ``tc`` only a share is done and the rest reckoned from it.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pyroute2 import IPRoute

from sonic_telegen.demo.switch import Switch
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import QdiscKind
from tests.support.hooks import NAME, counting_object, program
from tests.support.objects import bpffs

CLSACT = QdiscKind.CLSACT
PARENTS = {Direction.INGRESS: 0xFFFFFFF2, Direction.EGRESS: 0xFFFFFFF3}
SHARE = 16  # netdevs that the slow ways do


@dataclass
class Cost:
    """Milliseconds for all netdevs: qdiscs and filters added; everything looked at; everything deleted."""

    add_ms: float
    look_ms: float
    delete_ms: float


def _timed(function: Callable[[], object], scale: float = 1.0) -> float:
    began = time.perf_counter()
    function()
    return (time.perf_counter() - began) * 1e3 * scale


def ours(switch: Switch, prog_fd: int) -> Cost:
    """Our Netlink, with all that the executor asks of it; the look is links, qdiscs and filters."""
    netlink = Netlink(switch.namespace)
    ports = [index for index, link in netlink.links().items() if link.name in switch.ports]

    def add() -> None:
        for index in ports:
            netlink.add_qdisc(index, CLSACT)
            for direction in Direction:
                netlink.add_filter(index, direction, CLSACT, 3, 1, prog_fd, NAME, 1)

    def look() -> int:
        netlink.links()
        return len(netlink.dump_all(netlink.qdiscs()))

    def delete() -> None:
        for item in netlink.dump_all(netlink.qdiscs()):
            netlink.delete_filter(item, CLSACT)
        for index in ports:
            netlink.delete_qdisc(index, CLSACT)

    try:
        cost = Cost(_timed(add), min(_timed(look) for _ in range(5)), 0)
        if look() != 2 * len(ports):
            raise RuntimeError("not all filters are there")
        cost.delete_ms = _timed(delete)
        if look() or netlink.qdiscs():
            raise RuntimeError("not all filters are gone")
        return cost
    finally:
        netlink.close()


def pyroute2(switch: Switch, prog_fd: int) -> Cost:
    """pyroute2's calls, without the checks that we make before a change."""
    ports, scale = switch.ports[:SHARE], len(switch.ports) / len(switch.ports[:SHARE])

    def run() -> Cost:
        indexes = [socket.if_nametoindex(port) for port in ports]
        with IPRoute() as route:

            def add() -> None:
                for index in indexes:
                    route.tc("add", "clsact", index)
                    for parent in PARENTS.values():
                        bpf = {"fd": prog_fd, "name": str(NAME), "classid": 1, "direct_action": True}
                        route.tc("add-filter", "bpf", index, handle=1, parent=parent, prio=3, **bpf)

            def look() -> None:
                for index in indexes:
                    for parent in PARENTS.values():
                        list(route.get_filters(index=index, parent=parent))

            def delete() -> None:
                for index in indexes:
                    for parent in PARENTS.values():
                        route.tc("del-filter", "bpf", index, handle=1, parent=parent, prio=3)
                    route.tc("del", "clsact", index)

            added, looked = _timed(add, scale), min(_timed(look, scale) for _ in range(3))
            looked += _timed(lambda: (list(route.get_links()), list(route.get_qdiscs())))
            return Cost(added, looked, _timed(delete, scale))

    return switch.enter(run)


def forked(switch: Switch, pinned: Path) -> Cost:
    """One ``tc`` for each change, and one for each hook that is looked at."""
    ports, scale = switch.ports[:SHARE], len(switch.ports) / len(switch.ports[:SHARE])

    def tc(words: str) -> None:
        subprocess.run(["tc", *words.split()], check=True, stdout=subprocess.DEVNULL)

    def add() -> None:
        for port in ports:
            tc(f"qdisc add dev {port} clsact")
            for direction in Direction:
                tc(f"filter add dev {port} {direction} prio 3 handle 1 bpf da object-pinned {pinned}")

    def look() -> None:
        for port in ports:
            for direction in Direction:
                tc(f"-json filter show dev {port} {direction}")

    def delete() -> None:
        for port in ports:
            for direction in Direction:
                tc(f"filter del dev {port} {direction} prio 3 handle 1 bpf")
            tc(f"qdisc del dev {port} clsact")

    def run() -> Cost:
        added, looked = _timed(add, scale), _timed(look, scale)
        looked += _timed(lambda: subprocess.run(["ip", "-json", "link"], check=True, stdout=subprocess.DEVNULL))
        looked += _timed(lambda: tc("-json qdisc"))
        return Cost(added, looked, _timed(delete, scale))

    return switch.enter(run)


def main() -> None:
    """Print the table, or with ``--json`` the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--netdevs", type=int, default=256)
    given = parser.parse_args()
    counting_object(1)  # compiled before anything is timed
    with Switch([f"Ethernet{4 * n}" for n in range(given.netdevs)]) as switch, program() as loaded, bpffs() as mounted:
        fd, pinned = loaded.prog_fd("stranger"), mounted / "stranger"
        libbpf.obj_pin(fd, str(pinned))
        costs = {"ours": ours(switch, fd), "pyroute2": pyroute2(switch, fd), "fork tc": forked(switch, pinned)}
    if given.json:
        json.dump({way: asdict(cost) for way, cost in costs.items()}, sys.stdout)
        print()
        return
    print(f"{2 * given.netdevs} hooks on {given.netdevs} netdevs, ms (times ours)")
    mine = costs["ours"]
    for way, cost in costs.items():
        cells = [
            f"{what} {value:8.1f} ({value / own:5.1f} x)"
            for what, value, own in (
                ("add", cost.add_ms, mine.add_ms),
                ("look", cost.look_ms, mine.look_ms),
                ("delete", cost.delete_ms, mine.delete_ms),
            )
        ]
        print(f"  {way:9}", *cells)


if __name__ == "__main__":
    main()
