"""Names that libpcap would ask DNS about are found before it is asked; words, addresses and ports are left to it."""

from __future__ import annotations

import pytest

from sonic_telegen.kernel.pcapnames import need_addresses

WORDS = set(
    """and or not host net src dst port portrange proto ip ip6 tcp udp ether vlan len less gateway mask tcpflags
    tcp-syn greater broadcast arp es-is""".split()  # noqa: SIM905
)


def check(expression: str) -> None:
    need_addresses(expression, WORDS.__contains__)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "tcp port http",
        "port http or https",
        "port (http or https) and not ssh",
        "tcp port http and src net 10.0.0.0/8 and dst port ssh",
        "portrange ftp-telnet",
        "ip proto ospf",
        r"ether proto \ip",
        "host 192.0.2.1 && !arp||ip6",
        "net 10.1 mask 0xff.0",
        "host fe80::1 or net 2001:db8::/32 or host ::ffff:192.0.2.1",
        "ether host 02:00:00:00:00:01 or ether src 02-0-0-0-0-1 or ether dst 0200.0000.0001 or ether host 020000000001",
        "tcp[tcpflags] & (tcp-syn) != 0 and ip[0:2]=0x45 and ether[ether[0]-14:1]=2",
        "len<100",
        "es-is",
    ],
)
def test_nothing_to_look_up_is_left_alone(expression: str) -> None:
    check(expression)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("foo", "foo"),
        ("host foo.example", "foo.example"),
        ("src foo or dst bar", "foo"),
        ("net example", "example"),
        ("gateway router", "router"),
        ("ether host tester", "tester"),
        ("port 80 and host foo", "foo"),
        ("port http or (ip and foo)", "foo"),
        ("port http and dst foo", "foo"),
        (r"host \foo", "foo"),
        (r"host \192.0.2.1", "192.0.2.1"),
        ("host 192.0.2.1.example", "192.0.2.1.example"),
        ("host 1.2.3.4.5", "1.2.3.4.5"),
        ("host 10-0-0-1", "10-0-0-1"),
        ("host ab:cd.ef", "ab"),
        ("host aa:bb-cc.dd:ee:ff", "aa"),
        ("host ip.example", "ip.example"),
        ("host IP", "IP"),
        ("len-14", "len-14"),
        ("host port.", "port."),
    ],
)
def test_a_name_is_refused_with_the_remedy(expression: str, name: str) -> None:
    with pytest.raises(ValueError, match="write the address") as refused:
        check(expression)
    assert str(refused.value).startswith(f"{name!r} is not known")
