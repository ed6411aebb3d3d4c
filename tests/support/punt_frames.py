"""A frame of each control protocol."""

from __future__ import annotations

from tests.support import frames as f

SLOW, OSPF = 0x8809, 89

EXAMPLES = {
    "arp": f.arp(),
    "nd": f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(16), 135))),
    "lacp": f.ether(SLOW, b"\x01" + bytes(109), [(f.DOT1Q, 7)]),
    "lldp": f.lldp(),
    "bgp": f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(19), ports=(179, 40000)), bytes(4))),
    "bfd": f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(24), (49152, 3784)))),
    "dhcp": f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(300), (68, 67)))),
    "dhcpv6": f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(60), (546, 547)), [f.options()])),
    "ospf": f.ether(f.IPV4, f.ipv4(OSPF, bytes(44))),
    "ssh": f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(ports=(50051, 22)))),
    "snmp": f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(40), (40000, 161)))),
    "gnmi": f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(ports=(179, 8080)))),
    "icmp": f.ether(f.IPV4, f.ipv4(f.ICMP, f.icmp(bytes(56)), fragment=0x2001)),
    "sflow": f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(200), (40000, 6343)))),
    "other": f.ether(f.IPV4, f.ipv4(f.UDP, bytes(8) + f.udp(bytes(8), (68, 67)), fragment=0x2001)),
}
