"""``detach_all``: takes away everything of ours in a network namespace, and nothing else."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.erspan import Tunnels
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.tcdecode import describe
from sonic_telegen.model.action import DeleteTunnel
from sonic_telegen.model.kernel import DROP, ERSPAN_KIND, Link


class QdiscMemory(Protocol):
    """Which qdiscs we created (``journal.py``); the kernel keeps no mark of it."""

    def created_qdiscs(self, netns: int) -> frozenset[tuple[int, str, str]]:
        """(ifindex, netdev, kind) of each."""
        ...

    def note_qdisc(self, netns: int, ifindex: int, netdev: str, kind: str) -> None:
        """It is about to be created."""
        ...

    def forget_qdisc(self, netns: int, ifindex: int, netdev: str, kind: str) -> None:
        """It is gone."""
        ...

    def keep_qdiscs(self, netns: int, present: Collection[tuple[int, str, str]]) -> None:
        """All others of this namespace are gone."""
        ...


@dataclass(frozen=True, slots=True)
class Removed:
    """What ``detach_all`` took away, each in words, and what it could not."""

    tunnels: tuple[str, ...]
    filters: tuple[str, ...]
    qdiscs: tuple[str, ...]
    failed: tuple[KernelError, ...]


def detach_all(netlink: Netlink, memory: QdiscMemory) -> Removed:
    """Remove our netdevs and filters, then the qdiscs that we created and that are empty; nothing of anybody else's.

    The guard stays on a tunnel that is up and is not ours any more, or could not be deleted.
    """
    failed = list[KernelError]()
    tunnels = list(_delete_tunnels(netlink, failed))
    links = netlink.links()
    names = {ifindex: link.name for ifindex, link in links.items()}
    kinds = netlink.qdiscs()
    filters, qdiscs = list[str](), list[str]()
    for item in netlink.dump_all(kinds):
        if item.own is None and not item.guest:
            continue
        link = links.get(item.ifindex)
        if item.own is not None and item.own.job == DROP and link is not None and link.receives:
            failed.append(_stays(link))
            continue
        try:
            netlink.delete_filter(item, kinds[item.ifindex])
            filters.append(f"{describe(item)} on {names.get(item.ifindex, item.ifindex)} {item.direction}")
        except KernelError as problem:
            failed.append(problem)
    made = memory.created_qdiscs(netlink.netns)
    for ifindex, kind in kinds.items():
        place = (ifindex, names.get(ifindex, ""), kind.value)
        if place not in made or netlink.filters(ifindex, kind):
            continue
        try:
            netlink.delete_qdisc(ifindex, kind)
            memory.forget_qdisc(netlink.netns, *place)
            qdiscs.append(f"{kind} on {place[1]}")
        except KernelError as problem:
            failed.append(problem)
    return Removed(tuple(tunnels), tuple(filters), tuple(qdiscs), tuple(failed))


def _delete_tunnels(netlink: Netlink, failed: list[KernelError]) -> Iterator[str]:
    """First of all: with its filters gone a netdev would let what comes in pass to the host."""
    made = Tunnels(netlink)
    for link in netlink.links().values():
        if not link.ours or link.kind != ERSPAN_KIND:
            continue
        try:
            made.apply(DeleteTunnel(link.ifindex, link.name, link.alias))
            yield f"netdev {link.name}"
        except KernelError as problem:
            failed.append(problem)


def _stays(link: Link) -> KernelError:
    return kernel_error(
        "remove guard",
        link.name,
        errno.EBUSY,
        f"delete the netdev (ip link del {link.name}), or set it down and try again",
        "what the far end of this tunnel sends would enter the host",
    )
