"""A job's program takes the frames that its match fits and no others: BPF_PROG_TEST_RUN against a matcher in Python."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.model.match import EVERY_FRAME, Match, Prefix
from tests.support import frames as f
from tests.support.anyframe import frames, gso_segs, gso_sizes, taken_by_a_test_run
from tests.support.job_reference import Facts, facts
from tests.support.jobprog import JobProgram, spec
from tests.support.patience import examples
from tests.support.reference import Count, expected

Counts = dict[str, Count]


def added(some: Counts, more: Counts) -> Counts:
    found = dict(some)
    for name, one in more.items():
        was = found.get(name, Count(0, 0, (0,) * len(one.histogram)))
        buckets = tuple(a + b for a, b in zip(was.histogram, one.histogram, strict=True))
        found[name] = Count(was.packets + one.packets, was.bytes + one.bytes, buckets)
    return found


@st.composite
def prefixes(draw: st.DrawFn, address: IPv4Address | IPv6Address | None) -> Prefix:
    """One that holds the address, or one with a bit of it turned."""
    start: IPv4Address | IPv6Address = IPv6Address("fe80::1")
    if address is not None:
        start = address
    elif draw(st.booleans()):
        start = IPv4Address("192.0.2.1")
    raw, bits = bytearray(start.packed), 8 * len(start.packed)
    length = draw(st.integers(0, bits))
    if length and draw(st.booleans()):
        turned = draw(st.integers(0, length - 1))
        raw[turned // 8] ^= 0x80 >> turned % 8
    return ip_network((bytes(raw), length), strict=False)


def ranges(port: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    """Up to eight, most of them about the port."""
    near = st.integers(max(0, port - 2), min(0xFFFF, port + 2))
    pair = st.tuples(near | st.integers(0, 0xFFFF), near).map(lambda two: (min(two), max(two)))
    return st.lists(pair, min_size=1, max_size=8).map(tuple)


@st.composite
def matches(draw: st.DrawFn, seen: Facts) -> Match:
    """One that asks about something of this frame, or of what it might have been."""
    asked = {name for name in ("proto", "src", "dst", "sport", "dport", "dscp", "vlan") if draw(st.integers(0, 3)) == 0}
    sport, dport = seen.ports or (1, 443)
    numbers = st.lists(st.just(seen.protocol or 6) | st.integers(0, 255), min_size=1, max_size=4)
    values = st.lists(st.just(seen.dscp or 0) | st.integers(0, 63), min_size=1, max_size=4)
    source = draw(prefixes(seen.source)) if "src" in asked else None
    destination = draw(prefixes(seen.destination)) if "dst" in asked else None
    if source and destination and source.version != destination.version:
        destination = None
    return Match(
        tuple(draw(numbers)) if "proto" in asked else (),
        source,
        destination,
        draw(ranges(sport)) if "sport" in asked else (),
        draw(ranges(dport)) if "dport" in asked else (),
        tuple(draw(values)) if "dscp" in asked else (),
        draw(st.sampled_from([*seen.vlans, 7]).map(lambda number: number or 1)) if "vlan" in asked else 0,
    )


questions = frames.filter(taken_by_a_test_run).flatmap(
    lambda frame: st.tuples(st.lists(frames.filter(taken_by_a_test_run), max_size=3), matches(facts(frame))).map(
        lambda made: ([frame, *made[0]], made[1])
    )
)


@settings(max_examples=examples(800), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions, gso_sizes, gso_segs)
def test_kernel_and_reference_agree(asked: tuple[list[bytes], Match], size: int, segs: int) -> None:
    sent, match = asked
    wanted: Counts = {}
    with JobProgram(spec(match)) as program:
        for frame in sent:
            program.run(frame, size, segs)
            if facts(frame).fits(match):
                wanted = added(wanted, expected(frame, gso_size=size, gso_segs=segs))
            assert program.slot() == wanted, (frame.hex(), match)


BODY = bytes(40)
SYN = f.tcp(BODY, bytes(8), (40000, 443), 2)
ECHO = f.ipv4(f.ICMP, f.icmp(BODY))
OPTIONS6 = [f.options(), f.options(f.DESTINATION, 2)]
QUESTIONS = {
    "tcp": Match(ip_proto=(6,)),
    "ports": Match(ip_proto=(6, 17, 132), l4_dport=((53, 53), (443, 443))),
    "source": Match(src_cidr=ip_network("192.0.2.0/24")),
    "host 6": Match(dst_cidr=ip_network("ff02::1")),
    "dscp": Match(dscp=(46,)),
    "vlan": Match(vlan=7),
    "all": Match((6,), ip_network("192.0.2.1"), ip_network("192.0.2.2"), ((1, 50000),), ((443, 443),), (46,), 7),
}
CUT_WITHIN = {
    "TCP over IPv4 in a VLAN": f.ether(f.IPV4, f.ipv4(f.TCP, SYN, tos=46 << 2), [(f.DOT1Q, 7)]),
    "IPv4 options in QinQ": f.ether(f.IPV4, f.ipv4(f.TCP, SYN, bytes(40), tos=46 << 2), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    "UDP over IPv6": f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(BODY, (1, 53)), traffic_class=46 << 2), [(f.DOT1Q, 7)]),
    "extensions": f.ether(f.IPV6, f.ipv6(f.TCP, SYN, [*OPTIONS6, f.fragment(), f.authentication()]), [(f.DOT1Q, 7)]),
    "three tags": f.ether(f.IPV6, f.ipv6(f.SCTP, f.sctp(BODY, (1, 53))), [(f.DOT1AD, 5), (f.DOT1Q, 6), (f.DOT1Q, 7)]),
}


@pytest.mark.parametrize("frame", CUT_WITHIN.values(), ids=CUT_WITHIN)
@pytest.mark.parametrize("match", QUESTIONS.values(), ids=QUESTIONS)
def test_a_header_that_is_cut_matches_nothing_that_it_does_not_hold(match: Match, frame: bytes) -> None:
    with JobProgram(spec(match)) as program:
        seen = 0
        for length in range(14, len(frame) + 1):
            program.run(frame[:length])
            seen += facts(frame[:length]).fits(match)
            assert program.total()[0] == seen, length


def test_every_length_of_an_empty_match_counts() -> None:
    with JobProgram(spec(EVERY_FRAME)) as program:
        for frame in CUT_WITHIN.values():
            for length in range(14, len(frame) + 1):
                before = program.slot()
                program.run(frame[:length])
                assert program.slot() == added(before, expected(frame[:length]))


@pytest.mark.parametrize(
    ("packet", "match", "fits"),
    [
        (f.ipv4(f.TCP, SYN), QUESTIONS["ports"], True),
        (f.ipv4(f.TCP, SYN, fragment=0x2000), QUESTIONS["ports"], True),
        (f.ipv4(f.TCP, SYN, fragment=0x2001), QUESTIONS["ports"], False),
        (f.ipv4(f.TCP, SYN, fragment=0x2001), QUESTIONS["tcp"], True),
        (f.ipv4(f.TCP, SYN, bytes(40)), QUESTIONS["ports"], True),
        (ECHO, QUESTIONS["ports"], False),
        (ECHO, Match(ip_proto=(1,)), True),
        (f.ipv4(255, BODY), Match(ip_proto=(255,)), True),
        (f.ipv4(191, BODY), Match(ip_proto=(255,)), False),
        (f.ipv4(f.TCP, SYN), Match(src_cidr=ip_network("0.0.0.0/0")), True),
        (f.ipv4(f.TCP, SYN), Match(src_cidr=ip_network("::/0")), False),
        (f.ipv4(f.TCP, SYN), Match(ip_proto=(6,), l4_dport=((444, 65535),)), False),
    ],
)
def test_what_ipv4_packets_fit(packet: bytes, match: Match, fits: bool) -> None:
    with JobProgram(spec(match)) as program:
        program.run(f.ether(f.IPV4, packet))
        assert program.total()[0] == fits


@pytest.mark.parametrize(
    ("packet", "match", "fits"),
    [
        (f.ipv6(f.TCP, SYN, OPTIONS6), QUESTIONS["ports"], True),
        (f.ipv6(f.TCP, SYN, [f.fragment(more=True)]), QUESTIONS["ports"], True),
        (f.ipv6(f.TCP, SYN, [f.fragment(5)]), QUESTIONS["ports"], False),
        (f.ipv6(f.TCP, SYN, [f.fragment(5)]), QUESTIONS["tcp"], True),
        (f.ipv6(f.ESP, BODY), Match(ip_proto=(50,)), True),
        (f.ipv6(f.ICMPV6, f.icmpv6(BODY)), Match(ip_proto=(58,)), True),
        (f.ipv6(f.TCP, SYN), Match(src_cidr=ip_network("fe80::/64"), dst_cidr=ip_network("ff00::/8")), True),
        (f.ipv6(f.TCP, SYN), Match(src_cidr=ip_network("fe80::/128")), False),
        (f.ipv6(f.TCP, SYN), Match(dst_cidr=ip_network("0.0.0.0/0")), False),
        (f.ipv6(f.TCP, SYN, traffic_class=0xBB), QUESTIONS["dscp"], True),
    ],
)
def test_what_ipv6_packets_fit(packet: bytes, match: Match, fits: bool) -> None:
    with JobProgram(spec(match)) as program:
        program.run(f.ether(f.IPV6, packet))
        assert program.total()[0] == fits


@pytest.mark.parametrize("tags", [[7], [9, 7], [8, 9, 7]])
def test_any_of_three_tags_is_the_vlan(tags: list[int]) -> None:
    with JobProgram(spec(QUESTIONS["vlan"])) as program:
        program.run(f.ether(f.IPV4, ECHO, [(f.DOT1Q, number) for number in tags]))
        program.run(f.ether(f.ARP, BODY, [(f.DOT1Q, 0xE000 | number) for number in tags]))
        program.run(f.ether(f.IPV4, ECHO, [(f.DOT1Q, number + 1) for number in tags]))
        assert program.total()[0] == 2
