"""Expression, fields, samples, flows, bursts and capture in one program: any frame, whole or cut, is counted once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.kernel import jobabi
from sonic_telegen.kernel.jobabi import WINDOW_NS
from sonic_telegen.model.match import Match
from tests.support import anyframe, wireframes
from tests.support import frames as f
from tests.support.anyframe import taken_by_a_test_run
from tests.support.jobprog import JobProgram, on_one_cpu
from tests.support.patience import examples
from tests.support.pcap import need_libpcap
from tests.support.together import SNAPLEN, Asks, Seen, everything, flows, proves_nothing_is_missing

BODY = bytes(60)
MATCHES = [
    Match(filter="tcp or udp port 53"),
    Match(filter="not vlan"),
    Match(filter="ip6", ip_proto=(6, 17, 58)),
    Match(filter="vlan 7 and ip", vlan=7),
    Match(filter="vlan and vlan and tcp", vlan=7, ip_proto=(6,)),
    Match(filter="ip[6:2] & 0x1fff = 0", l4_dport=((53, 53), (443, 443)), ip_proto=(6, 17)),
    Match(filter="tcp[tcpflags] & tcp-syn != 0", src_cidr=ip_network("192.0.2.0/24"), dscp=(0, 46), ip_proto=(6,)),
    Match(filter="len > 60 and not arp"),
    Match(filter="ip or (vlan and ip) or (vlan and ip)", dst_cidr=ip_network("192.0.2.0/24")),
    Match(filter="ether[12:2] < 0x9000", vlan=7),
]
any_frame = anyframe.frames | wireframes.frames


@pytest.fixture(autouse=True, scope="module")
def _one_cpu_and_libpcap() -> Iterator[None]:
    need_libpcap()
    before = os.sched_getaffinity(0)
    on_one_cpu()
    yield
    os.sched_setaffinity(0, before)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MATCHES), st.lists(any_frame.filter(taken_by_a_test_run), min_size=1, max_size=12))
def test_all_that_it_keeps_is_of_the_frames_that_fit(match: Match, sent: list[bytes]) -> None:
    asks = Asks(match)
    fitting = [frame for frame in sent if asks.about(frame)]
    wanted = Seen.of(fitting)
    with everything(match) as program:
        program.live(epoch=1)
        began = time.monotonic_ns()
        for frame in sent:
            program.run(frame)
        windows = time.monotonic_ns() // WINDOW_NS - began // WINDOW_NS + 1
        assert (program.slot(), flows(program)) == (wanted.classes, wanted.flows)
        assert [one.data for one in program.captured()] == [frame[:SNAPLEN] for frame in fitting]
        assert [one.length for one in program.captured()] == [len(frame) for frame in fitting]
        peaks = jobabi.peaks(program.raw_percpu(), 1)
        assert bool(peaks) == bool(fitting)
        for peak in peaks:
            assert sum(map(len, fitting)) / windows <= peak.bytes <= sum(map(len, fitting))
            assert windows > 1 or (peak.packets, peak.bytes) == wanted.total
        proves_nothing_is_missing(program, 0)


@pytest.mark.parametrize(("rate", "budget", "ring"), [(3, 1 << 30, 1 << 22), (1, 5, 1 << 22), (1, 1 << 30, 4096)])
def test_what_is_thinned_or_has_no_room_is_counted_beside(rate: int, budget: int, ring: int) -> None:
    match = Match(filter="udp or vlan", ip_proto=(17,))
    sent = [f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(BODY, (port, 53))), [(f.DOT1Q, 7)] * (port % 2)) for port in range(300)]
    sent += [f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(BODY, ports=(port, 53)))) for port in range(300)]
    with everything(match, rate=rate, budget=budget, ring=ring) as program:
        for frame in sent:
            program.run(frame)
        counted = program.percpu
        assert program.total() == Seen.of(sent[:300]).total
        assert (counted.frames, counted.sampled_frames) == (300, 300 // rate)
        assert (counted.untracked_packets > 0, counted.capture_lost > 0) == (budget == 5, ring == 4096)
        proves_nothing_is_missing(program, 0)


Loaded = tuple[Asks, JobProgram]


@pytest.fixture(scope="module")
def loaded() -> Iterator[list[Loaded]]:
    """All questions in the kernel."""
    with ExitStack() as stack:
        yield [(Asks(match), stack.enter_context(everything(match))) for match in MATCHES]


def shown(one: Loaded, frame: bytes) -> None:
    """Show the frame to the program: ``run`` sees to the verdict, the frame and the memory behind it."""
    asks, program = one
    before = program.total()
    program.run(frame)
    packets, octets = program.total()
    fits = asks.about(frame)
    assert (packets - before[0], octets - before[1]) == (fits, fits * len(frame)), frame.hex()
    if fits:
        assert program.captured()[-1].data == frame[:SNAPLEN]
        program.drain()


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(anyframe.built | wireframes.frames, st.data())
def test_a_frame_that_ends_anywhere_fits_what_it_holds(loaded: list[Loaded], frame: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(anyframe.SHORTEST, min(len(frame), 200)))
    if taken_by_a_test_run(frame[:end]):
        for one in loaded:
            shown(one, frame[:end])
            proves_nothing_is_missing(one[1], 0)


SYN = f.tcp(BODY, bytes(8), (40000, 443), 2)
CUT_WITHIN = {
    "TCP": f.ether(f.IPV4, f.ipv4(f.TCP, SYN, bytes(12)), [(f.DOT1Q, 7)]),
    "QinQ": f.ether(f.IPV4, f.ipv4(f.TCP, SYN), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    "UDP over IPv6": f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(BODY, (1, 53)), [f.options()]), [(f.DOT1Q, 7)]),
    "ICMPv6": f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BODY), [f.fragment()]), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
}


@pytest.mark.parametrize("frame", CUT_WITHIN.values(), ids=CUT_WITHIN)
def test_every_length_of_every_header(loaded: list[Loaded], frame: bytes) -> None:
    for one in loaded:
        for end in range(anyframe.SHORTEST, len(frame) + 1):
            shown(one, frame[:end])
        proves_nothing_is_missing(one[1], 0)
