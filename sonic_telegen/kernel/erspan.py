"""Netdevs of kind ``erspan`` over rtnetlink: made, named, set up, deleted. Only what bears our alias is touched.

A netdev is made under a first name that says whose it is and gets alias and name in one step, so one that a killed
agent left unfinished is known. Don't-fragment is never set on the outer header, nor taken over from the mirrored
packet: else the kernel would answer a frame that does not fit with an ICMP error to *its sender*.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Any

from pyroute2.netlink import nla, nlmsg
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK

from sonic_telegen.errors import Conflict, Gone, KernelError, NotSupported
from sonic_telegen.kernel import libbpf, tcdecode
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.tcdecode import IFINFOMSG
from sonic_telegen.kernel.transport import CREATE, EXCLUSIVE
from sonic_telegen.model.action import (
    CreateTunnel,
    DeleteTunnel,
    RaiseTunnel,
    RenameTunnel,
    SetTunnelMtu,
    TunnelAction,
)
from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.kernel import DROP, ERSPAN_KIND, FilterName, Link

_HEADER = 16  # struct nlmsghdr
_UP = 1  # IFF_UP
_SEQUENCE, _KEY = 0x1000, 0x2000  # GRE_SEQ, GRE_KEY
_NO_ADDRESSES = 1  # IN6_ADDR_GEN_MODE_NONE
_IPV6_BEGINS = 1280  # IPV6_MIN_MTU: on a netdev with less there is none
_INGRESS = 0  # direction of type III
_DROP = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)  # r0 = TC_ACT_SHOT; exit


class _Data(nla):  # type: ignore[misc]  # pyroute2 is untyped
    nla_map = (
        ("IFLA_GRE_UNSPEC", "none"),
        ("IFLA_GRE_LINK", "uint32"),
        ("IFLA_GRE_IFLAGS", "be16"),
        ("IFLA_GRE_OFLAGS", "be16"),
        ("IFLA_GRE_IKEY", "be32"),
        ("IFLA_GRE_OKEY", "be32"),
        ("IFLA_GRE_LOCAL", "ip4addr"),
        ("IFLA_GRE_REMOTE", "ip4addr"),
        ("IFLA_GRE_TTL", "uint8"),
        ("IFLA_GRE_TOS", "uint8"),
        ("IFLA_GRE_PMTUDISC", "uint8"),
        ("IFLA_GRE_ENCAP_LIMIT", "uint8"),
        ("IFLA_GRE_FLOWINFO", "be32"),
        ("IFLA_GRE_FLAGS", "uint32"),
        ("IFLA_GRE_ENCAP_TYPE", "uint16"),
        ("IFLA_GRE_ENCAP_FLAGS", "uint16"),
        ("IFLA_GRE_ENCAP_SPORT", "be16"),
        ("IFLA_GRE_ENCAP_DPORT", "be16"),
        ("IFLA_GRE_COLLECT_METADATA", "flag"),
        ("IFLA_GRE_IGNORE_DF", "uint8"),
        ("IFLA_GRE_FWMARK", "uint32"),
        ("IFLA_GRE_ERSPAN_INDEX", "uint32"),
        ("IFLA_GRE_ERSPAN_VER", "uint8"),
        ("IFLA_GRE_ERSPAN_DIR", "uint8"),
        ("IFLA_GRE_ERSPAN_HWID", "uint16"),
    )


class _Info(nla):  # type: ignore[misc]
    nla_map = (("IFLA_INFO_UNSPEC", "none"), ("IFLA_INFO_KIND", "asciiz"), ("IFLA_INFO_DATA", "gre_data"))
    gre_data = _Data


class _Inet6(nla):  # type: ignore[misc]
    nla_map = ((0, "IFLA_INET6_UNSPEC", "none"), (8, "IFLA_INET6_ADDR_GEN_MODE", "uint8"))


class _Families(nla):  # type: ignore[misc]
    nla_map = ((10, "AF_INET6", "inet6"),)
    inet6 = _Inet6


class _Link(nlmsg):  # type: ignore[misc]
    nla_map = (
        (3, "IFLA_IFNAME", "asciiz"),
        (4, "IFLA_MTU", "uint32"),
        (18, "IFLA_LINKINFO", "link_info"),
        (20, "IFLA_IFALIAS", "asciiz"),
        (26, "IFLA_AF_SPEC", "families"),
    )
    link_info, families = _Info, _Families


def _message(ifindex: int, flags: int, attrs: list[tuple[str, Any]], change: int = 0) -> bytes:
    message = _Link()
    message["attrs"] = attrs
    message.encode()
    return IFINFOMSG.pack(0, 0, ifindex, flags, flags | change) + bytes(message.data)[_HEADER:]


def creation(spec: ErspanSpec) -> bytes:
    """Body of the RTM_NEWLINK that makes the netdev under its first name, down."""
    data: list[tuple[str, Any]] = []
    outer = spec.outer
    if spec.ver:  # type I has neither session nor sequence; what comes in may lack the sequence or begin it anew
        data += [("IFLA_GRE_IFLAGS", _KEY), ("IFLA_GRE_OFLAGS", _SEQUENCE | _KEY)]
        data += [("IFLA_GRE_IKEY", outer.key), ("IFLA_GRE_OKEY", outer.key)]
    data += [
        ("IFLA_GRE_LOCAL", spec.local),
        ("IFLA_GRE_REMOTE", spec.remote),
        ("IFLA_GRE_TTL", outer.ttl),
        ("IFLA_GRE_TOS", outer.tos),
        ("IFLA_GRE_PMTUDISC", int(outer.pmtudisc)),
        ("IFLA_GRE_IGNORE_DF", int(outer.ignore_df)),
        ("IFLA_GRE_ERSPAN_VER", outer.ver),
    ]
    if spec.ver == 1:
        data.append(("IFLA_GRE_ERSPAN_INDEX", 0))
    elif spec.ver == 2:
        data += [("IFLA_GRE_ERSPAN_DIR", _INGRESS), ("IFLA_GRE_ERSPAN_HWID", 0)]
    info = {"attrs": [("IFLA_INFO_KIND", ERSPAN_KIND), ("IFLA_INFO_DATA", {"attrs": data})]}
    mtu = [("IFLA_MTU", spec.mtu)] if spec.mtu else []
    return _message(0, 0, [("IFLA_IFNAME", spec.first_name), *mtu, ("IFLA_LINKINFO", info)])


def naming(ifindex: int, alias: str, name: str, ipv6: bool) -> bytes:
    """Body of the RTM_SETLINK that makes a netdev ours: alias, name (empty: as it is), no IPv6 addresses."""
    attrs: list[tuple[str, Any]] = [("IFLA_IFALIAS", alias)]
    if name:
        attrs.append(("IFLA_IFNAME", name))
    if ipv6:
        families = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _NO_ADDRESSES)]})]}
        attrs.append(("IFLA_AF_SPEC", families))
    return _message(ifindex, 0, attrs)


class Tunnels:
    """The netdevs of tunnels, and the program that keeps what comes in on them from the host; for one thread."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink, self._transport = netlink, netlink.transport
        self._drop: tuple[int, FilterName] | None = None

    def close(self) -> None:
        """Close the program; netdevs and filters stay."""
        if self._drop is not None:
            os.close(self._drop[0])
            self._drop = None

    def drop(self) -> tuple[int, FilterName]:
        """Descriptor and filter name of the program that lets nothing pass."""
        if self._drop is None:
            fd, _ = libbpf.prog_load(_DROP, "telegen_drop")
            self._drop = (fd, FilterName(libbpf.prog_info(fd).tag, DROP))
        return self._drop

    def apply(self, action: TunnelAction) -> None:
        """Do one thing; raises KernelError."""
        match action:
            case CreateTunnel(spec, netdev):
                self._create(spec, netdev)
            case RenameTunnel(spec, ifindex, netdev):
                operation = f"name ERSPAN netdev of {spec}"
                self._need_ours(ifindex, spec.alias, operation, netdev)
                self._make_ours(ifindex, spec, netdev, operation)
            case RaiseTunnel(spec, ifindex, netdev):
                self._need_ours(ifindex, spec.alias, "set up", netdev)
                self._transport.request(RTM_SETLINK, 0, _message(ifindex, _UP, []), "set up", netdev)
            case SetTunnelMtu(spec, ifindex, netdev, mtu):
                self._set_mtu(spec, ifindex, netdev, mtu)
            case DeleteTunnel(ifindex, netdev, alias):
                self._delete(ifindex, netdev, alias)

    def _create(self, spec: ErspanSpec, netdev: str) -> None:
        operation = f"create ERSPAN netdev to {spec.remote}"
        try:
            self._transport.request(RTM_NEWLINK, CREATE | EXCLUSIVE, creation(spec), operation, netdev)
        except NotSupported as problem:
            remedy = "load the kernel module ip_gre, if this kernel has it"
            raise kernel_error(operation, netdev, problem.errno, remedy, problem.problem) from problem
        except Conflict as problem:
            raise self._same_ends(problem, spec, operation, netdev) from problem
        found = self._by_name(spec.first_name, operation, netdev)
        try:
            self._make_ours(found.ifindex, spec, netdev, operation)
        except Conflict:  # the kernel's own netdev came with the module: the next look finds another name
            self._make_ours(found.ifindex, spec, "", operation)

    def _make_ours(self, ifindex: int, spec: ErspanSpec, name: str, operation: str) -> None:
        target = name or spec.first_name
        try:
            self._transport.request(RTM_SETLINK, 0, naming(ifindex, spec.alias, name, True), operation, target)
        except KernelError as problem:
            if problem.errno != errno.EAFNOSUPPORT:  # no IPv6 here, or none on a netdev with so small an MTU
                raise
            self._transport.request(RTM_SETLINK, 0, naming(ifindex, spec.alias, name, False), operation, target)

    def _set_mtu(self, spec: ErspanSpec, ifindex: int, netdev: str, mtu: int) -> None:
        """IPv6 begins with addresses of its own on a netdev that is up: there it is down meanwhile and afterwards."""
        operation = f"set MTU {mtu}"
        before = self._need_ours(ifindex, spec.alias, operation, netdev)
        begins = before.mtu < _IPV6_BEGINS <= mtu
        if begins:
            self._transport.request(RTM_SETLINK, 0, _message(ifindex, 0, [], _UP), operation, netdev)
        try:
            message = _message(ifindex, 0, [("IFLA_MTU", mtu)])
            self._transport.request(RTM_SETLINK, 0, message, operation, netdev)
        except KernelError:
            if begins and before.up:
                self._transport.request(RTM_SETLINK, 0, _message(ifindex, _UP, []), operation, netdev)
            raise
        if begins:
            self._make_ours(ifindex, spec, "", operation)

    def _delete(self, ifindex: int, netdev: str, alias: str) -> None:
        operation = "delete ERSPAN netdev"
        try:
            self._need_ours(ifindex, alias, operation, netdev)
            self._transport.request(RTM_DELLINK, 0, _message(ifindex, 0, []), operation, netdev)
        except Gone:
            return

    def _need_ours(self, ifindex: int, alias: str, operation: str, netdev: str) -> Link:
        """``Conflict`` unless that netdev is still the one of ours that it was, ``Gone`` when there is none."""
        (body, *_) = self._transport.request(RTM_GETLINK, 0, _message(ifindex, 0, []), operation, netdev)
        found = tcdecode.link(body)
        if not found.ours or found.alias != alias:
            raise kernel_error(operation, netdev, errno.EEXIST, problem=f"{found.name} is not ours any more")
        return found

    def _by_name(self, name: str, operation: str, netdev: str) -> Link:
        body = _message(0, 0, [("IFLA_IFNAME", name)])
        return tcdecode.link(self._transport.request(RTM_GETLINK, 0, body, operation, netdev)[0])

    def _same_ends(self, problem: Conflict, spec: ErspanSpec, operation: str, netdev: str) -> Conflict:
        """The kernel has one GRE netdev for each pair of ends and key."""
        ends = (spec.remote, spec.local)
        holders = [link.name for link in self._netlink.links().values() if (link.remote, link.local) == ends]
        holder = f"netdev {', '.join(holders)}" if holders else ""
        remedy = "set another erspan_key, or the same erspan_* fields for all jobs of that tunnel"
        said = f"{spec} is taken" + (f" by {holder}" if holder else "")
        return Conflict(operation, netdev, problem.errno, said, remedy, holder)
