"""Whole Ethernet frames as hosts send them, each with the class that the agent must find. Pure.

The class is known here because the frame was built for it; nothing is parsed back.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HOST, _SWITCH = b"\x02\x00\x5e\x00\x00\x01", b"\x02\x00\x5e\x00\x00\x02"  # locally administered
_V4 = (b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02")  # 192.0.2.0/24 and 2001:db8::/32 are for documentation
_V6 = (b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x02")
_TCP, _UDP, _ICMP6, _HOP_BY_HOP = 6, 17, 58, 0
DOT1Q, DOT1AD = 0x8100, 0x88A8


@dataclass(frozen=True, slots=True)
class Frame:
    """``octets`` from the destination address on, without FCS; ``cls`` one of ipv4, ipv6, icmp6, other."""

    name: str
    cls: str
    octets: bytes


def ethernet(ethertype: int, payload: bytes, *tags: tuple[int, int]) -> bytes:
    """A frame with VLAN ``tags`` (TPID, VLAN id), the outermost first; padded to the 60 bytes that a NIC would send."""
    header = _SWITCH + _HOST + b"".join(struct.pack("!HH", tpid, vlan) for tpid, vlan in tags)
    return (header + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def ipv4(protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet between documentation addresses."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, *_V4)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(next_header: int, payload: bytes) -> bytes:
    """An IPv6 packet between documentation addresses."""
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), next_header, 64, *_V6) + payload


def udp(size: int) -> bytes:
    """A UDP datagram with ``size`` bytes of data; checksum 0 means none was computed."""
    return struct.pack("!HHHH", 40000, 5001, 8 + size, 0) + bytes(size)


def tcp(size: int) -> bytes:
    """A TCP segment with ``size`` bytes of data."""
    return struct.pack("!HHIIBBHHH", 40001, 179, 1, 1, 5 << 4, 0x18, 512, 0, 0) + bytes(size)


def echo6(size: int) -> bytes:
    """An ICMPv6 echo request."""
    body = struct.pack("!BBHHH", 128, 0, 0, 1, 1) + bytes(size)
    pseudo = b"".join(_V6) + struct.pack("!II", len(body), _ICMP6)
    return body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]


def arp() -> bytes:
    """An ARP request."""
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, _HOST, _V4[0], bytes(6), _V4[1])


def checksum(octets: bytes) -> int:
    """The internet checksum."""
    total: int = sum(struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2)))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def mix() -> tuple[tuple[Frame, int], ...]:
    """Frames and their weights: mostly IP of all sizes, some of it in one or two tags, and what every LAN mutters."""
    alert = struct.pack("!BBBBHBB", _ICMP6, 0, 5, 2, 0, 1, 0)  # hop-by-hop header with a router alert, as MLD has it
    frames = [
        *((Frame(f"udp4 {n}", "ipv4", ethernet(0x0800, ipv4(_UDP, udp(n)))), 6) for n in (18, 470, 1472)),
        (Frame("jumbo", "ipv4", ethernet(0x0800, ipv4(_UDP, udp(8972)))), 1),
        (Frame("tcp4", "ipv4", ethernet(0x0800, ipv4(_TCP, tcp(1448)))), 10),
        (Frame("udp4 in a tag", "ipv4", ethernet(0x0800, ipv4(_UDP, udp(256)), (DOT1Q, 100))), 4),
        (Frame("udp4 in two tags", "ipv4", ethernet(0x0800, ipv4(_UDP, udp(600)), (DOT1AD, 7), (DOT1Q, 100))), 2),
        *((Frame(f"udp6 {n}", "ipv6", ethernet(0x86DD, ipv6(_UDP, udp(n)))), 5) for n in (64, 1432)),
        (Frame("tcp6 in a tag", "ipv6", ethernet(0x86DD, ipv6(_TCP, tcp(1200)), (DOT1Q, 200))), 4),
        (Frame("echo6", "icmp6", ethernet(0x86DD, ipv6(_ICMP6, echo6(56)))), 3),
        (Frame("echo6 in a tag", "icmp6", ethernet(0x86DD, ipv6(_ICMP6, echo6(56)), (DOT1Q, 200))), 1),
        (Frame("icmp6 behind hop-by-hop", "icmp6", ethernet(0x86DD, ipv6(_HOP_BY_HOP, alert + echo6(20)))), 1),
        (Frame("arp", "other", ethernet(0x0806, arp())), 2),
        (Frame("arp in a tag", "other", ethernet(0x0806, arp(), (DOT1Q, 100))), 1),
        (Frame("lldp", "other", ethernet(0x88CC, b"\x02\x07\x04" + _HOST + bytes(120))), 1),
    ]
    return tuple(frames)
