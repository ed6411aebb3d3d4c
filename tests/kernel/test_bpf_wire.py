"""Real frames over a veth pair: where the kernel keeps a tag, or half of a frame, does not change what is counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.support import frames as f
from tests.support.bpfobj import SLOTS, Classifier
from tests.support.cable import EGRESS, IN, INGRESS, OUT, Cable, Stranger, Tagger
from tests.support.net import until
from tests.support.reference import Count, count, expected

UDP = f.ipv4(f.UDP, f.udp(bytes(100)))
ECHO6 = f.ipv6(f.ICMPV6, f.icmpv6(bytes(40)), [f.options()])


@pytest.fixture
def classifier() -> Iterator[Classifier]:
    with Classifier() as loaded:
        yield loaded


@pytest.fixture
def behind(cable: Cable) -> Stranger:
    """A stranger's filter behind ours where frames arrive."""
    return cable.stranger("right", INGRESS)


FRAMES = {
    "untagged": f.ether(f.IPV4, UDP),
    "802.1Q": f.ether(f.IPV4, UDP, [(f.DOT1Q, 7)]),
    "802.1ad": f.ether(f.IPV6, ECHO6, [(f.DOT1AD, 7)]),
    "QinQ": f.ether(f.IPV6, ECHO6, [(f.DOT1AD, 7), (f.DOT1Q, 8)]),
    "three tags": f.ether(f.IPV4, UDP, [(f.DOT1AD, 7), (f.DOT1Q, 8), (f.DOT1Q, 9)]),
    "four tags": f.ether(f.IPV4, UDP, [(f.DOT1Q, 1)] * 4),
    "QinQ with a TPID that the kernel leaves in": f.ether(f.IPV4, UDP, [(f.TPID_9100, 7), (f.DOT1Q, 8)]),
    "ARP": f.arp(),
    "LLDP": f.lldp(),
    "IPv4 without a header": f.ether(f.IPV4, b""),
    "IPv6 one byte short": f.ether(f.IPV6, f.ipv6(f.ICMPV6, b"")[:-1]),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frame_counts_the_same_where_it_leaves_and_where_it_arrives(
    classifier: Classifier, cable: Cable, behind: Stranger, frame: bytes
) -> None:
    cable.send([frame])
    assert until(lambda: behind.frames == 1)
    assert behind.offloaded_tags == (frame[12:14] in (b"\x81\x00", b"\x88\xa8"))
    assert classifier.slot(OUT) == classifier.slot(IN) == expected(frame)


@pytest.mark.parametrize("tags", [1, 2])
def test_tag_that_is_not_in_the_frame_yet_when_it_leaves(classifier: Classifier, tags: int) -> None:
    """So do VLAN netdevs hand their frames down: the outer tag beside the frame, an inner one in it."""
    frame = f.ether(f.IPV6, ECHO6)
    with Cable() as made, contextlib.closing(Tagger(tags)) as tagger:
        made.attach("left", EGRESS, tagger.fd, priority=1)
        made.attach("left", EGRESS, classifier.fd, OUT)
        leaving = made.stranger("left", EGRESS)
        made.send([frame])
        assert leaving.offloaded_tags == 1
    assert classifier.slot(OUT) == {"icmp6": count([len(frame) + 4 * tags])}


@pytest.mark.parametrize("inline", [0, 1])
@pytest.mark.parametrize("size", [64, 65, 2047, 2048, 4095, 4096, 9000, 9216, 9217])
def test_size_on_the_wire_decides_the_bucket(classifier: Classifier, inline: int, size: int) -> None:
    """Up to jumbo frames; the tag is part of the size where it is in the frame and where it is not."""
    tags = [(f.DOT1Q, 7)] * inline
    frame = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(size - 42 - 4 * inline))), tags)
    assert len(frame) == size
    upper_edges = [64, 127, 255, 511, 1023, 1518, 2047, 4095, 9216]
    histogram = [0] * 10
    histogram[sum(edge < size for edge in upper_edges)] = 1
    with Cable(mtu=9300) as made:
        made.attach("left", EGRESS, classifier.fd, OUT)
        made.attach("right", INGRESS, classifier.fd, IN)
        arriving = made.stranger("right", INGRESS)
        made.send([frame])
        assert until(lambda: arriving.frames == 1)
        assert arriving.offloaded_tags == inline
    wanted = {"ipv4": Count(1, size, tuple(histogram))}
    assert (classifier.slot(OUT), classifier.slot(IN)) == (wanted, wanted)


@pytest.mark.parametrize(
    "frame",
    [
        f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(5000)), [f.options(units=9), f.fragment(more=True)])),
        f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(5000)))),
        f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(5000))), [(f.TPID_9100, 7), (f.DOT1Q, 8)]),
    ],
    ids=["extensions", "IPv6", "tags"],
)
def test_headers_beyond_the_linear_part_are_read(classifier: Classifier, cable: Cable, frame: bytes) -> None:
    """AF_PACKET makes frames of a page and more with the MAC header alone in the linear part."""
    leaving = cable.stranger("left", EGRESS)
    cable.send([frame])
    assert leaving.non_linear == 1
    assert classifier.slot(OUT) == expected(frame)


def test_stranger_behind_ours_sees_every_frame(classifier: Classifier, cable: Cable, behind: Stranger) -> None:
    leaving = cable.stranger("left", EGRESS)
    frame = f.ether(f.IPV4, UDP)
    cable.send([frame] * 100)
    assert until(lambda: behind.frames == 100)
    assert leaving.frames == 100
    assert classifier.slot(OUT) == classifier.slot(IN) == {"ipv4": count([len(frame)] * 100)}
    assert classifier.totals() == {"ipv4": (200, 200 * len(frame))}


@pytest.mark.parametrize("classid", [0, SLOTS, 0xFFFF], ids=["none", "first too high", "highest"])
def test_classid_that_is_no_slot_counts_in_slot_0(classifier: Classifier, classid: int) -> None:
    with Cable() as made:
        made.attach("left", EGRESS, classifier.fd, classid)
        frame = f.ether(f.IPV4, UDP)
        made.send([frame])
        assert classifier.slot(0) == {"ipv4": count([len(frame)])}


def test_highest_slot_is_counted_in(classifier: Classifier) -> None:
    with Cable() as made:
        made.attach("left", EGRESS, classifier.fd, SLOTS - 1)
        frame = f.ether(f.IPV4, UDP)
        made.send([frame])
        assert classifier.slot(SLOTS - 1) == {"ipv4": count([len(frame)])}
        assert classifier.slot(0) == {}
