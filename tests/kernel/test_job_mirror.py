"""Mirroring by a job's program: clones arrive as the frames were, the frames themselves go on, and nothing loops.

The netdev that takes the clones is one end of a veth pair here; real ERSPAN netdevs are in tests/vm.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from sonic_telegen.model.job import MirrorMode, ResultDetail
from sonic_telegen.model.match import Match
from tests.support import frames as f
from tests.support.cable import EGRESS, INGRESS, Cable
from tests.support.heard import Heard
from tests.support.jobprog import JobProgram, spec
from tests.support.net import run_in, until

OUT, IN = 31, 32
GRE = 47
DATAGRAM = f.ipv4(f.UDP, f.udp(bytes(60), (1000, 53)))
MIXED = [
    f.ether(f.IPV4, DATAGRAM),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 7)]),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(5000), (5, 6)))),
    f.ether(f.IPV4, f.ipv4(f.ICMP, f.icmp(bytes(56)))),
    f.arp(),
    f.lldp(),
]


def gre(kind: int, flags: int = 0x1000) -> bytes:
    return struct.pack("!HHI", flags, kind, 7) + bytes(60)


def icmp_error(kind: int, quoted: bytes) -> bytes:
    return f.ipv4(f.ICMP, bytes([kind]) + bytes(7) + quoted)


class Target(Heard):
    """A veth pair in a side's namespace: clones go into one end, and what comes out of the other is heard."""

    def __init__(self, cable: Cable, side: str) -> None:
        space = cable.spaces[side]
        words = "ip link add mon mtu 9000 type veth peer name far mtu 9000"
        run_in(space, *words.split())
        for name in ("mon", "far"):
            run_in(space, "ip", "link", "set", name, "up")
        self.ifindex = cable.index(side, "mon")
        super().__init__(space, "far")


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable(mtu=9000) as made:
        yield made


@pytest.fixture
def target(cable: Cable) -> Iterator[Target]:
    with Target(cable, "right") as made:
        yield made


def mirroring(match: Match | None = None, detail: ResultDetail = ResultDetail.SUMMARY, rate: int = 1) -> JobProgram:
    return JobProgram(spec(match or Match(), detail, sample_rate=rate), mode=MirrorMode.ERSPAN)


def test_every_frame_is_cloned_as_it_was_and_goes_on_to_the_next_filter(cable: Cable, target: Target) -> None:
    with mirroring() as program:
        program.live(mirror=target.ifindex)
        cable.attach("right", INGRESS, program.fd, IN)
        behind = cable.stranger("right", INGRESS)
        cable.send(MIXED)
        assert until(lambda: len(target.frames) == len(MIXED))
        assert target.frames == MIXED
        assert behind.frames == len(MIXED)
        assert (program.percpu.mirrored, program.percpu.mirror_failed) == (len(MIXED), 0)
        assert program.total(IN) == (len(MIXED), sum(map(len, MIXED)))


def test_what_leaves_is_mirrored_where_it_leaves(cable: Cable) -> None:
    with mirroring() as program, Target(cable, "left") as target:
        program.live(mirror=target.ifindex)
        cable.attach("left", EGRESS, program.fd, OUT)
        arriving = cable.stranger("right", INGRESS)
        cable.send(MIXED)
        assert until(lambda: len(target.frames) == len(MIXED))
        assert target.frames == MIXED
        assert until(lambda: arriving.frames == len(MIXED))


def test_only_what_matches_is_mirrored(cable: Cable, target: Target) -> None:
    with mirroring(Match(vlan=7)) as program:
        program.live(mirror=target.ifindex)
        cable.attach("right", INGRESS, program.fd, IN)
        behind = cable.stranger("right", INGRESS)
        cable.send(MIXED)
        assert until(lambda: len(target.frames) == 2 and behind.frames == len(MIXED))
        assert target.frames == MIXED[1:3]


def test_one_in_four_is_mirrored_beside_flows_and_captured(cable: Cable, target: Target) -> None:
    with mirroring(detail=ResultDetail.PACKETS, rate=4) as program:
        program.live(mirror=target.ifindex)
        cable.attach("right", INGRESS, program.fd, IN)
        cable.send(MIXED[:1] * 40)
        assert until(lambda: program.total(IN)[0] == 40)
        assert (program.percpu.mirrored, program.percpu.captured) == (10, 10)
        assert until(lambda: len(target.frames) == 10)


def test_without_a_netdev_nothing_is_mirrored_and_nothing_failed(cable: Cable, target: Target) -> None:
    with mirroring() as program:
        cable.attach("right", INGRESS, program.fd, IN)
        cable.send(MIXED)
        assert until(lambda: program.total(IN)[0] == len(MIXED))
        assert (program.percpu.mirrored, program.percpu.mirror_failed) == (0, 0)
        assert target.frames == []


