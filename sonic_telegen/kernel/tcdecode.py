"""Bodies of RTM_NEWLINK, RTM_NEWQDISC and RTM_NEWTFILTER as our nouns: only what the look needs, read by offset.

pyroute2 decodes everything in a message and takes 350 us for a filter; this takes 5 (measured, docs/adr/0003).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

from sonic_telegen.kernel.transport import attributes
from sonic_telegen.model.erspan import Outer
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import GRE_KINDS, Link, QdiscKind, TcFilter

TCMSG = struct.Struct("=BxxxiIII")  # struct tcmsg: family, ifindex, handle, parent, info
IFINFOMSG = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_U32 = struct.Struct("=I")

CLSACT_PARENT = 0xFFFFFFF1  # TC_H_CLSACT and TC_H_INGRESS: where both qdiscs hang
QDISC_HANDLE = 0xFFFF0000  # ffff: of both
_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3  # ffff:fff2 and ffff:fff3
HOOKS: dict[QdiscKind, dict[Direction, int]] = {
    QdiscKind.CLSACT: {Direction.INGRESS: _INGRESS, Direction.EGRESS: _EGRESS},
    # An ingress qdisc takes ffff:fff3 too and puts the filter on the INGRESS path (measured): never name it there.
    QdiscKind.INGRESS: {Direction.INGRESS: QDISC_HANDLE},
}
_IFF_UP = 1
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_MAX_MTU = 3, 4, 18, 20, 51
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_GRE_OKEY, _GRE_LOCAL, _GRE_REMOTE, _GRE_TTL, _GRE_TOS, _GRE_PMTUDISC = 5, 6, 7, 8, 9, 10
_GRE_IGNORE_DF, _GRE_ERSPAN_VER = 19, 22
_TCA_KIND, _TCA_OPTIONS, _TCA_CHAIN = 1, 2, 11
_BPF_CLASSID, _BPF_NAME, _BPF_ID = 3, 7, 11


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")


def _number(raw: bytes) -> int:
    return int(_U32.unpack_from(raw)[0]) if len(raw) >= _U32.size else 0


def _address(raw: bytes) -> str:
    return socket.inet_ntoa(raw) if len(raw) == 4 and any(raw) else ""


def _outer(found: Mapping[int, bytes]) -> Outer | None:
    if not found.get(_GRE_ERSPAN_VER):
        return None
    key = int.from_bytes(found.get(_GRE_OKEY, b""))
    ttl, tos, pmtudisc, ignore_df = (
        int.from_bytes(found.get(name, b"")) for name in (_GRE_TTL, _GRE_TOS, _GRE_PMTUDISC, _GRE_IGNORE_DF)
    )
    return Outer(key, found[_GRE_ERSPAN_VER][0], ttl, tos, bool(pmtudisc), bool(ignore_df))


def link(body: bytes) -> Link:
    """A netdev."""
    _, _, ifindex, flags, _ = IFINFOMSG.unpack_from(body)
    found = attributes(body, IFINFOMSG.size)
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    kind = _text(info.get(_IFLA_INFO_KIND, b""))
    ends = attributes(info.get(_IFLA_INFO_DATA, b"")) if kind in GRE_KINDS else {}
    return Link(
        ifindex=ifindex,
        name=_text(found.get(_IFLA_IFNAME, b"")),
        kind=kind,
        up=bool(flags & _IFF_UP),
        alias=_text(found.get(_IFLA_IFALIAS, b"")),
        remote=_address(ends.get(_GRE_REMOTE, b"")),
        local=_address(ends.get(_GRE_LOCAL, b"")),
        mtu=_number(found.get(_IFLA_MTU, b"")),
        max_mtu=_number(found.get(_IFLA_MAX_MTU, b"")),
        outer=_outer(ends),
    )


def qdisc(body: bytes) -> tuple[int, QdiscKind] | None:
    """ifindex and kind of a clsact or ingress qdisc; None for any other, which takes no part here."""
    _, ifindex, _, parent, _ = TCMSG.unpack_from(body)
    if parent != CLSACT_PARENT:
        return None
    kind = _text(attributes(body, TCMSG.size).get(_TCA_KIND, b""))
    return (ifindex, QdiscKind(kind)) if kind in (QdiscKind.CLSACT, QdiscKind.INGRESS) else None


def tc_filter(body: bytes, ifindex: int, direction: Direction) -> TcFilter | None:
    """A filter of any kind; None for the header row (handle 0) that each priority has beside its filters.

    ``ifindex`` and ``direction`` are the hook that was asked for: on a shared block the message names none. A filter in
    a chain other than 0 gets no name, so it cannot be taken for ours: nothing reaches it but a stranger's goto.
    """
    _, _, handle, _, info = TCMSG.unpack_from(body)
    if handle == 0:
        return None
    found = attributes(body, TCMSG.size)
    kind, priority = _text(found.get(_TCA_KIND, b"")), info >> 16
    if kind != "bpf" or _number(found.get(_TCA_CHAIN, b"")):
        return TcFilter(ifindex, direction, priority, handle, kind)
    inner = attributes(found.get(_TCA_OPTIONS, b""))
    name, prog_id, classid = inner.get(_BPF_NAME, b""), inner.get(_BPF_ID, b""), inner.get(_BPF_CLASSID, b"")
    return TcFilter(ifindex, direction, priority, handle, kind, _text(name), _number(prog_id), _number(classid))


def describe(item: TcFilter) -> str:
    """A filter in the words of ``tc``."""
    name = f" {item.name}" if item.name else ""
    return f"{item.kind}{name} at priority {item.priority} handle {item.handle:#x}"
