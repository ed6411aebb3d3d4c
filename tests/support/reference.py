"""What the classifier must count, worked out in plain Python from the protocol documents.

IEEE 802.3 and 802.1Q (tags), RFC 791 (IPv4), RFC 8200 and RFC 4302 (IPv6 and its extension headers), RFC 9293, 768 and
9260 (TCP, UDP, SCTP). An aggregate is cut into its packets one by one, as a netdev that segments would.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

CLASSES = ("ipv4", "ipv6", "icmp6", "other")
BOUNDS = (64, 127, 255, 511, 1023, 1518, 2047, 4095, 9216)
TAG_TYPES = (0x8100, 0x88A8, 0x9100, 0x9200)
MOST_TAGS = 3
MOST_EXTENSIONS = 8

_IPV4, _IPV6 = 0x0800, 0x86DD
_OPTIONS_LIKE, _FRAGMENT, _AUTHENTICATION, _ICMPV6 = {0, 43, 60}, 44, 51, 58
_TCP, _UDP, _SCTP = 6, 17, 132


@dataclass(frozen=True)
class Count:
    """Packets, bytes on the wire without FCS, and packets by size."""

    packets: int
    bytes: int
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Headers:
    """A frame's class and how many of its first bytes are headers."""

    name: str
    length: int


def count(sizes: Iterable[int]) -> Count:
    """The counters after packets of these sizes."""
    listed = list(sizes)
    histogram = [0] * (len(BOUNDS) + 1)
    for size in listed:
        histogram[bisect_left(BOUNDS, size)] += 1
    return Count(len(listed), sum(listed), tuple(histogram))


def expected(frame: bytes, vlan: bool = False, gso_size: int = 0, gso_segs: int = 0) -> dict[str, Count]:
    """What counts for ``frame`` (from the MAC header on; ``vlan``: the kernel keeps one more tag beside it)."""
    headers = dissect(frame, vlan)
    if gso_size == 0:
        return {headers.name: count([len(frame) + 4 * vlan])}
    payload = len(frame) - headers.length
    pieces = [min(gso_size, payload - at) for at in range(0, payload, gso_size)]
    packets = gso_segs or len(pieces) or 1
    every = headers.length + 4 * vlan
    if len(pieces) == packets:
        return {headers.name: count(every + piece for piece in pieces)}
    mean = count([every + payload // packets] * packets)
    return {headers.name: Count(packets, payload + packets * every, mean.histogram)}


def dissect(frame: bytes, vlan: bool = False) -> Headers:
    """Walk the headers of a frame; one that is not there as a whole ends the walk."""
    ethertype, at = _ethernet(frame, 1 if vlan else 0)
    if ethertype == _IPV4:
        return Headers("ipv4", at + _ipv4(frame[at:]))
    if ethertype == _IPV6:
        icmp, length = _ipv6(frame[at:])
        return Headers("icmp6" if icmp else "ipv6", at + length)
    return Headers("other", at)


def _ethernet(frame: bytes, tags: int) -> tuple[int | None, int]:
    """The type of what the tags wrap (None: not to be found) and the bytes up to there."""
    if len(frame) < 12:
        return None, 0
    at = 12
    while len(frame) >= at + 2:
        ethertype = int.from_bytes(frame[at : at + 2], "big")
        if ethertype not in TAG_TYPES:
            return ethertype, at + 2
        tags += 1
        if tags > MOST_TAGS or len(frame) < at + 4:
            break
        at += 4
    return None, at


def _ipv4(packet: bytes) -> int:
    """Length of an IPv4 header with its options and of the transport header behind it."""
    if len(packet) < 20:
        return 0
    length = (packet[0] & 0x0F) * 4
    if not 20 <= length <= len(packet):
        return 0
    first_fragment = int.from_bytes(packet[6:8], "big") & 0x1FFF == 0
    return length + (_transport(packet[9], packet[length:]) if first_fragment else 0)


def _ipv6(packet: bytes) -> tuple[bool, int]:
    """Whether ICMPv6 is inside, and the length of all headers."""
    if len(packet) < 40:
        return False, 0
    kind, at = packet[6], 40
    for _ in range(MOST_EXTENSIONS):
        header = packet[at:]
        if kind == _FRAGMENT:
            length = 8
        elif kind in _OPTIONS_LIKE and len(header) >= 8:
            length = 8 + 8 * header[1]
        elif kind == _AUTHENTICATION and len(header) >= 8:
            length = 4 * (header[1] + 2)
        else:
            break
        if len(header) < length:
            return False, at
        later_fragment = kind == _FRAGMENT and int.from_bytes(header[2:4], "big") >> 3 > 0
        kind, at = header[0], at + length
        if later_fragment:
            return kind == _ICMPV6, at
    return kind == _ICMPV6, at + _transport(kind, packet[at:])


def _transport(protocol: int, segment: bytes) -> int:
    """Length of a transport header that is repeated in every packet of an aggregate."""
    length = {_UDP: 8, _SCTP: 12}.get(protocol, 0)
    if protocol == _TCP and len(segment) >= 20 and segment[12] >> 4 >= 5:
        length = (segment[12] >> 4) * 4
    return length if length <= len(segment) else 0