def test_clones_into_a_netdev_that_is_down_or_gone_are_counted_as_failed(cable: Cable, target: Target) -> None:
    with mirroring() as program:
        program.live(mirror=target.ifindex)
        cable.attach("right", INGRESS, program.fd, IN)
        behind = cable.stranger("right", INGRESS)
        for number, command in enumerate(("ip link set mon down", "ip link del mon"), 1):
            run_in(cable.spaces["right"], *command.split())
            cable.send(MIXED)
            assert until(lambda: behind.frames == number * len(MIXED))  # noqa: B023
            assert (program.percpu.mirrored, program.percpu.mirror_failed) == (0, number * len(MIXED))


def test_an_aggregate_counts_as_the_packets_that_it_stands_for(cable: Cable) -> None:
    for side, address in (("left", "192.0.2.1/24"), ("right", "192.0.2.2/24")):
        run_in(cable.spaces[side], "ip", "addr", "add", address, "dev", side)
    with mirroring(Match(ip_proto=(6,))) as program, Target(cable, "left") as target:
        program.live(mirror=target.ifindex)
        cable.attach("left", EGRESS, program.fd, OUT)
        leaving = cable.stranger("left", EGRESS)
        with cable.socket("right") as listener:
            listener.bind(("192.0.2.2", 5001))
            listener.listen()
            with cable.socket("left") as client:
                client.connect(("192.0.2.2", 5001))
                server, _ = listener.accept()
                with server:
                    client.sendall(bytes(200_000))
                    read = 0
                    while read < 200_000:
                        read += len(server.recv(1 << 20))
        assert leaving.aggregates
        assert until(lambda: program.percpu.mirrored == program.total(OUT)[0])
        assert program.percpu.mirror_failed == 0


ERSPAN = f.ipv4(GRE, gre(0x88BE))
NEVER = {
    "type I": f.ether(f.IPV4, f.ipv4(GRE, gre(0x88BE, 0))),
    "type II": f.ether(f.IPV4, ERSPAN),
    "type III": f.ether(f.IPV4, f.ipv4(GRE, gre(0x22EB))),
    "the vendor's": f.ether(f.IPV4, f.ipv4(GRE, gre(0x8949, 0))),
    "behind tags": f.ether(f.IPV4, ERSPAN, [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    "behind IPv4 options": f.ether(f.IPV4, f.ipv4(GRE, gre(0x22EB), bytes(12))),
    "first fragment": f.ether(f.IPV4, f.ipv4(GRE, gre(0x88BE), fragment=0x2000)),
    "later fragment": f.ether(f.IPV4, f.ipv4(GRE, bytes(80), fragment=0x0010)),
    "error about it": f.ether(f.IPV4, icmp_error(3, ERSPAN[:28])),
    "error about the vendor's": f.ether(f.IPV4, icmp_error(3, f.ipv4(GRE, gre(0x8949))[:28])),
    "too late": f.ether(f.IPV4, icmp_error(11, ERSPAN[:28]), [(f.DOT1Q, 7)]),
}
ALWAYS = {
    "other GRE": f.ether(f.IPV4, f.ipv4(GRE, gre(0x6558))),
    "GRE over IPv6": f.ether(f.IPV6, f.ipv6(GRE, gre(0x88BE))),
    "error about other GRE": f.ether(f.IPV4, icmp_error(3, f.ipv4(GRE, gre(0x6558))[:28])),
    "error about UDP": f.ether(f.IPV4, icmp_error(3, DATAGRAM[:28])),
    "echo whose data look like it": f.ether(f.IPV4, f.ipv4(f.ICMP, bytes(8) + ERSPAN[:28])),
    "later fragment of ICMP": f.ether(f.IPV4, f.ipv4(f.ICMP, b"\3" + bytes(7) + ERSPAN[:28], fragment=0x0010)),
    "cut within GRE": f.ether(f.IPV4, f.ipv4(GRE, b"\0\0\x88")),
    "error cut": f.ether(f.IPV4, icmp_error(3, ERSPAN[:19])),
}


def test_what_is_erspan_already_is_counted_and_never_mirrored(cable: Cable, target: Target) -> None:
    with mirroring() as program:
        program.live(mirror=target.ifindex)
        cable.attach("right", INGRESS, program.fd, IN)
        cable.send([*NEVER.values(), *ALWAYS.values()])
        assert until(lambda: program.total(IN)[0] == len(NEVER) + len(ALWAYS))
        assert until(lambda: len(target.frames) == len(ALWAYS))
        heard = [name for frame in target.frames for name, sent in (NEVER | ALWAYS).items() if frame == sent]
        assert heard == list(ALWAYS)


def test_a_job_on_its_own_way_out_does_not_mirror_its_mirror(cable: Cable) -> None:
    """The clone leaves by the netdev that the program watches: it runs again within its own run."""
    with mirroring() as program:
        program.live(mirror=cable.index("left"))
        cable.attach("left", EGRESS, program.fd, OUT)
        arriving = cable.stranger("right", INGRESS)
        cable.send(NEVER.values())
        assert until(lambda: arriving.frames == len(NEVER))
        assert (program.total(OUT)[0], program.percpu.mirrored) == (len(NEVER), 0)
