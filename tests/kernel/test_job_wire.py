"""A job's program on real netdevs, where the kernel keeps tags beside frames and sends aggregates: no frame is lost."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from sonic_telegen.kernel.jobabi import FlowKey
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.match import Match
from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, INGRESS, Cable
from tests.support.job_reference import facts
from tests.support.jobprog import JobProgram, spec
from tests.support.net import until
from tests.support.reference import expected

OUT, IN = 31, 32
BODY = bytes(60)
DATAGRAM = f.ipv4(f.UDP, f.udp(BODY, (1000, 53)), tos=46 << 2)
MIXED = [
    f.ether(f.IPV4, DATAGRAM),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BODY), [f.options()]), [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV4, DATAGRAM, [(f.TPID_9100, 8), (f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(5000), (5, 6)))),
    f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(BODY, ports=(1, 2)), bytes(8), fragment=0x2000)),
    f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(BODY), fragment=0x0010)),
    f.arp(),
    f.lldp(),
]


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable(mtu=9000) as made:
        yield made


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(vlan=7),
        Match(vlan=9),
        Match(ip_proto=(17,), l4_dport=((53, 53),)),
        Match(src_cidr=ip_network("192.0.2.0/24"), dscp=(46,)),
        Match(src_cidr=ip_network("fe80::/10"), vlan=7),
        Match(ip_proto=(6,)),
    ],
)
def test_frames_fit_the_same_where_they_leave_and_where_they_arrive(cable: Cable, match: Match) -> None:
    with JobProgram(spec(match, ResultDetail.FLOWS)) as program:
        cable.attach("left", EGRESS, program.fd, OUT)
        cable.attach("right", INGRESS, program.fd, IN)
        behind, leaving = cable.stranger("right", INGRESS), cable.stranger("left", EGRESS)
        cable.send(MIXED)
        assert until(lambda: behind.frames == len(MIXED))
        assert (behind.offloaded_tags, leaving.non_linear) == (2, 1)
        fitting = [frame for frame in MIXED if facts(frame).fits(match)]
        counts: Counter[str] = Counter()
        flows: Counter[FlowKey] = Counter()
        for frame in fitting:
            counts.update({name: count.bytes for name, count in expected(frame).items()})
            flows[facts(frame).key()] += 2
        for slot in (OUT, IN):
            assert {name: count.bytes for name, count in program.slot(slot).items()} == counts
        assert {key: flow.packets for key, flow in program.flows().items()} == flows


def test_captured_frames_tell_the_tag_beside_them(cable: Cable) -> None:
    with JobProgram(spec(detail=ResultDetail.PACKETS, snaplen=9216)) as program:
        program.name_slot(IN, 3)
        cable.attach("right", INGRESS, program.fd, IN)
        cable.send(MIXED)
        assert until(lambda: program.percpu.captured == len(MIXED))
        found = program.captured()
    whole = []
    for one in found:
        tag = one.vlan_proto.to_bytes(2, "big") + one.vlan_tci.to_bytes(2, "big") if one.vlan_proto else b""
        whole.append(one.data[:12] + tag + one.data[12:])
    assert whole == MIXED
    assert [one.length for one in found] == [len(frame) for frame in MIXED]
    assert {one.vlan_proto for one in found} == {0, f.DOT1Q, f.DOT1AD}
    assert {(one.ifindex, one.direction, one.slot) for one in found} == {(cable.index("right"), 3, IN)}


@pytest.mark.parametrize(("rate", "budget"), [(1, 1 << 30), (7, 1 << 30), (1, 3), (5, 0)])
def test_seen_is_counted_and_untracked_on_mixed_traffic(cable: Cable, rate: int, budget: int) -> None:
    """The interface program beside it says what was there; aggregates, fragments and tags among it."""
    job = spec(detail=ResultDetail.FLOWS, sample_rate=rate)
    with Classifier() as interface, JobProgram(job, budget=budget, window=1 << 30) as program:
        cable.address()
        cable.attach("left", EGRESS, interface.fd, OUT, priority=2)
        cable.attach("left", EGRESS, program.fd, OUT, priority=3)
        leaving = cable.stranger("left", EGRESS)
        for port in (5001, 5002):
            cable.stream(3_000_000, port)
        with cable.socket("left", kind=socket.SOCK_DGRAM) as sender:
            for port in range(6000, 6050):
                sender.sendto(BODY, ("192.0.2.2", port))
        cable.send(MIXED)
        assert until(lambda: program.slot(OUT) == interface.slot(OUT))
        assert leaving.aggregates > 20
        counted, (packets, octets) = program.percpu, program.total(OUT)
        flows = program.flows().values()
        assert counted.frames <= packets
        assert counted.tracked_packets + counted.untracked_packets == counted.sampled_packets
        assert counted.tracked_bytes + counted.untracked_bytes == counted.sampled_bytes
        assert sum(flow.packets for flow in flows) == counted.tracked_packets
        assert sum(flow.bytes for flow in flows) == counted.tracked_bytes
        if rate == 1:
            assert (counted.sampled_packets, counted.sampled_bytes) == (packets, octets)
        else:
            assert 0 < counted.sampled_packets < packets
        assert (counted.untracked_packets > 0) == (budget < 1000)
        assert bool(flows) == (budget > 0)
