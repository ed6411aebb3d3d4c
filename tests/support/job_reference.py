"""Which frames a job asks about and whose they are, worked out in plain Python from the rules in bpf/match.h."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from sonic_telegen.kernel.jobabi import FlowKey
from sonic_telegen.model.match import Match
from tests.support.reference import MOST_EXTENSIONS, MOST_TAGS, TAG_TYPES

_IPV4, _IPV6, _FRAGMENT, _AUTHENTICATION, _TCP = 0x0800, 0x86DD, 44, 51, 6
_EXTENSIONS = {0, 43, 44, 51, 60}
_WITH_PORTS = {6, 17, 33, 132, 136}


@dataclass(slots=True)
class Facts:
    """What a frame holds as a whole; None is what it does not hold."""

    vlans: list[int] = field(default_factory=list)
    family: int = 0
    source: IPv4Address | IPv6Address | None = None
    destination: IPv4Address | IPv6Address | None = None
    dscp: int | None = None
    protocol: int | None = None
    ports: tuple[int, int] | None = None
    tcp_flags: int = 0

    def key(self) -> FlowKey:
        """The flow that the frame belongs to."""
        vlan = self.vlans[0] if self.vlans else 0
        about = (self.protocol or 0, self.dscp or 0, vlan, self.family)
        nowhere = {0: None, 4: IPv4Address(0), 6: IPv6Address(0)}[self.family]
        source, destination = self.source or nowhere, self.destination or nowhere
        return FlowKey(source, destination, *(self.ports or (0, 0)), *about)

    def fits(self, match: Match) -> bool:
        """Whether a job with this match asks about the frame; its ``filter`` is not looked at."""
        return all(
            [
                not match.ip_proto or self.protocol in match.ip_proto,
                match.src_cidr is None or (self.source is not None and self.source in match.src_cidr),
                match.dst_cidr is None or (self.destination is not None and self.destination in match.dst_cidr),
                not match.l4_sport or _within(self.ports, 0, match.l4_sport),
                not match.l4_dport or _within(self.ports, 1, match.l4_dport),
                not match.dscp or self.dscp in match.dscp,
                not match.vlan or match.vlan in self.vlans,
            ]
        )


def _within(ports: tuple[int, int] | None, which: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return ports is not None and any(low <= ports[which] <= high for low, high in ranges)


def facts(frame: bytes, beside: int | None = None) -> Facts:
    """Look at a frame; ``beside`` is the VLAN id of a tag that the kernel keeps beside it."""
    found = Facts([] if beside is None else [beside])
    ethertype, at = _tags(frame, found.vlans)
    if ethertype == _IPV4:
        _ipv4(frame[at:], found)
    elif ethertype == _IPV6:
        _ipv6(frame[at:], found)
    return found


def _tags(frame: bytes, vlans: list[int]) -> tuple[int | None, int]:
    at = 12
    while len(frame) >= at + 2:
        ethertype = int.from_bytes(frame[at : at + 2], "big")
        if ethertype not in TAG_TYPES:
            return ethertype, at + 2
        if len(vlans) == MOST_TAGS or len(frame) < at + 4:
            break
        vlans.append(int.from_bytes(frame[at + 2 : at + 4], "big") & 0xFFF)
        at += 4
    return None, at


def _ipv4(packet: bytes, found: Facts) -> None:
    found.family = 4
    if len(packet) < 20:
        return
    found.source, found.destination = ip_address(packet[12:16]), ip_address(packet[16:20])
    found.dscp, found.protocol = packet[1] >> 2, packet[9]
    size, later = (packet[0] & 0xF) * 4, int.from_bytes(packet[6:8], "big") & 0x1FFF
    if size >= 20 and not later:
        _transport(packet[size:], packet[9], found)


def _ipv6(packet: bytes, found: Facts) -> None:
    found.family = 6
    if len(packet) < 40:
        return
    found.source, found.destination = ip_address(packet[8:24]), ip_address(packet[24:40])
    found.dscp = int.from_bytes(packet[:2], "big") >> 6 & 0x3F
    kind, rest, later = packet[6], packet[40:], False
    for _ in range(MOST_EXTENSIONS):
        if kind not in _EXTENSIONS or later:
            break
        if len(rest) < 8:
            return
        size = {_FRAGMENT: 8, _AUTHENTICATION: 4 * (rest[1] + 2)}.get(kind, 8 * (rest[1] + 1))
        if len(rest) < size:
            return
        later = kind == _FRAGMENT and int.from_bytes(rest[2:4], "big") >> 3 > 0
        kind, rest = rest[0], rest[size:]
    found.protocol = kind
    if not later:
        _transport(rest, kind, found)


def _transport(segment: bytes, protocol: int, found: Facts) -> None:
    if protocol not in _WITH_PORTS or len(segment) < 4:
        return
    found.ports = int.from_bytes(segment[:2], "big"), int.from_bytes(segment[2:4], "big")
    if protocol == _TCP and len(segment) > 13:
        found.tcp_flags = segment[13]
