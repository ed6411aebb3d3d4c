"""Raw frames, built layer by layer from the inside out. Checksums are zero: nothing here looks at them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

IPV4, IPV6, ARP, LLDP = 0x0800, 0x86DD, 0x0806, 0x88CC
DOT1Q, DOT1AD, TPID_9100, TPID_9200 = 0x8100, 0x88A8, 0x9100, 0x9200
HOP_BY_HOP, ICMP, TCP, UDP, ROUTING, FRAGMENT, ESP, AUTHENTICATION = 0, 1, 6, 17, 43, 44, 50, 51
ICMPV6, NO_NEXT, DESTINATION, SCTP, MOBILITY = 58, 59, 60, 132, 135

BROADCAST, SOURCE = b"\xff" * 6, bytes.fromhex("020000000001")
V4_ADDRESSES = bytes([192, 0, 2, 1, 192, 0, 2, 2])
V6_SOURCE, V6_ALL_NODES = bytes.fromhex("fe80" + "00" * 13 + "01"), bytes.fromhex("ff02" + "00" * 13 + "01")

Tag = tuple[int, int]  # TPID, VLAN id
Ports = tuple[int, int]  # source and destination
Extension = tuple[int, bytes]  # its own protocol number; its bytes, the first of which (Next Header) is filled in


def ether(ethertype: int, payload: bytes, tags: Sequence[Tag] = ()) -> bytes:
    """An Ethernet II frame; ``tags`` from the outermost to the innermost."""
    inline = b"".join(struct.pack("!HH", tpid, vlan) for tpid, vlan in tags)
    return BROADCAST + SOURCE + inline + struct.pack("!H", ethertype) + payload


def llc(payload: bytes, header: bytes = b"\x42\x42\x03") -> bytes:
    """An IEEE 802.3 frame with a length in place of the type; the header's default is a spanning tree BPDU's."""
    return BROADCAST + SOURCE + struct.pack("!H", len(header) + len(payload)) + header + payload


def snap(ethertype: int, payload: bytes) -> bytes:
    """RFC 1042 encapsulation: the type is behind LLC and SNAP."""
    return llc(payload, b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", ethertype))


def arp() -> bytes:
    """Who has 192.0.2.2, tell 192.0.2.1: 42 bytes."""
    return ether(ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + SOURCE + bytes([192, 0, 2, 1, *bytes(6), 192, 0, 2, 2]))


def lldp() -> bytes:
    """The three mandatory TLVs and the end."""
    tlvs = [(1, b"\x04" + SOURCE), (2, b"\x05Ethernet0"), (3, struct.pack("!H", 120)), (0, b"")]
    return ether(LLDP, b"".join(struct.pack("!H", kind << 9 | len(value)) + value for kind, value in tlvs))


def ipv4(
    protocol: int,
    payload: bytes,
    options: bytes = b"",
    fragment: int = 0,
    tos: int = 0,
    addresses: bytes = V4_ADDRESSES,
) -> bytes:
    """An IPv4 packet; ``options`` a multiple of 4 bytes, ``fragment`` the flags and offset (in units of 8 bytes)."""
    first = 0x45 + len(options) // 4
    total = 20 + len(options) + len(payload)
    return struct.pack("!BBHHHBBH", first, tos, total, 1, fragment, 64, protocol, 0) + addresses + options + payload


def ipv6(
    protocol: int,
    payload: bytes,
    extensions: Sequence[Extension] = (),
    traffic_class: int = 0,
    addresses: bytes = V6_SOURCE + V6_ALL_NODES,
) -> bytes:
    """An IPv6 packet with a chain of extension headers in front of ``payload``, whose protocol number is given."""
    body, following = payload, protocol
    for number, header in reversed(extensions):
        body, following = bytes([following]) + header[1:] + body, number
    return struct.pack("!IHBB", 6 << 28 | traffic_class << 20, len(body), following, 255) + addresses + body


def options(number: int = HOP_BY_HOP, units: int = 0) -> Extension:
    """An extension header of 8 bytes and ``units`` times 8 more, filled with Pad1 options."""
    return number, bytes([0, units]) + bytes(6 + 8 * units)


def fragment(offset: int = 0, more: bool = False) -> Extension:
    """A fragment header; ``offset`` in units of 8 bytes."""
    return FRAGMENT, struct.pack("!BBHI", 0, 0, offset << 3 | more, 1)


def authentication(units: int = 4) -> Extension:
    """An authentication header of ``(units + 2) * 4`` bytes: the one whose length counts words."""
    return AUTHENTICATION, bytes([0, units]) + bytes((units + 2) * 4 - 2)


def tcp(payload: bytes = b"", options: bytes = b"", ports: Ports = (1, 2), flags: int = 0x10) -> bytes:
    """A TCP segment; ``options`` a multiple of 4 bytes."""
    size = (5 + len(options) // 4) << 4
    return struct.pack("!HHIIBBHHH", *ports, 0, 0, size, flags, 1, 0, 0) + options + payload


def udp(payload: bytes = b"", ports: Ports = (1, 2)) -> bytes:
    """A UDP datagram."""
    return struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def sctp(payload: bytes = b"", ports: Ports = (1, 2)) -> bytes:
    """An SCTP packet: the common header and chunks."""
    return struct.pack("!HHII", *ports, 3, 0) + payload


def icmp(payload: bytes = b"") -> bytes:
    """An ICMP echo request."""
    return struct.pack("!BBHHH", 8, 0, 0, 1, 1) + payload


def icmpv6(payload: bytes = b"", kind: int = 128) -> bytes:
    """An ICMPv6 message, an echo request when ``kind`` is not given."""
    return struct.pack("!BBHHH", kind, 0, 0, 1, 1) + payload
