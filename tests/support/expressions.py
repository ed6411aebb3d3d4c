"""Filter expressions as people write them: the examples of tcpdump's manual, of its users, and of every primitive.

And frames that they tell from each other, and the longest expressions that a row holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.support import frames as f

LONGEST = 1024

EXPRESSIONS = tuple(
    line.strip()
    for line in r"""
    ip
    ip6
    arp
    rarp
    tcp
    udp
    sctp
    icmp
    icmp6
    igmp
    pim
    vrrp
    ah
    esp
    stp
    atalk
    iso
    isis
    ipx
    netbeui
    not ip
    ip or arp
    ip or ip6
    ip and not tcp
    host 192.0.2.1
    src host 192.0.2.1
    dst host 192.0.2.2
    host 192.0.2.1 and host 192.0.2.2
    host 192.0.2.1 and not host 192.0.2.9
    src or dst host 192.0.2.2
    src and dst host 192.0.2.2
    ip host 192.0.2.1
    arp host 192.0.2.1
    ip src 192.0.2.1 and ip dst 192.0.2.2
    host fe80::1
    src host fe80::1
    ip6 dst host ff02::1
    dst host ff02::1
    net 192.0.2.0/24
    src net 192.0.2.0/25
    dst net 10.0.0.0/8
    net 192.0
    net 192.0.2.0 mask 255.255.255.0
    net fe80::/10
    src net fe80::/64
    dst net ff00::/8
    net 2001:db8::/32 or net fe80::/16
    not net 192.0.2.0/24
    net 0.0.0.0/0
    ip and not net 10.0.0.0/8 and not net 172.16.0.0/12 and not net 192.168.0.0/16
    ether host 02:00:00:00:00:01
    ether src 02:00:00:00:00:01
    ether dst ff:ff:ff:ff:ff:ff
    ether host 02-00-00-00-00-01
    ether host 0200.0000.0001
    ether broadcast
    broadcast
    ether multicast
    multicast
    ip multicast
    ip6 multicast
    not broadcast and not multicast
    ether proto 0x88cc
    ether proto \ip
    ether proto \ip6
    ether proto \arp
    ether proto 0x0806
    ether proto 2048 or ether proto 34525
    ether[0] & 1 = 0 and ip[16] >= 224
    ether[12:2] = 0x0800
    ether[12:2] > 1500
    ether[6:4] = 0x02000000
    ether[20:2] = 0x2000
    ether[0:4] = 0xffffffff and ether[4:2] = 0xffff
    port 2
    port 443
    port 53 or port 123
    tcp port 2
    udp port 2
    tcp src port 1
    tcp dst port 2
    src port 1 and dst port 2
    tcp port 443 and net 192.0.0.0/8
    port http
    port ssh or port bgp
    udp port domain
    tcp port 80 or 443 or 8080
    not port 22
    tcp and not port 22 and not port 53
    host 192.0.2.1 and (port 2 or port 80)
    portrange 1-10
    tcp portrange 1-2
    udp src portrange 0-1023
    dst portrange 20000-30000
    src portrange 1-1 and dst portrange 2-2
    sctp port 2
    ip proto 6
    ip proto \tcp
    ip proto \udp or ip proto \icmp
    ip proto 89
    ip6 proto 58
    ip6 proto \tcp
    proto 17
    proto 112
    ip proto 47 or ip proto 50 or ip proto 51
    tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
    tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn
    tcp[tcpflags] = tcp-syn|tcp-ack
    tcp[tcpflags] & tcp-rst != 0
    tcp[13] & 2 != 0
    tcp[13] = 0x10
    tcp[13] == 18
    tcp[tcpflags] & (tcp-ece|tcp-cwr) != 0
    tcp[tcpflags] & tcp-push != 0 and tcp[tcpflags] & tcp-urg = 0
    tcp port 2 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
    ip[2:2] > 576
    ip[0] & 0xf != 5
    ip[6:2] & 0x1fff = 0
    ip[6:2] & 0x3fff != 0
    ip[6] & 0x20 != 0
    ip[6] & 64 = 64
    ip[8] < 10
    ip[1] & 0xfc = 184
    ip[9] = 6 and ip[12:4] = 0xc0000201
    ip[12:4] & 0xffffff00 = 0xc0000200
    tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420
    tcp[20:4] = 0x47455420
    tcp[(tcp[12]>>2):4] = 0x5353482D
    tcp[0:2] > 1023 and tcp[2:2] < 1024
    tcp[14:2] = 1
    udp[8:4] = 0
    udp[4:2] > 100
    udp[4:2] = 8 + 100
    udp[10] & 0x80 = 0
    icmp[icmptype] = icmp-echo
    icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
    icmp[0] = 3 and icmp[1] = 4
    icmp[icmpcode] = 0
    icmp6[icmp6type] = icmp6-echo
    icmp6 and ip6[40] = 128
    icmp6[icmp6type] = icmp6-neighborsolicit or icmp6[icmp6type] = icmp6-routeradvert
    ip6[6] = 17
    ip6[0] & 0xf0 = 0x60
    ip6[4:2] > 60
    ip6[8:4] = 0xfe800000
    arp[6:2] = 1
    arp[7] = 2
    arp[24:4] = 0xc0000202
    less 60
    greater 100
    len >= 200
    len = 42
    len > 100 and len < 1000
    len - 14 = ip[2:2]
    vlan
    vlan 7
    vlan 7 and ip
    vlan and tcp
    vlan 7 and vlan 9
    vlan and vlan and ip
    vlan or ip
    not vlan
    vlan 1 and host 192.0.2.1 and port 2
    vlan and ether[14:2] & 0xe000 != 0
    ether[14:2] & 0xfff = 7
    ip or (vlan and ip)
    mpls
    mpls 100000
    mpls and ip
    mpls 16 and mpls 17
    pppoed
    pppoes
    pppoes and ip
    llc
    link[12:2] = 0x86dd
    ether[ether[14] & 0xf] = 0
    ether[ether[0] - 243:4] = 0x08004500
    ether[ether[15] + 1:2] & 0xff = 7
    ip[ip[0] & 0xf] = 0
    ip[(ip[0] & 0xf) * 4:2] = 1
    ip[2:2] / 4 > 20
    ip[2:2] / ip[1] = 1
    ip[2:2] % 4 = 0
    ip[2:2] % ip[1] = 0
    ip[2:2] ^ 0x54 = 0
    ip[8] * 2 = 128
    1 << ip[9] = 64
    ip[12:4] >> ip[1] = 0
    ip[8] | ip[9] & 0xf0 = 64
    -ip[8] = 4294967232
    ip[ip[2:2]] = 0
    ip[65535] = 0
    ether[100000] = 0
    ether[60:4] = 0
    ether[1499] = 0
    geneve
    ip[0] = 0x45 and (tcp or udp) and not (src net 10.0.0.0/8 or dst net 10.0.0.0/8)
    (tcp[tcpflags] & tcp-syn != 0 and not src net 192.0.2.0/24) or icmp[icmptype] = icmp-unreach
    (udp port 67 or udp port 68) or (udp port 546 or udp port 547)
    ether proto 0x88cc or ether proto 0x8809 or arp or (ip proto 89) or (tcp port 179)
    tcp port 179 or udp port 3784 or udp port 4784
    udp port 4789 and udp[8:2] = 0x0800 and udp[11:4] & 0x00ffffff = 100
    port 1 or port 2 or port 3 or port 4 or port 5 or port 6 or port 7 or port 8 or port 9 or port 10
    """.splitlines()
    if line.strip()
)

TAG_7, TAG_9 = (f.DOT1Q, 7), (f.DOT1AD, 9)
TCP = f.ipv4(f.TCP, f.tcp(b"GET / HTTP/1.1"))
SAMPLES = [
    f.arp(),
    f.lldp(),
    f.llc(bytes(40)),
    f.ether(f.IPV4, TCP),
    f.ether(f.IPV4, TCP, [TAG_7]),
    f.ether(f.IPV4, TCP, [TAG_9, TAG_7]),
    f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(), bytes(12)), [(f.DOT1Q, 0xE007)]),
    f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(100)))),
    f.ether(f.IPV4, f.ipv4(f.UDP, bytes(100), fragment=100)),
    f.ether(f.IPV4, f.ipv4(f.ICMP, f.icmp(bytes(1400)))),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6())),
    f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp()), [TAG_7]),
    f.ether(0x8847, (16 << 12 | 0x100).to_bytes(4, "big") + TCP),
    f.ether(0x8864, bytes.fromhex("110000010022 0021") + TCP),
]


def filled(part: str, between: str) -> str:
    """As many parts as there is room for, each with numbers of its own."""

    def parts() -> Iterator[str]:
        for number in range(LONGEST):
            yield part.format(number % 250 + 1, number * 7 % 60000 + 1)

    found = ""
    for more in parts():
        longer = f"{found}{between}{more}" if found else more
        if len(longer) > LONGEST:
            break
        found = longer
    return found


LONG = {
    "ports": filled("port {0}", " or "),
    "ports behind tags": filled("port {0}", " or vlan or "),
    "ranges of ports": filled("portrange {0}-60000", " or "),
    "tags and ports": filled("(vlan {0} and port {1})", " or "),
    "hosts": filled("host 2001:db8::{0:x}", " or "),
    "networks": filled("net 10.{0}.0.0/16", " or "),
    "neither nor": filled("not (port {0} or net 10.{0})", " and "),
    "computed places": filled("ip[ip[{0}]]={0}", " or "),
    "sums": "ip[0]" + "+tcp[1]" * 100 + "=7",
}
