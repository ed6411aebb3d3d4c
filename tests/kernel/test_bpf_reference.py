"""Kernel and reference agree on every frame that Hypothesis can think of: class, packets, bytes, sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.reference import dissect, expected

SHORTEST, LONGEST = 14, 3000  # what a test run takes

tags = st.lists(
    st.tuples(st.sampled_from([f.DOT1Q, f.DOT1AD, f.TPID_9100, f.TPID_9200, 0x9300]), st.integers(0, 0xFFFF)),
    max_size=5,
)
words = st.integers(0, 10).map(lambda count: bytes(4 * count))
extensions = st.lists(
    st.one_of(
        st.builds(
            f.options,
            st.sampled_from([f.HOP_BY_HOP, f.ROUTING, f.DESTINATION, f.MOBILITY]),
            st.integers(0, 3) | st.just(40),
        ),
        st.builds(f.fragment, st.sampled_from([0, 0, 1, 0x1FFF]), st.booleans()),
        st.builds(f.authentication, st.integers(0, 6)),
    ),
    max_size=10,
)
data = st.integers(0, 1500).map(bytes) | st.binary(max_size=80)
Packet = st.SearchStrategy[tuple[int, bytes]]

transports: Packet = st.one_of(
    st.builds(lambda body, more: (f.TCP, f.tcp(body, more)), data, words),
    st.builds(lambda body: (f.UDP, f.udp(body)), data),
    st.builds(lambda body: (f.ICMPV6, f.icmpv6(body)), data),
    st.builds(lambda body: (f.SCTP, f.sctp(body)), data),
    st.tuples(st.integers(0, 255), data),
)
ipv4: Packet = st.builds(
    lambda inner, more, fragment: (f.IPV4, f.ipv4(inner[0], inner[1], more, fragment)),
    transports,
    words,
    st.sampled_from([0, 0, 0x4000, 0x2000, 0x2001, 0x1FFF]),
)
ipv6: Packet = st.builds(lambda inner, chain: (f.IPV6, f.ipv6(inner[0], inner[1], chain)), transports, extensions)
packets: Packet = st.one_of(ipv4, ipv6, st.tuples(st.integers(0, 0xFFFF), data))
built = st.builds(lambda packet, outer: f.ether(packet[0], packet[1], outer), packets, tags)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good frame of which some bytes were changed and an end cut off; lengths and types are hit most often."""
    frame = bytearray(draw(built)[:LONGEST])
    for _ in range(draw(st.integers(0, 4))):
        frame[draw(st.integers(12, min(len(frame), 120) - 1))] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(SHORTEST, len(frame)))])


frames = st.one_of(built.map(lambda frame: frame[:LONGEST]), mutated(), st.binary(min_size=SHORTEST, max_size=200))
gso_sizes = st.just(0) | st.integers(1, 1600) | st.integers(1, 0xFFFF)
gso_segs = st.just(0) | st.integers(1, 50) | st.integers(1, 0xFFFF)


def taken_by_a_test_run(frame: bytes) -> bool:
    """Newer kernels refuse to run on less than an IP header when the frame's outer type says IP."""
    least = {f.IPV4: 34, f.IPV6: 54}.get(int.from_bytes(frame[12:14], "big"), SHORTEST)
    return len(frame) >= least


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier() as loaded:
        yield loaded


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames.filter(taken_by_a_test_run), gso_sizes, gso_segs)
@example(f.ether(f.IPV4, b"", [(f.DOT1Q, 1)] * 4), 1, 0)
@example(f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(), [f.options(units=255)])), 9, 0)
def test_kernel_and_reference_agree(classifier: Classifier, frame: bytes, size: int, segs: int) -> None:
    assert classifier.run(frame, size, segs) == expected(frame, gso_size=size, gso_segs=segs)


@settings(max_examples=500, deadline=None)
@given(built.map(lambda frame: frame[:LONGEST]).filter(taken_by_a_test_run), gso_sizes, st.data())
def test_exact_segment_count_changes_nothing(
    classifier: Classifier, frame: bytes, size: int, data: st.DataObject
) -> None:
    """gso_segs 0 (a tap's or virtio's sender) counts as the true number would."""
    payload = len(frame) - dissect(frame).length
    true = max(1, -(-payload // size)) if size else data.draw(gso_segs)
    assert classifier.run(frame, size, 0) == classifier.run(frame, size, true)
