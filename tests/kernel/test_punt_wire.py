"""Control protocols in real frames: where the kernel keeps a tag, or all but a frame's first bytes, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, IN, INGRESS, OUT, Cable
from tests.support.net import until
from tests.support.punt_frames import EXAMPLES, OSPF
from tests.support.punt_reference import protocol

BIG = bytes(5000)
TAGS = [(f.DOT1AD, 7), (f.DOT1Q, 8)]


@pytest.fixture
def classifier() -> Iterator[Classifier]:
    with Classifier(program="telegen_if_punt") as loaded:
        yield loaded


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_tag_beside_the_frame_is_a_tag_in_it(classifier: Classifier, cable: Cable, name: str) -> None:
    frame = EXAMPLES[name]
    tagged = frame[:12] + b"\x81\x00\x00\x07" + frame[12:]
    behind = cable.stranger("right", INGRESS)
    cable.send([frame, tagged])
    assert until(lambda: behind.frames == 2)
    assert behind.offloaded_tags == 1 + (name == "lacp"), "the one of LACP is tagged already"
    counted = {name: (2, len(frame) + len(tagged))}
    assert classifier.punts(OUT) == classifier.punts(IN) == counted


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("bgp", f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(BIG, ports=(179, 40000))))),
        ("dhcp", f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(BIG, (68, 67)), bytes(8)), TAGS)),
        ("sflow", f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(BIG, (40000, 6343))))),
        ("ssh", f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(BIG, ports=(40000, 22)), [f.options(units=9)]))),
        ("nd", f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BIG, 134)))),
        ("icmp", f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(BIG), [f.fragment(more=True)]))),
        ("ospf", f.ether(f.IPV4, f.ipv4(OSPF, BIG))),
        ("lacp", f.ether(0x8809, b"\x01" + BIG)),
    ],
)
def test_headers_beyond_the_linear_part_are_read(classifier: Classifier, cable: Cable, name: str, frame: bytes) -> None:
    leaving = cable.stranger("left", EGRESS)
    cable.send([frame])
    assert leaving.non_linear == 1
    assert protocol(frame) == name
    assert classifier.punts(OUT) == {name: (1, len(frame))}
