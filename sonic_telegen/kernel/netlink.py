"""tc over rtnetlink: look at links, qdiscs and filters; change only what is ours, by its full identity.

``tcencode.py`` writes the attributes of what is sent, ``transport.py`` carries it, ``tcdecode.py`` reads the answers.
Measured for 512 hooks on 256 netdevs (kernel 6.18, 2 shared CPUs): see ``docs/adr/0003-netlink-transport.md``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Mapping

from pyroute2.netlink.rtnl import (
    RTM_DELQDISC,
    RTM_DELTFILTER,
    RTM_GETLINK,
    RTM_GETQDISC,
    RTM_GETTFILTER,
    RTM_NEWQDISC,
    RTM_NEWTFILTER,
)

from sonic_telegen.errors import Conflict, Gone, KernelError
from sonic_telegen.kernel import tcdecode
from sonic_telegen.kernel.failure import ENOTSUPP, kernel_error, os_error
from sonic_telegen.kernel.tcdecode import CLSACT_PARENT, HOOKS, IFINFOMSG, QDISC_HANDLE, TCMSG, describe
from sonic_telegen.kernel.tcencode import bpf_attributes, kind_attribute
from sonic_telegen.kernel.transport import CREATE, ECHO, EXCLUSIVE, REPLACE, Transport
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import FilterName, Link, QdiscKind, TcFilter

_ETH_P_ALL = 0x0003
_ALL_LINKS = IFINFOMSG.pack(0, 0, 0, 0, 0) + struct.pack("=HHI", 8, 29, 1 << 3)  # IFLA_EXT_MASK: no statistics


class Netlink:
    """One long-lived socket; for one thread at a time. All errors are KernelErrors.

    ``namespace`` is a name under /run/netns (tests); the agent serves the namespace that it was started in.
    """

    def __init__(self, namespace: str = "") -> None:
        self._transport = Transport(route_socket(namespace))
        self._names: dict[int, str] = {}  # of the last look, for messages
        path = f"/run/netns/{namespace}" if namespace else "/proc/thread-self/ns/net"
        self.netns = os.stat(path).st_ino  # noqa: PTH116  Path.stat() is no shorter
        """Inode of the network namespace."""

    def close(self) -> None:
        """Close the socket; idempotent. What is in the kernel stays."""
        self._transport.close()

    @property
    def transport(self) -> Transport:
        """What other requests of the same thread are sent through."""
        return self._transport

    # -- looking

    def links(self) -> dict[int, Link]:
        """All netdevs by ifindex."""
        found = map(tcdecode.link, self._transport.dump(RTM_GETLINK, _ALL_LINKS, "list netdevs", "this namespace"))
        links = {link.ifindex: link for link in found}
        self._names = {ifindex: link.name for ifindex, link in links.items()}
        return links

    def qdiscs(self) -> dict[int, QdiscKind]:
        """The clsact or ingress qdisc of each netdev that has one."""
        dumped = self._transport.dump(RTM_GETQDISC, TCMSG.pack(0, 0, 0, 0, 0), "list qdiscs", "this namespace")
        return dict(pair for pair in map(tcdecode.qdisc, dumped) if pair)

    def filters(self, ifindex: int, kind: QdiscKind) -> tuple[TcFilter, ...]:
        """Everybody's filters of every chain on the hooks of one netdev; none when it is gone."""
        return tuple(
            found
            for direction, parent in HOOKS[kind].items()
            for body in self._dump_filters(ifindex, parent)
            if (found := tcdecode.tc_filter(body, ifindex, direction))
        )

    def dump_all(self, qdiscs: Mapping[int, QdiscKind]) -> tuple[TcFilter, ...]:
        """Everybody's filters on all hooks of the given qdiscs."""
        return tuple(found for ifindex, kind in qdiscs.items() for found in self.filters(ifindex, kind))

    # -- changing

    def add_qdisc(self, ifindex: int, kind: QdiscKind) -> None:
        """Create a qdisc where there is neither kind; ``Conflict`` names the one that is there."""
        body = TCMSG.pack(0, ifindex, QDISC_HANDLE, CLSACT_PARENT, 0) + kind_attribute(kind)
        operation, target = f"add {kind} qdisc", self._name(ifindex)
        try:
            self._transport.request(RTM_NEWQDISC, CREATE | EXCLUSIVE, body, operation, target)
        except Conflict as problem:
            holder = self.qdiscs().get(ifindex)
            raise Conflict(
                operation, target, problem.errno, problem.problem, holder=f"a qdisc of kind {holder}" if holder else ""
            ) from problem
        except Gone as problem:
            if problem.errno != errno.ENOENT:
                raise
            remedy = f"load the kernel module sch_{QdiscKind.INGRESS}"
            raise kernel_error(operation, target, ENOTSUPP, remedy, problem.problem) from problem

    def delete_qdisc(self, ifindex: int, kind: QdiscKind) -> None:
        """Delete a qdisc on which there is no filter of anybody; ``Conflict`` if there is; already gone is success."""
        operation, target = f"delete {kind} qdisc", self._name(ifindex)
        for parent in HOOKS[kind].values():
            if bodies := self._dump_filters(ifindex, parent):  # header rows count: a stranger is at work there
                found = filter(None, (tcdecode.tc_filter(body, ifindex, Direction.INGRESS) for body in bodies))
                holder = ", ".join(map(describe, found)) or "a filter"
                raise Conflict(operation, target, errno.EBUSY, f"still used by {holder}", holder=holder)
        body = TCMSG.pack(0, ifindex, QDISC_HANDLE, CLSACT_PARENT, 0) + kind_attribute(kind)
        try:
            self._transport.request(RTM_DELQDISC, 0, body, operation, target)
        except KernelError:
            if self.qdiscs().get(ifindex) is kind:
                raise

    def add_filter(
        self,
        ifindex: int,
        direction: Direction,
        qdisc: QdiscKind,
        priority: int,
        handle: int,
        prog_fd: int,
        name: FilterName | str,
        classid: int,
    ) -> None:
        """Add a filter on a hook, exclusively; ``Conflict`` names who holds priority and handle, or the whole hook."""
        operation, target = f"add filter {name}", f"{self._name(ifindex)} {direction}"
        parent = self._parent(ifindex, direction, qdisc, operation, target)
        place = TCMSG.pack(0, ifindex, handle, parent, _info(priority))
        body = place + bpf_attributes(prog_fd, str(name), classid)
        try:
            self._transport.request(RTM_NEWTFILTER, CREATE | EXCLUSIVE, body, operation, target)
        except KernelError as problem:
            if problem.errno not in (errno.EEXIST, errno.EINVAL, errno.ENOENT):
                raise
            raise self._why_not_added(problem, ifindex, direction, qdisc, priority) from problem

    def replace_filter(self, item: TcFilter, qdisc: QdiscKind, prog_fd: int, name: FilterName, classid: int) -> None:
        """Change program, name and classid in place: no packet is missed.

        ``Gone`` when there is no filter any more, ``Conflict`` when it is not ours any more; neither changes anything.
        """
        operation, target = f"replace filter {name}", f"{self._name(item.ifindex)} {item.direction}"
        if self._find_own(item, qdisc, operation, target) is None:
            raise kernel_error(operation, target, errno.ENOENT, problem=f"{describe(item)} is gone")
        parent = HOOKS[qdisc][item.direction]
        place = TCMSG.pack(0, item.ifindex, item.handle, parent, _info(item.priority))
        body = place + bpf_attributes(prog_fd, str(name), classid)
        self._transport.request(RTM_NEWTFILTER, REPLACE, body, operation, target)  # no CREATE: never adds one

    def delete_filter(self, item: TcFilter, qdisc: QdiscKind) -> None:
        """Delete one filter of ours; already gone is success, ``Conflict`` when it is not ours any more."""
        operation, target = f"delete filter {item.name}", f"{self._name(item.ifindex)} {item.direction}"
        if self._find_own(item, qdisc, operation, target) is None:
            return
        parent = HOOKS[qdisc][item.direction]
        body = TCMSG.pack(0, item.ifindex, item.handle, parent, _info(item.priority)) + kind_attribute("bpf")
        try:
            self._transport.request(RTM_DELTFILTER, 0, body, operation, target)
        except KernelError:
            if self._find_own(item, qdisc, operation, target) is not None:
                raise

    # -- helpers

    def _name(self, ifindex: int) -> str:
        return self._names.get(ifindex, f"ifindex {ifindex}")

    def _dump_filters(self, ifindex: int, parent: int) -> list[bytes]:
        return self._transport.dump(
            RTM_GETTFILTER, TCMSG.pack(0, ifindex, 0, parent, 0), "list filters", self._name(ifindex)
        )

    def _parent(self, ifindex: int, direction: Direction, qdisc: QdiscKind, operation: str, target: str) -> int:
        """Where the hook is; ``Conflict`` when the qdisc that is there now has no such hook."""
        if direction is Direction.EGRESS:
            qdisc = self._qdisc_now(ifindex, operation, target) or qdisc
        parent = HOOKS[qdisc].get(direction)
        if parent is None:
            problem = "an ingress qdisc has no egress hook, and it excludes clsact"
            raise Conflict(operation, target, errno.EEXIST, problem, holder="a qdisc of kind ingress")
        return parent

    def _qdisc_now(self, ifindex: int, operation: str, target: str) -> QdiscKind | None:
        """The qdisc of one netdev. Every listener of tc hears the answer, so this is only for when a change follows."""
        body = TCMSG.pack(0, ifindex, QDISC_HANDLE, CLSACT_PARENT, 0)
        try:
            answers = self._transport.request(RTM_GETQDISC, ECHO, body, operation, target)
        except KernelError as problem:
            if problem.errno in (errno.ENOENT, errno.ENODEV, errno.EINVAL):  # EINVAL: there was one once
                return None
            raise
        return next((pair[1] for pair in map(tcdecode.qdisc, answers) if pair), None)

    def _find_own(self, item: TcFilter, qdisc: QdiscKind, operation: str, target: str) -> TcFilter | None:
        """What is at the filter's place now if it is ours; None for an empty place, ``Conflict`` for a stranger."""
        parent = HOOKS[qdisc].get(item.direction)
        bodies = self._dump_filters(item.ifindex, parent) if parent is not None else []
        for body in bodies:
            found = tcdecode.tc_filter(body, item.ifindex, item.direction)
            if found is None or (found.priority, found.handle) != (item.priority, item.handle):
                continue
            if not _same_owner(found, item):
                raise Conflict(operation, target, errno.EEXIST, holder=describe(found))
            return found
        return None

    def _why_not_added(
        self, problem: KernelError, ifindex: int, direction: Direction, qdisc: QdiscKind, priority: int
    ) -> KernelError:
        """EINVAL also means that the priority has another kind or protocol, or that the qdisc is gone."""
        said = (problem.operation, problem.target, problem.errno)
        holders = [f for f in self.filters(ifindex, qdisc) if f.direction is direction and f.priority == priority]
        if holders:
            return Conflict(*said, problem.problem, holder=", ".join(map(describe, holders)))
        if ifindex not in self.qdiscs():
            return Gone(*said, "the netdev or its qdisc is gone")
        if problem.errno == errno.ENOENT:
            return kernel_error(*said[:2], ENOTSUPP, "load the kernel module cls_bpf", problem.problem)
        return problem


def _same_owner(found: TcFilter, item: TcFilter) -> bool:
    if item.guest:
        return found.name == item.name
    return found.own is not None and item.own is not None and found.own.job == item.own.job


def _info(priority: int) -> int:
    return priority << 16 | socket.htons(_ETH_P_ALL)


def route_socket(namespace: str = "", groups: int = 0) -> socket.socket:
    """A bound NETLINK_ROUTE socket of a namespace (of the caller's, when none is named), subscribed to ``groups``."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        made.bind((0, groups))
        return made

    found: list[socket.socket] = []
    failed: list[OSError] = []

    def elsewhere() -> None:
        from pyroute2.netns import setns  # here: only tests name a namespace, and it brings multiprocessing

        try:
            setns(f"/run/netns/{namespace}", flags=0, fork=False)
            found.append(make())
        except OSError as problem:
            failed.append(problem)

    try:
        if not namespace:
            return make()
        thread = threading.Thread(target=elsewhere, name="netns")  # it takes the namespace to the grave
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]
    except OSError as problem:
        raise os_error("open a netlink socket", namespace or "this namespace", problem) from problem
