"""All of it in one program on real netdevs: tags in the frame and beside it, cut frames, aggregates; all count once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from sonic_telegen.model.match import Match
from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, INGRESS, Cable
from tests.support.jobprog import on_one_cpu
from tests.support.net import until
from tests.support.pcap import need_libpcap
from tests.support.together import SNAPLEN, Asks, Seen, everything, flows, on_the_wire, proves_nothing_is_missing

OUT, IN = 31, 32
BODY = bytes(60)
SYN = f.tcp(BODY, bytes(8), (40000, 443), 2)
DATAGRAM = f.ipv4(f.UDP, f.udp(BODY, (1000, 53)), tos=46 << 2)
MIXED = [
    f.ether(f.IPV4, DATAGRAM),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 7)]),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 0xE008)]),
    f.ether(f.IPV4, f.ipv4(f.TCP, SYN), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BODY), [f.options()]), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(5000), (5, 6)))),
    f.ether(f.IPV4, f.ipv4(f.TCP, SYN, bytes(8), fragment=0x2000)),
    f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(BODY), fragment=0x0010)),
    f.arp(),
    f.lldp(),
]
MATCHES = {
    "untagged UDP": Match(filter="udp port 53"),
    "a tag by both": Match(filter="vlan 7", vlan=7, dscp=(46,)),
    "priority": Match(filter="ether[14] & 0xe0 = 0xe0", vlan=8),
    "two tags": Match(filter="vlan 9 and vlan 7", vlan=7),
    "tags and TCP": Match(
        filter="vlan and vlan and tcp[tcpflags] & tcp-syn != 0", ip_proto=(6,), l4_dport=((443, 443),)
    ),
    "no tag": Match(filter="not vlan", src_cidr=ip_network("192.0.2.0/24")),
    "long": Match(filter="greater 1000"),
    "what is no IP": Match(filter="not ip and not ip6 and not vlan"),
}
CUT = [
    f.ether(f.IPV4, f.ipv4(f.TCP, SYN, bytes(12))),
    f.ether(f.IPV4, f.ipv4(f.TCP, SYN), [(f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(BODY, (1, 53)), [f.options()])),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BODY), [f.fragment()]), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
]
SHORTEST, UNTAGGED_FROM = 14, 20  # a tag is taken out of a frame of so many bytes; shorter ones the kernel drops


@pytest.fixture
def cable() -> Iterator[Cable]:
    """On one CPU, so that one in N and what a CPU may insert are what they say."""
    need_libpcap()
    before = os.sched_getaffinity(0)
    on_one_cpu()
    with Cable(mtu=9000) as made:
        yield made
    os.sched_setaffinity(0, before)


def tagged(frame: bytes) -> bool:
    return int.from_bytes(frame[12:14], "big") in (f.DOT1Q, f.DOT1AD)


@pytest.mark.parametrize("match", MATCHES.values(), ids=MATCHES)
def test_a_frame_fits_with_its_tag_inside_and_beside_it(cable: Cable, match: Match) -> None:
    asks = Asks(match)
    fitting = [frame for frame in MIXED if asks.about(frame)]
    assert 0 < len(fitting) < len(MIXED)
    wanted = Seen.of(fitting)
    with everything(match) as leaves, everything(match) as arrives:
        cable.attach("left", EGRESS, leaves.fd, OUT)
        cable.attach("right", INGRESS, arrives.fd, IN)
        behind = cable.stranger("right", INGRESS)
        cable.send(MIXED)
        assert until(lambda: behind.frames == len(MIXED))
        assert behind.offloaded_tags == sum(map(tagged, MIXED))
        for program, slot in ((leaves, OUT), (arrives, IN)):
            assert (program.slot(slot), flows(program)) == (wanted.classes, wanted.flows)
            found = program.captured()
            assert [on_the_wire(one)[:SNAPLEN] for one in found] == [frame[:SNAPLEN] for frame in fitting]
            assert [one.length for one in found] == [len(frame) for frame in fitting]
            proves_nothing_is_missing(program, slot)
        assert {one.vlan_proto for one in leaves.captured()} == {0}
        assert [bool(one.vlan_proto) for one in arrives.captured()] == [tagged(frame) for frame in fitting]


@pytest.mark.parametrize("match", [Match(filter="tcp or udp"), Match(filter="vlan or ip6"), Match(filter="not ip")])
def test_frames_that_end_in_the_middle_of_every_header(cable: Cable, match: Match) -> None:
    """A test run takes no IP frame without its whole header; a wire does."""
    asks = Asks(match)
    sent = [frame[:end] for frame in CUT for end in range(SHORTEST, len(frame) + 1)]
    arriving = [frame for frame in sent if len(frame) >= UNTAGGED_FROM or not tagged(frame)]
    with everything(match) as leaves, everything(match) as arrives:
        cable.attach("left", EGRESS, leaves.fd, OUT)
        cable.attach("right", INGRESS, arrives.fd, IN)
        leaving, behind = cable.stranger("left", EGRESS), cable.stranger("right", INGRESS)
        cable.send(sent)
        assert until(lambda: behind.frames == len(arriving)), (behind.frames, len(arriving))
        assert leaving.frames == len(sent)
        for program, slot, frames in ((leaves, OUT, sent), (arrives, IN, arriving)):
            wanted = Seen.of([frame for frame in frames if asks.about(frame)])
            assert 0 < wanted.total[0] < len(frames)
            assert (program.slot(slot), flows(program)) == (wanted.classes, wanted.flows)
            proves_nothing_is_missing(program, slot)


@pytest.mark.parametrize(("rate", "budget"), [(1, 1 << 30), (7, 1 << 30), (1, 2)])
def test_an_expression_and_its_opposite_share_all_there_was(cable: Cable, rate: int, budget: int) -> None:
    """Aggregates among it, which libpcap's matcher is not asked about."""
    expression = "tcp[6] & 1 = 1 or vlan 7 or ip6"  # of the sequence number: about half of a stream
    one = everything(Match(filter=expression), rate=rate, budget=budget, ring=1 << 16)
    other = everything(Match(filter=f"not ({expression})"), rate=rate, budget=budget, ring=1 << 16)
    with Classifier() as interface, one, other:
        cable.address()
        for priority, fd in ((1, interface.fd), (2, one.fd), (3, other.fd)):
            cable.attach("left", EGRESS, fd, OUT, priority=priority)
        leaving = cable.stranger("left", EGRESS)
        for port in (5001, 5002):
            cable.stream(2_000_000, port)
        cable.send(MIXED)
        assert leaving.aggregates > 20
        seen = interface.slot(OUT)
        assert sum(c.packets for c in seen.values()) > 300
        for program in (one, other):
            assert program.total(OUT)[0] > 20
            proves_nothing_is_missing(program, OUT)
            counted = program.percpu
            assert counted.frames // rate <= counted.sampled_frames <= -(-counted.frames // rate)
            assert bool(counted.untracked_packets) == (budget == 2)
        for name, count in seen.items():
            parts = [program.slot(OUT)[name] for program in (one, other) if name in program.slot(OUT)]
            assert (sum(c.packets for c in parts), sum(c.bytes for c in parts)) == (count.packets, count.bytes)
