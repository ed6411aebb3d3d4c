"""Every frame is in exactly one class, with its length counted once: BPF_PROG_TEST_RUN frame by frame.

The expected values are written out here; tests/kernel/test_bpf_reference.py compares with the plain Python reference.
Frames cut within the IP header have a tag here: a test run takes no shorter packet when its outer type is IP (6.18).
Untagged ones are sent in tests/kernel/test_bpf_wire.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.reference import count

DATA = bytes(100)
DESTINATION = f.options(f.DESTINATION)
ECHO6 = f.icmpv6(DATA)
BROKEN_IPV4 = bytes.fromhex("0f") + bytes(45)


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier() as loaded:
        yield loaded


def v6(protocol: int, payload: bytes, *extensions: f.Extension) -> bytes:
    return f.ether(f.IPV6, f.ipv6(protocol, payload, extensions))


def tagged(*tpids: int) -> bytes:
    return f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(DATA)), [(tpid, 7) for tpid in tpids])


CASES = {
    "UDP": ("ipv4", f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(DATA)))),
    "TCP": ("ipv4", f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(DATA)))),
    "ICMP is IPv4": ("ipv4", f.ether(f.IPV4, f.ipv4(f.ICMP, f.icmp(DATA)))),
    "IPv4 options": ("ipv4", f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(DATA), options=bytes(40)))),
    "IPv4 with ICMPv6's number": ("ipv4", f.ether(f.IPV4, f.ipv4(f.ICMPV6, ECHO6))),
    "IPv4 with a broken header": ("ipv4", f.ether(f.IPV4, BROKEN_IPV4)),
    "IPv4 cut to its ethertype": ("ipv4", f.ether(f.IPV4, b"", [(f.DOT1Q, 7)])),
    "IPv6 in IPv4": ("ipv4", f.ether(f.IPV4, f.ipv4(41, f.ipv6(f.ICMPV6, ECHO6)))),
    "UDP over IPv6": ("ipv6", v6(f.UDP, f.udp(DATA))),
    "ESP": ("ipv6", v6(f.ESP, DATA)),
    "no next header": ("ipv6", v6(f.NO_NEXT, b"")),
    "mobility header, not walked": ("ipv6", v6(f.ICMPV6, ECHO6, f.options(f.MOBILITY))),
    "IPv6 cut to its ethertype": ("ipv6", f.ether(f.IPV6, b"", [(f.DOT1Q, 7)])),
    "IPv6 one byte short of a header": ("ipv6", f.ether(f.IPV6, f.ipv6(f.ICMPV6, b"")[:-1], [(f.DOT1Q, 7)])),
    "ICMPv6 named, nothing behind": ("icmp6", v6(f.ICMPV6, b"")),
    "ICMPv6": ("icmp6", v6(f.ICMPV6, ECHO6)),
    "MLD report behind hop-by-hop": ("icmp6", v6(f.ICMPV6, f.icmpv6(DATA, 143), f.options())),
    "routing header": ("icmp6", v6(f.ICMPV6, ECHO6, f.options(f.ROUTING, 4))),
    "destination options": ("icmp6", v6(f.ICMPV6, ECHO6, f.options(f.DESTINATION, 30))),
    "authentication header": ("icmp6", v6(f.ICMPV6, ECHO6, f.authentication())),
    "all kinds": (
        "icmp6",
        v6(f.ICMPV6, ECHO6, f.options(), DESTINATION, f.options(f.ROUTING), f.fragment(), f.authentication()),
    ),
    "UDP behind extensions": ("ipv6", v6(f.UDP, f.udp(DATA), f.options(), f.authentication())),
    "eight extensions": ("icmp6", v6(f.ICMPV6, ECHO6, *[DESTINATION] * 8)),
    "nine extensions": ("ipv6", v6(f.ICMPV6, ECHO6, *[DESTINATION] * 9)),
    "extension one byte short": ("ipv6", v6(f.ICMPV6, b"", f.options(units=2))[:-1]),
    "extension whole, ICMPv6 cut": ("icmp6", v6(f.ICMPV6, b"", f.options(units=2))),
    "first fragment": ("icmp6", v6(f.ICMPV6, ECHO6, f.fragment(0, more=True))),
    "later fragment of ICMPv6": ("icmp6", v6(f.ICMPV6, DATA, f.fragment(9))),
    "later fragment of UDP": ("ipv6", v6(f.UDP, DATA, f.fragment(9))),
    "later fragment, what follows is data": ("ipv6", v6(f.ICMPV6, DATA, f.fragment(9), DESTINATION)),
    "802.1Q": ("ipv4", tagged(f.DOT1Q)),
    "802.1ad": ("ipv4", tagged(f.DOT1AD)),
    "QinQ": ("ipv4", tagged(f.DOT1AD, f.DOT1Q)),
    "QinQ with 0x9100": ("ipv4", tagged(f.TPID_9100, f.DOT1Q)),
    "three tags": ("ipv4", tagged(f.TPID_9200, f.DOT1AD, f.DOT1Q)),
    "four tags": ("other", tagged(f.DOT1Q, f.DOT1Q, f.DOT1Q, f.DOT1Q)),
    "cut within a tag": ("other", tagged(f.DOT1Q)[:16]),
    "cut behind a TPID": ("other", tagged(f.DOT1Q)[:14]),
    "tagged ICMPv6": ("icmp6", f.ether(f.IPV6, f.ipv6(f.ICMPV6, ECHO6), [(f.DOT1Q, 7)])),
    "QinQ ICMPv6 behind hop-by-hop": (
        "icmp6",
        f.ether(f.IPV6, f.ipv6(f.ICMPV6, ECHO6, [f.options()]), [(f.DOT1AD, 1), (f.DOT1Q, 2)]),
    ),
    "priority tag on ARP": ("other", f.ether(f.ARP, DATA, [(f.DOT1Q, 0xE000)])),
    "ARP": ("other", f.arp()),
    "LLDP": ("other", f.lldp()),
    "spanning tree over LLC": ("other", f.llc(bytes(36))),
    "IPv4 in SNAP": ("other", f.snap(f.IPV4, f.ipv4(f.UDP, f.udp(DATA)))),
    "MPLS": ("other", f.ether(0x8847, bytes(4) + f.ipv4(f.UDP, f.udp(DATA)))),
}


@pytest.mark.parametrize(("name", "frame"), CASES.values(), ids=CASES)
def test_frame_is_counted_in_its_class_alone(classifier: Classifier, name: str, frame: bytes) -> None:
    assert classifier.run(frame) == {name: count([len(frame)])}


@pytest.mark.parametrize("size", [63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1518, 1519, 2047, 2048, 3000])
def test_size_falls_in_the_bucket_whose_upper_edge_is_inclusive(classifier: Classifier, size: int) -> None:
    frame = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(size - 42))))
    bounds = [64, 127, 255, 511, 1023, 1518, 2047, 4095, 9216]
    histogram = [0] * 10
    histogram[next(index for index, bound in enumerate(bounds) if size <= bound)] = 1
    counted = classifier.run(frame)["ipv4"]
    assert (counted.packets, counted.bytes, list(counted.histogram)) == (1, size, histogram)


def test_repeated_runs_add_up(classifier: Classifier) -> None:
    frame = v6(f.ICMPV6, ECHO6)
    assert classifier.run(frame, repeat=1000) == {"icmp6": count([len(frame)] * 1000)}
