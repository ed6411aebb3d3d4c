"""Which control protocol a frame is, worked out in plain Python.

IEEE 802.1AB (LLDP), 802.1AX (LACP), RFC 826 (ARP), 4861 (ND), 2328 and 5340 (OSPF), 792 and 4443 (ICMP), and IANA's
ports; gNMI where SONiC listens.
"""

from __future__ import annotations

from tests.support.reference import MOST_EXTENSIONS, MOST_TAGS, TAG_TYPES

PROTOCOLS = (
    *("arp", "nd", "lacp", "lldp", "bgp", "bfd", "dhcp", "dhcpv6", "ospf", "ssh", "snmp", "gnmi", "icmp", "sflow"),
    "other",
)
_TO_UDP = {3784: "bfd", 3785: "bfd", 4784: "bfd", 161: "snmp", 162: "snmp", 6343: "sflow"}
_TO_UDP_V4, _TO_UDP_V6 = {67: "dhcp", 68: "dhcp"}, {546: "dhcpv6", 547: "dhcpv6"}
_TO_TCP, _FROM_TCP = {22: "ssh", 179: "bgp", 8080: "gnmi", 50051: "gnmi", 9339: "gnmi"}, {22: "ssh", 179: "bgp"}


def protocol(frame: bytes, vlan: bool = False) -> str:
    """The name of it (``vlan``: the kernel keeps one more tag beside the frame)."""
    at, tags = 12, int(vlan)
    while True:
        if len(frame) < at + 2:
            return "other"
        ethertype = int.from_bytes(frame[at : at + 2], "big")
        if ethertype not in TAG_TYPES:
            break
        at, tags = at + 4, tags + 1
        if tags > MOST_TAGS:
            return "other"
    body = frame[at + 2 :]
    match ethertype:
        case 0x0806:
            return "arp"
        case 0x88CC:
            return "lldp"
        case 0x8809:
            return "lacp" if body[:1] == b"\x01" else "other"
        case 0x0800:
            return _ipv4(body)
        case 0x86DD:
            return _ipv6(body)
    return "other"


def _ipv4(packet: bytes) -> str:
    length = (packet[0] & 15) * 4 if packet else 0
    if not 20 <= length <= len(packet):
        return "other"
    if packet[9] in (1, 89):
        return "icmp" if packet[9] == 1 else "ospf"
    later = int.from_bytes(packet[6:8], "big") & 0x1FFF
    return "other" if later else _ports(packet[9], packet[length:], _TO_UDP | _TO_UDP_V4)


def _ipv6(packet: bytes) -> str:
    if len(packet) < 40:
        return "other"
    kind, at, later = packet[6], 40, False
    for _ in range(MOST_EXTENSIONS):
        if kind not in (0, 43, 44, 51, 60) or later:
            break
        if len(packet) < at + 4:
            return "other"
        units = packet[at + 1]
        length = 8 if kind == 44 else 4 * (units + 2) if kind == 51 else 8 * (units + 1)
        if len(packet) < at + length:
            return "other"
        later = kind == 44 and int.from_bytes(packet[at + 2 : at + 4], "big") >> 3 > 0
        kind, at = packet[at], at + length
    if kind == 89:
        return "ospf"
    if kind == 58:
        return "nd" if not later and packet[at : at + 1] and 133 <= packet[at] <= 137 else "icmp"
    return "other" if later else _ports(kind, packet[at:], _TO_UDP | _TO_UDP_V6)


def _ports(kind: int, segment: bytes, to_udp: dict[int, str]) -> str:
    if len(segment) < 4 or kind not in (6, 17):
        return "other"
    source, destination = int.from_bytes(segment[:2], "big"), int.from_bytes(segment[2:4], "big")
    if kind == 17:
        return to_udp.get(destination, "other")
    return _TO_TCP.get(destination) or _FROM_TCP.get(source) or "other"
