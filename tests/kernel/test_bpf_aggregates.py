"""An aggregate (GSO, GRO) counts as the packets that go over the wire: BPF_PROG_TEST_RUN with gso_size and gso_segs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.reference import Count, count

MSS = 500
OPTIONS = bytes(12)
TCP4 = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1200), OPTIONS)))
TCP4_HEADERS = 14 + 20 + 32
QINQ = [(f.DOT1AD, 1), (f.DOT1Q, 2)]


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier() as loaded:
        yield loaded


CASES = {
    "TCP": ("ipv4", TCP4, TCP4_HEADERS),
    "IPv4 options": ("ipv4", f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1200)), bytes(8))), 14 + 28 + 20),
    "UDP GSO": ("ipv4", f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(1200)))), 14 + 20 + 8),
    "SCTP": ("ipv4", f.ether(f.IPV4, f.ipv4(f.SCTP, f.sctp(bytes(1200)))), 14 + 20 + 12),
    "IPv6 TCP": ("ipv6", f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(1200), OPTIONS))), 14 + 40 + 32),
    "IPv6 UDP": ("ipv6", f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(1200)))), 14 + 40 + 8),
    "IPv6 with extensions": (
        "ipv6",
        f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(1200)), [f.options(units=1), f.authentication(4)])),
        14 + 40 + 16 + 24 + 20,
    ),
    "inline tag": ("ipv4", f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1200))), QINQ[:1]), 18 + 20 + 20),
    "QinQ": ("ipv6", f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(1200))), QINQ), 22 + 40 + 20),
}


@pytest.mark.parametrize("segs", [3, 0], ids=["gso_segs", "gso_size alone"])
@pytest.mark.parametrize(("name", "frame", "headers"), CASES.values(), ids=CASES)
def test_aggregate_counts_its_packets(classifier: Classifier, name: str, frame: bytes, headers: int, segs: int) -> None:
    wire = [headers + MSS, headers + MSS, headers + 200]
    assert classifier.run(frame, MSS, segs) == {name: count(wire)}


def test_last_packet_may_be_full(classifier: Classifier) -> None:
    assert classifier.run(TCP4, 600, 2) == {"ipv4": count([TCP4_HEADERS + 600] * 2)}
    assert classifier.run(TCP4, 600, 0) == {"ipv4": count([TCP4_HEADERS + 600] * 2)}


def test_short_last_packet_has_its_own_bucket(classifier: Classifier) -> None:
    counted = classifier.run(TCP4, 1199, 2)["ipv4"]
    assert counted.histogram == (0, 1, 0, 0, 0, 1, 0, 0, 0, 0)  # 67 and 1,265 bytes


def test_segment_count_without_a_segment_size_is_one_packet(classifier: Classifier) -> None:
    """Every TCP frame of one segment says gso_segs 1, and skb_is_gso() asks for the size."""
    assert classifier.run(TCP4, 0, 1) == {"ipv4": count([len(TCP4)])}
    assert classifier.run(TCP4, 0, 7) == {"ipv4": count([len(TCP4)])}


@pytest.mark.parametrize(("size", "segs"), [(0xFFFF, 4), (100, 4), (400, 4)], ids=["SCTP", "too few", "too many"])
def test_sizes_that_do_not_add_up_count_at_their_mean(classifier: Classifier, size: int, segs: int) -> None:
    packet = TCP4_HEADERS + 1200 // segs
    assert classifier.run(TCP4, size, segs) == {"ipv4": count([packet] * segs)}


def test_aggregate_of_headers_alone_is_one_packet(classifier: Classifier) -> None:
    frame = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp()))
    assert classifier.run(frame, MSS, 0) == {"ipv4": count([len(frame)])}


def test_later_fragment_repeats_no_transport_header(classifier: Classifier) -> None:
    frame = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(980)), fragment=100))
    assert classifier.run(frame, MSS, 2) == {"ipv4": count([34 + MSS] * 2)}


@pytest.mark.parametrize(
    ("packet", "headers"),
    [
        (f.ipv4(f.TCP, bytes(12) + b"\x40" + bytes(987)), 14 + 20),  # doff 4: no TCP header is that short
        (b"\x44" + f.ipv4(f.TCP, f.tcp(bytes(980)))[1:], 14),  # ihl 4
        (f.ipv4(89, bytes(1000)), 14 + 20),
    ],
    ids=["TCP header", "IPv4 header", "OSPF"],
)
def test_broken_or_unknown_header_ends_the_headers(classifier: Classifier, packet: bytes, headers: int) -> None:
    frame = f.ether(f.IPV4, packet)
    payload = len(frame) - headers
    pieces = [min(MSS, payload - at) for at in range(0, payload, MSS)]
    assert classifier.run(frame, MSS, 0) == {"ipv4": count(headers + piece for piece in pieces)}


def test_most_packets_that_the_kernel_can_say(classifier: Classifier) -> None:
    counted = classifier.run(TCP4, 1, 0xFFFF)["ipv4"]
    histogram = (0, 65535, 0, 0, 0, 0, 0, 0, 0, 0)  # 1,200 bytes in 65,535 packets: the mean is a bare header
    assert counted == Count(65535, 1200 + 65535 * TCP4_HEADERS, histogram)
